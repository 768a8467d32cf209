"""Draws by the inverse of the cumulative distribution, a random number a row; recursion free, batch first."""

import contextlib

import torch


@contextlib.contextmanager
def evaluating(model):
    before = {part: part.training for part in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in before.items():
            part.training = training


def generate(model, input_ids, *, max_new_tokens=100, temperature=0.8, block_size=256, generator=None):
    if temperature < 0:
        raise ValueError(f"temperature {temperature} < 0")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens {max_new_tokens} < 0")
    if input_ids.numel() == 0:
        raise ValueError("no tokens in the prompt")
    text = input_ids
    with evaluating(model):
        while text.size(1) < input_ids.size(1) + max_new_tokens:
            last = model(text[:, -min(block_size, text.size(1)) :])[0][:, -1]
            if temperature == 0:
                token = last.argmax(1)
            else:
                scaled = last.double() / temperature
                odds = (scaled - scaled.max(-1, keepdim=True).values).exp().cumsum(-1)
                pick = torch.rand(len(odds), 1, generator=generator, dtype=torch.float64, device=odds.device)
                token = torch.searchsorted(odds, pick * odds[:, -1:]).squeeze(1)
            text = torch.hstack((text, token.unsqueeze(1)))
    return text.clone()


def complete(model, tokenizer, prompt, *, max_new_tokens=100, temperature=0.8, block_size=256, generator=None):
    ids = tokenizer.encode(prompt)
    if not ids:
        raise ValueError("an empty prompt")
    batch = torch.tensor([ids]).to(next(model.parameters()).device)
    options = {"max_new_tokens": max_new_tokens, "temperature": temperature, "block_size": block_size}
    text = generate(model, batch, generator=generator, **options)
    return tokenizer.batch_decode(text, skip_special_tokens=True)[0]
