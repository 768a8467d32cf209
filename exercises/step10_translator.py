"""Step 10: the translator. One stack of layers reads a sentence, another writes its translation while looking at it.

What it does. This is the model of "Attention Is All You Need" (Vaswani et al. 2017), an encoder and a decoder:

    src (B, S)                        the sentence, padded
      -> embed, add positions         (B, S, C)
      -> n_layer encoder layers       each: attention among the source words, then a feed-forward part
      -> a last normalisation         the memory (B, S, C): what the source says, word by word

    tgt (B, T), so far                what has been written, from <bos> on
      -> embed, add positions         (B, T, C)
      -> n_layer decoder layers       each: causal attention among what is written, then cross-attention (the queries
                                      from here, keys and values from the memory), then a feed-forward part
      -> a last normalisation, head   (B, T, V), then log_softmax: log-probabilities of the next word

Each part has its own residual connection, its own normalisation and its own weights. Normalise what a part reads
(pre-norm) or the sum after it (post-norm, as in the paper): either is right; pre-norm needs less patience in training.
Three uses of attention, one piece of code, if it takes (x, memory, mask): in self-attention memory is x.

The masks. They come in from outside, bool, True where a position may look: src_mask (B, 1, S) for the encoder and for
cross-attention, tgt_mask (1, T, T) or (B, T, T) for the decoder. With heads, scores are (B, n_head, T, S): one
mask.unsqueeze(1) fits all of these. Set forbidden scores to -inf *before* the softmax. A sentence must mean the same
whatever filling stands after it, down to the last digit of rounding; that is the best test of your masks.

Positions. Attention by itself does not know order. The paper adds waves of different lengths, sin and cos of
position / 10000^(2i / C); a learnt table does as well. It also multiplies the embeddings by sqrt(C), so that words
are not drowned by the waves (with a table that starts at about 1 / sqrt(C), both are then of size 1).

The loss. forward(batch) goes the whole way and returns one number, so that model(batch).backward() trains. It is the
label-smoothed loss of step 11, per target token: wanted is 1 - smoothing on the right word and smoothing / (V - 2) on
each other word but padding; the loss is KL(wanted, predicted), summed over all targets that are not padding and
divided by their number. (Steps do not import each other; it takes five lines here, and step 11 has you write them as
a module. F.kl_div(log_probs, wanted, reduction="sum") is the sum.)

What is checked: shapes and sizes for any configuration; that log-probabilities are what they say; which word
influences which output, word by word, through encoder, cross-attention and decoder; padding, whatever stands there and
however much; order; both shapes of mask; the loss, worked out anew from your log-probabilities; dropout; gradients;
that it learns to write a sentence backwards. How it is built inside is free.

What usually goes wrong: cross-attention without src_mask, or with keys from the decoder; the mask inverted (PyTorch's
nn.Transformer wants True where attention is *forbidden*; scaled_dot_product_attention wants what we have); layers
copied or shared; no positions on one side; softmax where log_softmax is wanted; a mean over padding too.

Hint: unflatten(-1, (n_head, -1)).transpose(1, 2) splits heads, transpose(1, 2).flatten(2) puts them together again.
"""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class TranslatorConfig:
    """The sizes of a translator; `smoothing` and `pad` belong to its loss."""

    src_vocab: int
    tgt_vocab: int  # V
    n_layer: int = 2  # in the encoder, and again in the decoder
    n_head: int = 4
    d_model: int = 128  # C
    d_ff: int = 512  # the width inside a feed-forward part
    dropout: float = 0.1
    max_len: int = 64  # the longest sentence, on either side
    pad: int = 0
    smoothing: float = 0.1


class Translator(nn.Module):
    """An encoder-decoder. A sentence of more than `max_len` tokens, on either side, raises ValueError."""

    def __init__(self, config: TranslatorConfig):
        super().__init__()
        raise NotImplementedError("step 10: write Translator: embeddings, encoder, decoder, head")

    def encode(self, src: Tensor, src_mask: Tensor) -> Tensor:
        """What the source says, word by word: (B, S) and a bool mask (B, 1, S) -> the memory (B, S, C)."""
        raise NotImplementedError("step 10: write encode: embed, then every encoder layer under src_mask")

    def decode(self, memory: Tensor, src_mask: Tensor, tgt: Tensor, tgt_mask: Tensor) -> Tensor:
        """What comes after each target token: (B, T), a mask (B or 1, T, T) -> log-probabilities (B, T, V)."""
        raise NotImplementedError("step 10: write decode: embed, every decoder layer, head, log_softmax")

    def forward(self, batch) -> Tensor:
        """The label-smoothed loss of a batch per target token, a scalar (step 11 explains the loss).

        The batch has the attributes of step 9: src, src_mask, tgt, tgt_y, tgt_mask, n_tokens.
        """
        raise NotImplementedError("step 10: write forward: encode, decode, and the loss against batch.tgt_y")
