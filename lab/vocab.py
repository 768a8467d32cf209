"""Tokenizers: trained here on the corpus (and cached), one token a character, or GPT-2's."""

import hashlib
import os
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lab.corpora import Corpus
from lab.hub import asked
from lab.problem import Problem

EOS = "<|endoftext|>"
UNKNOWN = "<unk>"
LEAST_BPE = 257  # 256 bytes and the end of text
HUB_GPT2 = "openai-community/gpt2"


def load(name: str, corpus: Corpus) -> PreTrainedTokenizerBase:
    """`bpe:N`, `char`, `gpt2` or a folder. All have an end of text that also pads, and add nothing by themselves.

    Raises Problem if there is no such tokenizer or it cannot be had.
    """
    if name.startswith("bpe:"):
        return bpe(_vocab_size(name), corpus.train)
    if name == "char":
        return char(corpus.train + corpus.validation)
    if name == "gpt2":
        return from_hub()
    if Path(name).is_dir():
        return from_folder(Path(name))
    raise Problem(f"there is no tokenizer {name!r}: give bpe:N (as bpe:2000), char, gpt2, or a folder with a tokenizer")


def bpe(vocab_size: int, texts: list[str]) -> PreTrainedTokenizerBase:
    """Byte-level byte-pair encoding (Sennrich et al. 2016, over bytes as in GPT-2) of at most `vocab_size` tokens."""
    key = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    cached = cache_folder() / f"bpe-{vocab_size}-{key}.json"
    if cached.exists():
        return _wrapped(Tokenizer.from_file(str(cached)))
    backend = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(  # type: ignore[call-arg]
        vocab_size=vocab_size,
        special_tokens=[EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),  # all 256 bytes: no text is ever unknown
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    _write_cache(cached, backend.to_str())
    return _wrapped(backend)


def char(texts: list[str]) -> PreTrainedTokenizerBase:
    """One token per character of the corpus, the end of text, and one for characters that it does not have."""
    characters = sorted(set("".join(texts)))
    vocab = {token: i for i, token in enumerate([EOS, UNKNOWN, *characters])}
    backend = Tokenizer(models.WordLevel(vocab, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")  # type: ignore[assignment]
    backend.decoder = decoders.Fuse()  # type: ignore[assignment]
    return _wrapped(backend, unk_token=UNKNOWN)


def from_hub() -> PreTrainedTokenizerBase:
    """GPT-2's 50,257 tokens, from the Hugging Face hub or its cache."""
    folder = "give a folder with its vocab.json and merges.txt (--tokenizer DIR)"
    with asked("gpt2's tokenizer", f"{folder}, or use --tokenizer bpe:2000"):
        tokenizer = AutoTokenizer.from_pretrained(HUB_GPT2)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def from_folder(folder: Path) -> PreTrainedTokenizerBase:
    """A saved tokenizer (tokenizer.json), or GPT-2's two files (vocab.json and merges.txt)."""
    if (folder / "tokenizer.json").exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        return tokenizer
    vocab, merges = folder / "vocab.json", folder / "merges.txt"
    if not (vocab.exists() and merges.exists()):
        raise Problem(f"{folder} holds no tokenizer: neither tokenizer.json nor vocab.json with merges.txt")
    return _wrapped(_byte_level(models.BPE.from_file(str(vocab), str(merges))))


def cache_folder() -> Path:
    """Where trained tokenizers are kept: $XDG_CACHE_HOME/tinygpt-kata, else ~/.cache/tinygpt-kata."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "tinygpt-kata"


def _vocab_size(name: str) -> int:
    digits = name.removeprefix("bpe:")
    if not digits.isdecimal() or int(digits) < LEAST_BPE:
        raise Problem(f"--tokenizer {name}: N must be a whole number from {LEAST_BPE}, as in bpe:2000")
    return int(digits)


def _byte_level(model: models.BPE) -> Tokenizer:
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    backend.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    return backend


def _wrapped(backend: Tokenizer, **special: str) -> PreTrainedTokenizerBase:
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=EOS,
        bos_token=EOS,
        pad_token=EOS,
        clean_up_tokenization_spaces=False,
        **special,
    )


def _write_cache(path: Path, text: str) -> None:
    """All or nothing: two runs that start together must not read half a file. Raises Problem if it cannot write."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        Path(file.name).replace(path)
    except OSError as error:
        raise Problem(f"cannot keep the tokenizer in {path.parent} ({error.strerror}): set XDG_CACHE_HOME") from error
