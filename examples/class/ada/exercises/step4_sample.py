"""Step 4, solved: a model that scores the next token becomes a model that writes."""

import torch
from torch import Tensor, nn


@torch.no_grad()
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
    if temperature < 0:
        raise ValueError(f"temperature must not be negative: {temperature}")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must not be negative: {max_new_tokens}")
    if input_ids.size(1) == 0:
        raise ValueError("the prompt is empty: give at least one token to go on from")
    was_training = model.training
    model.eval()
    try:
        for _ in range(max_new_tokens):
            logits, _ = model(input_ids[:, -block_size:])  # only what the model sees is cropped, never the text
            next_ids = _choose(logits[:, -1], temperature, generator)  # (B, V) -> (B, 1)
            input_ids = torch.cat([input_ids, next_ids], dim=1)  # a new tensor: the caller's stays as it was
    finally:
        model.train(was_training)
    return input_ids


def _choose(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """One token a row: (B, V) -> (B, 1)."""
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    return torch.multinomial((logits / temperature).softmax(dim=-1), num_samples=1, generator=generator)


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
    device = next(model.parameters()).device
    input_ids = torch.tensor([tokenizer.encode(prompt)], dtype=torch.long, device=device)  # (1, T)
    output = generate(
        model,
        input_ids,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        block_size=block_size,
        generator=generator,
    )
    return tokenizer.decode(output[0].tolist(), skip_special_tokens=True)
