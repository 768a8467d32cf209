"""Step 13: attention by hand. Compare, weigh, mix.

What it does. In step 1 attention could come from a library, and only what goes in and out of the whole model was
looked at. Here you write the inside, with matmul and softmax, and every number of it is checked.

    q (..., T, d)      what each of T rows is looking for
    k (..., S, d)      what each of S places has on its sign
    v (..., S, d_v)    what each of them hands over
      -> scores        (..., T, S): the dot product of every q with every k, times 1 / sqrt(d)
      -> weights       (..., T, S): softmax over the S places, so that each row sums to 1
      -> mix           (..., T, d_v): each row's weighted mean of the v

`...` stands for any number of axes in front (batch, heads): matmul does them all at once. T and S differ where one
text looks at another, as a translator's decoder looks at the source.

Why each part
- The scale. If the entries of q and k vary by about 1, their dot product varies by about sqrt(d). Undivided, the
  scores of wide heads are so far apart that softmax gives all to one place, and almost no gradient flows.
- The mask. True means: may attend. A forbidden place must get weight 0 exactly, so its score has to become lower than
  *any* score could be, before the softmax. -10 or -10,000 is not low enough if scores are large.
- A row that may attend nowhere, as padding has it. Softmax of nothing but -inf is 0 / 0 = NaN, and one NaN in a batch
  ruins every weight of the model at the next update. Here such a row gives zeros.
- Large scores. exp(100) does not fit into a float32. softmax(s) = softmax(s - max(s)): torch.softmax knows it, your
  own exp(s) / exp(s).sum() does not.
- Heads. One softmax can look at one kind of thing at a time. So C channels are cut into n_head runs of C / n_head,
  each run attends by itself, and the results are laid side by side again. The cut is along channels, never time:
  (B, T, C) -> (B, T, n_head, d) -> (B, n_head, T, d). view straight to (B, n_head, T, d) has the right shape and
  mixes up time and channels; so does merging without swapping the axes back first.

What is checked: exact values in float64, with numbers that are drawn anew: attention for any shape and any mask,
split_heads and merge_heads place by place, multi-head attention with every weight and bias counting; that large
scores stay finite, rows that may attend nowhere give zeros (their gradients too hold no NaN), float32 stays float32,
gradients reach every weight, and n_head that does not divide C is refused.

What usually goes wrong: sqrt of the wrong number (C or n_head in place of the head's d); softmax over the wrong axis;
the mask taken the wrong way round, or added as 0 and 1; a causal mask without its diagonal; view where a transpose is
needed; a bias forgotten.

Hint: write attention for two axes first, q @ k.T, then put transpose(-2, -1) in place of .T: nothing else changes.
"""

from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1): softmax(q k^T / sqrt(d)) v.

    q (..., T, d), k (..., S, d), v (..., S, d_v) -> (..., T, d_v), in their dtype. `mask` is bool and broadcasts to
    (..., T, S), True where row t may attend to s; None: everywhere. A row that may attend nowhere gives zeros.
    Scores may be large: nothing overflows.
    """
    raise NotImplementedError("step 13: write attention: scores, mask, softmax, mix")


def split_heads(x: Tensor, n_head: int) -> Tensor:
    """(B, T, C) -> (B, n_head, T, C / n_head): head h takes the h-th run of C / n_head channels.

    Raises ValueError, naming both, if C is not a multiple of n_head.
    """
    raise NotImplementedError("step 13: write split_heads: cut the channels, then swap axes")


def merge_heads(x: Tensor) -> Tensor:
    """(B, n_head, T, d) -> (B, T, n_head * d): the inverse of split_heads."""
    raise NotImplementedError("step 13: write merge_heads: swap the axes back, then join")


def multi_head_attention(
    x: Tensor, w_qkv: Tensor, b_qkv: Tensor, w_out: Tensor, b_out: Tensor, n_head: int, causal: bool = True
) -> Tensor:
    """Self-attention with n_head heads: project, split, attend, merge, project. (B, T, C) -> (B, T, C).

    w_qkv (3C, C) and b_qkv (3C,): the projections to q, k and v, stacked in this order; w_out (C, C) and b_out (C,).
    Weights are applied as nn.Linear does, x @ w.T + b. causal: position t attends to positions 0..t only.
    Raises ValueError, naming both, if C is not a multiple of n_head.
    """
    raise NotImplementedError("step 13: write multi_head_attention: project, split, attend, merge, project")
