"""Step 12: greedy and beam search. From probabilities to a sentence.

What it does. A trained translator says how likely each next word is, given the source and what has been written so
far. A sentence takes more than that: which word to write, then the next, and when to stop. Every sentence begins
with `bos` and ends with `eos`.

    memory = model.encode(src, src_mask)                           once: the source does not change
    output = bos in every row                                      (B, 1)
      -> model.decode(memory, src_mask, output, causal mask)       (B, T, V); only the last position matters
      -> the likeliest word of every row, at the end               (B, T + 1), and round again

Greedy. Always the likeliest next word. The rows of a batch finish at different times: after its eos a row is filled
with `pad`, the others go on, and when all are finished it stops. `max_len` bounds the length, bos counted.

Beam search. The likeliest first word need not begin the likeliest sentence. A beam keeps the `beam` best beginnings
(hypotheses) side by side. Every round extends each by every word of the vocabulary, adds the log-probabilities, and
of all these keeps the best `beam`. A hypothesis that ends in eos is finished and set aside; one that reaches max_len
is cut, and competes too. With beam 1 this is greedy; with a beam as wide as there are sentences it is a full search.

The length penalty. Every word costs: log-probabilities are negative, so the sum favours short sentences. Hence
hypotheses are compared by log-probability / length ** length_penalty; the length counts the words after bos, eos
included. 0 compares the plain sums, 1 the mean per word.

When to stop. As soon as no open hypothesis can still win. How good could one become? Its log-probability can only
fall; at the very best it loses nothing more. And dividing a negative number by a greater length makes it better (for
a penalty above 0), so reckon with the greatest length there can be: max_len - 1. If even that does not beat the best
finished one, stop. Stopping at the first finished hypothesis is a different, worse search.

What is checked: both on a small model whose probabilities depend on every word so far and on the source, so that the
examiner can try all sentences; the mask, the source's mask and the memory as they reach decode; rows that end at
different times; max_len; that no gradients are kept and that the mode is left alone; how often the model is asked.

What usually goes wrong: position 0 read instead of the last; a finished row that writes on; rows that stop each other;
the beam's scores not added up, or added up with a mixed-up parent; the penalty's length with bos, or applied
when choosing who stays in the beam; finished hypotheses thrown away when they leave the beam.

Hint: scores (n, V).flatten().topk(k) gives places in n * V numbers: place // V is the parent, place % V the word.
memory.expand(n, -1, -1) shows one memory to n hypotheses without a copy.
"""

from typing import Any

from torch import Tensor


def greedy_decode(
    model: Any, src: Tensor, src_mask: Tensor, *, max_len: int, bos: int, eos: int, pad: int = 0
) -> Tensor:
    """The likeliest word, again and again: (B, S) and (B, 1, S) -> (B, at most max_len) int64, from bos on.

    model.encode and model.decode are called as step 10 defines them, in the mode that the model is in. A row is
    finished with eos and filled with pad after it; when all are finished, or at max_len tokens (bos counts), it stops.
    """
    raise NotImplementedError("step 12: write greedy_decode: ask, take the likeliest, append, until all are finished")


def beam_search(
    model: Any,
    src: Tensor,
    src_mask: Tensor,
    *,
    max_len: int,
    bos: int,
    eos: int,
    beam: int = 4,
    length_penalty: float = 0.0,
) -> list[int]:
    """The best of several sentences grown side by side, for one source: (1, S) and (1, 1, S) -> token ids from bos on.

    Each round keeps the `beam` likeliest ways to go on. One that ends in eos is finished; one of max_len tokens is cut.
    They compete on log-probability / length ** length_penalty, where bos does not count. The search stops when no open
    hypothesis can still win. Beam 1 is greedy decoding.
    """
    raise NotImplementedError("step 12: write beam_search: extend all, keep the best, set the finished ones aside")
