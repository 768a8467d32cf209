"""A real tokenizer over a handful of words: one word, one token, so that positions can be read off the ids."""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<unk>", "<eos>")


def word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """Ids 0, 1, 2 are <pad>, <unk>, <eos>; then the words in the order given. It adds no special token by itself.

    `model_max_length` is 16, far less than most texts: only a caller that asks for truncation meets it.
    """
    vocab = {word: i for i, word in enumerate((*SPECIAL, *words))}
    backend = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.decoder = decoders.WordPiece(prefix="##", cleanup=False)  # joins words with single spaces
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>", eos_token="<eos>", model_max_length=16
    )


def character_tokenizer(characters: str) -> PreTrainedTokenizerFast:
    """Ids 0, 1, 2 are <pad>, <unk>, <eos>; then the characters, blanks too: text comes back exactly as it was."""
    vocab = {token: i for i, token in enumerate((*SPECIAL, *characters))}
    backend = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<eos>",
        clean_up_tokenization_spaces=False,
    )
