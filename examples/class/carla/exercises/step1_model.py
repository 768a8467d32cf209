"""Step 1: the model. Token ids in, a score for every possible next token out.

What it does. A language model reads a text as numbers (tokens) and says at *every* position which token it expects
next. `TinyGPT` is a GPT-2 in small: 12,368,064 parameters with the defaults, three quarters of them in one table.

    input_ids (B, T)          B texts of T tokens
      -> embeddings (B, T, C) the token's row of a (V, C) table, plus the position's row of a (block_size, C) table
      -> n_layer blocks       each adds what it found to the stream: (B, T, C) -> (B, T, C)
      -> final normalisation  (B, T, C)
      -> head                 (B, T, V): the logits

A block is two steps: x = x + attention(norm(x)), then x = x + mlp(norm(x)). The MLP widens to 4 * C, applies GELU
and narrows again, for each position by itself. Attention is the only place where positions meet: each of the
`n_head` heads takes its own C / n_head numbers, compares queries with keys (scores divided by sqrt(C / n_head)),
and mixes the values. It is *causal*: position t may look at 0..t and never further. Without that the model would
read the answer from the text, the training loss would drop to nothing, and the model would be useless.

Why the head is tied. The head needs a (V, C) table too: one vector per token to compare the stream with. GPT-2 uses
the embedding's own table for it, one tensor with two uses. That saves 9.6 million parameters here (a count of 22.0
M says that the tie is missing), and what a token means when it is read helps to predict it.

Two traps on the way
- nn.Embedding starts with numbers from N(0, 1). With a tied head the logits are then sums of C products of about 1
  each: they spread widely, the untrained model is *sure* of nonsense, and the loss starts above 100, not at ln(V).
  A model that knows nothing should score ln(V), that is 10.8 for V = 50,257. GPT-2 draws its weights from N(0,
  0.02); and as two steps per block add to one stream, it divides the weights that write to it by a further sqrt(2 *
  n_layer).
- nn.TransformerEncoder *copies* the layer that it is given: all its layers start with identical weights. They still
  learn, but from a worse start, so build fresh ones: `nn.ModuleList(Block(config) for _ in range(n_layer))`. A
  plain Python list is no substitute: PyTorch does not look into it, and the blocks would be neither trained nor
  saved.

The loss. With `labels` (as a rule the inputs themselves), the logits at t are scored against the label at t + 1. So
the shift is made here, once; the last logits and the first label go unused. A label of -100 means "do not score
this".

What is checked: shapes and sizes of any configuration; which positions move which logits (a table that must be
triangular); that rows of a batch do not meet; that word order matters; the loss, the loss of an untrained model,
the tie (also after an update and after saving and loading); dropout on in training and off in eval; a gradient for
every parameter; two errors; and that the model learns a source of text whose entropy is known. How you write it is
up to you: by hand, with F.scaled_dot_product_attention or with nn.MultiheadAttention; with or without biases;
LayerNorm or RMSNorm.

What usually goes wrong: heads put together without swapping the head and time axes back (they mix positions);
softmax over the wrong axis; a mask that hides the past instead of the future; a mask of 0 and 1 that is added to
the scores; a weight table that is initialised again after it was tied.

Hint: print the shape after every line of `forward` with B = 2, T = 5, and write it beside the line as a comment.
"""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class TinyGPTConfig:
    """The sizes of a model; the defaults give the lesson's 12,368,064 parameters. Given: nothing to write here."""

    vocab_size: int = 50_257  # V: different tokens
    block_size: int = 256  # the longest text that the model can read, in tokens
    n_layer: int = 6
    n_head: int = 6
    n_embd: int = 192  # C: numbers per token, shared out among the heads
    dropout: float = 0.1


class TinyGPT(nn.Module):
    """A decoder-only language model; raises ValueError unless the heads can share out `n_embd` evenly."""

    def __init__(self, config: TinyGPTConfig):
        """Build the layers and keep the configuration as `self.config`.

        Raises ValueError, naming both numbers, if n_embd is not a multiple of n_head.
        """
        super().__init__()
        raise NotImplementedError("step 1: write TinyGPT.__init__: the embeddings, the blocks, the tied head")

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Score every token of the vocabulary as the next one, at every position.

        input_ids: (B, T) int64. labels: None or (B, T), usually input_ids itself.
        Returns the logits (B, T, V), and with labels the mean cross-entropy in nats (a scalar): the logits at t are
        scored against the label at t + 1; labels of -100 are not scored. Without labels the loss is None.
        Raises ValueError, naming both numbers, if T is larger than block_size.
        """
        raise NotImplementedError("step 1: write TinyGPT.forward: from token ids to logits and loss")
