"""Words in pieces, learnt from the training pairs: zweiundvierzig becomes zwei, und, vier, zig."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

SPECIAL = PAD, BOS, EOS, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"
PAD_ID, BOS_ID, EOS_ID = 0, 1, 2


class Subwords:
    """One language's pieces (byte-pair encoding, Sennrich et al. 2016). Ids 0, 1, 2: padding, begin, end."""

    def __init__(self, texts: list[str], vocab_size: int):
        self.backend = Tokenizer(models.BPE(unk_token=UNKNOWN))
        self.backend.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
            [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
        )
        self.backend.decoder = decoders.Metaspace()  # type: ignore[assignment]
        trainer = trainers.BpeTrainer(  # type: ignore[call-arg]
            vocab_size=vocab_size, special_tokens=list(SPECIAL), show_progress=False
        )
        self.backend.train_from_iterator(texts, trainer)

    def __len__(self) -> int:
        return self.backend.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """The ids of a text from its begin to its end, both included."""
        return [BOS_ID, *self.backend.encode(text).ids, EOS_ID]

    def decode(self, ids: list[int]) -> str:
        """The text of ids up to the end, if there is one; begin and padding left out."""
        ids = ids[: ids.index(EOS_ID)] if EOS_ID in ids else ids
        return self.backend.decode([i for i in ids if i not in (PAD_ID, BOS_ID)])

    def pieces(self, ids: list[int]) -> list[str]:
        """Every id as a reader should see it."""
        return [(self.backend.id_to_token(i) or UNKNOWN).replace("▁", " ").strip() or "␣" for i in ids]


def padded(rows: list[list[int]]) -> Tensor:
    """Rows of ids as one (rows, longest) tensor, padded at their ends."""
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD_ID)
