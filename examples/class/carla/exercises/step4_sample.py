"""Step 4: sampling. A model that scores the next token becomes a model that writes.

What it does. The model gives, for every position, a score for every token that might come next: logits (B, T, V).
To write, look at the *last* position, choose a token, put it at the end of the text, and ask again.

    input_ids (B, T)
      -> model(the last block_size tokens)   logits (B, T or block_size, V)
      -> the last position                   (B, V)
      -> choose one token a row              (B, 1)
      -> put it at the end                   (B, T + 1), and round again

Why not simply take the best token? Argmax is fine for one word, but it makes a text go in circles: the same context
gives the same word, "the king of the king of the king of", and nothing ever leads out. Drawing from the
distribution, softmax(logits), gives text as varied as what the model learnt from, with its rare blunders too. The
*temperature* is the knob between the two: softmax(logits / temperature). Below 1 the likely tokens become likelier
still, at 0 nothing but the argmax is left (you cannot divide by 0: treat it by itself), at 1 it is the model's own
distribution, above 1 it grows wilder. 0.8 is a good place to begin.

Why only the last block_size tokens? The model has no position beyond that and refuses a longer text. Here is the
trap: `input_ids = input_ids[:, -block_size:]` before the call crops *the text itself*, and what is returned has lost
the beginning of the prompt. Crop what you show to the model; keep the text whole.

Housekeeping. Writing is not training: no gradients (they would keep every intermediate result in memory), and
dropout off, or the model is asked with a part of itself missing. But sampling often happens in the middle of a
training run, so leave the model in the mode in which you found it. Randomness comes from `generator` if one is
given, so that a sample can be repeated whatever else draws random numbers. `generate` knows nothing of "end of
text": it always writes `max_new_tokens` tokens.

What is checked: the shape, and the prompt within the result; the exact greedy continuation by a model that can be
worked out by hand; how often each token is drawn against softmax(logits / temperature); that every row draws for
itself and goes on from what it drew; what the model is shown, in which mode, with gradients or without; repeatable
draws; the defaults; `complete` with a real tokenizer; the errors.

What usually goes wrong: the text cropped instead of the view; logits *multiplied* by the temperature; the first
position's logits instead of the last one's; one draw for all rows; the model left in eval mode; a change made to the
caller's tensor; a prompt on another device than the model.

Hint: torch.multinomial(probabilities, num_samples=1, generator=generator) draws one index a row, (B, V) -> (B, 1),
just the shape that torch.cat wants.
"""

import torch
from torch import Tensor, nn


def generate(
    model: nn.Module,
    input_ids: Tensor,
    *,
    max_new_tokens: int = 100,
    temperature: float = 0.8,
    block_size: int = 256,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Write `max_new_tokens` tokens after every prompt: (B, T) -> (B, T + max_new_tokens), int64.

    model(ids) returns (logits (B, T, V), loss); it is shown the last `block_size` tokens at most. Each row draws from
    softmax(last logits / temperature), with `generator` if there is one; temperature 0 takes the likeliest token.
    Dropout is off meanwhile; afterwards the model is in the mode it was in. `input_ids` is left unchanged.
    Raises ValueError if temperature < 0, max_new_tokens < 0 or T = 0.
    """
    raise NotImplementedError("step 4: write generate: ask, choose, append, again")


def complete(
    model: nn.Module,
    tokenizer,
    prompt: str,
    *,
    max_new_tokens: int = 100,
    temperature: float = 0.8,
    block_size: int = 256,
    generator: torch.Generator | None = None,
) -> str:
    """Go on with a text: the prompt and what the model writes after it, special tokens left out.

    The other arguments and errors are those of `generate`; a prompt without a token raises ValueError.
    """
    raise NotImplementedError("step 4: write complete: encode, generate, decode")
