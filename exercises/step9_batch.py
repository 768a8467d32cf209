"""Step 9: the batch and its masks. Sentences of different lengths in one rectangle, and what of it is real.

What it does. Steps 9 to 12 build a translator: one half reads a sentence, the other half writes its translation. It
learns from pairs. A batch is a rectangle of numbers, but sentences have different lengths, so the short ones are
filled up at the end with a token that means nothing: padding (`pad`). From there on every part of the program has to
know what is a word and what is filling. That is what this step is for: masks. True means "may be looked at".

    src (B, S)            the sentences to translate
    src_mask (B, 1, S)    True off padding; the 1 in the middle is for all the positions that look
    tgt (B, T) as given   <bos> das ist gut <eos> <pad>
      -> tgt   (B, T-1)   <bos> das ist gut <eos>      what the decoder reads
      -> tgt_y (B, T-1)   das   ist gut <eos> <pad>    what it should say after having read that far
      -> tgt_mask (B, T-1, T-1)
                          row i: which positions may i look at? Not those after it, and no padding

Why the shift. At every position the decoder is asked for the *next* word. With tgt and tgt_y one place apart, all
positions of a sentence are trained in one pass: at `ist` it has read `<bos> das ist` and should say `gut`.

Why two masks in one. Causal: position i must not see position i + 1, for that is the answer. Padding: nobody should
look at filling. Both have to hold, so it is `&`, and broadcasting does the work: (B, 1, T-1) & (1, T-1, T-1).

Why n_tokens. A loss is told per word; the number of words is the number of targets that are real, in tgt_y (where
there is one fewer in each sentence than in the tgt given), not of all the places in the rectangle.

What is checked: every mask against a table, for any lengths, any padding id and any device; types and shapes; the
shift; n_tokens; a batch without target (that is what translating needs); that src and tgt are left as they were.

What usually goes wrong: the triangle the wrong way up, or without its diagonal (then position 0 may look nowhere,
and softmax over nothing is NaN); padding taken to be 0 whatever `pad` says; n_tokens counted before the shift, or
left as a tensor; the mask of the whole tgt, one too large; masks of floats or of 0 and 1.

Hint: x[:, :-1] is all but the last column, x[:, 1:] all but the first; Tensor.tril keeps the lower triangle.
"""

from torch import Tensor


def subsequent_mask(size: int) -> Tensor:
    """Who may look at whom while writing: (1, size, size) bool, True at [0, i, j] where j <= i."""
    raise NotImplementedError("step 9: write subsequent_mask: a lower triangle of True")


class Batch:
    """A batch of sentence pairs as the translator wants it: src (B, S) and tgt (B, T), token ids, filled up with pad.

    src, src_mask (B, S), (B, 1, S): the source, and a bool mask that is True off padding.
    tgt, tgt_y (B, T-1), (B, T-1): what the decoder reads, and the token that it should say after each of them.
    tgt_mask (B, T-1, T-1): bool, True where attention is allowed: not later than oneself, and not padding.
    n_tokens: int, the targets in tgt_y that are not padding.
    Without tgt the three target attributes are None, and n_tokens is 0.
    """

    def __init__(self, src: Tensor, tgt: Tensor | None = None, pad: int = 0):
        raise NotImplementedError("step 9: write Batch: the source's mask, the shift, the target's mask, the count")
