"""Draws by the Gumbel trick, turns off the dropout layers alone, and hands its options on as a dict."""

import torch
from torch import nn


def generate(model, input_ids, *, max_new_tokens=100, temperature=0.8, block_size=256, generator=None):
    if not temperature >= 0:
        raise ValueError("temperature")
    if not max_new_tokens >= 0:
        raise ValueError("max_new_tokens")
    if input_ids.shape[-1] == 0:
        raise ValueError("empty prompt")
    dropouts = [part for part in model.modules() if isinstance(part, nn.Dropout) and part.training]
    for part in dropouts:
        part.training = False
    pieces = [input_ids.clone()]
    window = input_ids[:, -block_size:]
    for _ in range(max_new_tokens):
        with torch.no_grad():
            scores, _loss = model(window)
        scores = scores[:, -1].double()
        if temperature > 0:
            uniform = torch.rand(scores.shape, generator=generator, dtype=torch.float64, device=scores.device)
            scores = scores / temperature - torch.log(-torch.log(uniform))
        pieces.append(scores.argmax(-1)[:, None])
        window = torch.cat((window, pieces[-1]), dim=1)[:, -block_size:]
    for part in dropouts:
        part.training = True
    return torch.cat(pieces, dim=1)


def complete(model, tokenizer, prompt, **options):
    weights = next(model.parameters())
    ids = torch.tensor(tokenizer.encode(prompt), device=weights.device, dtype=torch.long)[None]
    output = generate(model, ids, **options)
    return tokenizer.decode([int(token) for token in output[0]], skip_special_tokens=True)
