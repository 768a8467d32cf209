"""The text is a tensor of the final size, filled in; inference mode; the decoder is given a tensor."""

import torch


def generate(model, input_ids, *, max_new_tokens=100, temperature=0.8, block_size=256, generator=None):
    rows, length = input_ids.shape
    if temperature < 0 or max_new_tokens < 0 or length < 1:
        raise ValueError("temperature and max_new_tokens must not be negative, the prompt not empty")
    text = input_ids.new_zeros(rows, length + max_new_tokens)
    text[:, :length] = input_ids
    mode = model.training
    model.eval()
    with torch.inference_mode():
        for end in range(length, length + max_new_tokens):
            logits = model(text[:, max(0, end - block_size) : end])[0][:, -1, :]
            if temperature == 0:
                _, choice = logits.topk(1, dim=-1)
            else:
                logits /= temperature
                choice = torch.multinomial(torch.exp(logits.log_softmax(-1)), 1, generator=generator)
            text[:, end] = choice.squeeze(-1)
    if mode:
        model.train()
    return text


def complete(model, tokenizer, prompt, *, max_new_tokens=100, temperature=0.8, block_size=256, generator=None):
    ids = torch.as_tensor(tokenizer.encode(prompt), dtype=torch.int64).unsqueeze(0)
    ids = ids.to(next(iter(model.parameters())).device)
    text = generate(
        model,
        ids,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        block_size=block_size,
        generator=generator,
    )
    return tokenizer.decode(text[0], skip_special_tokens=True)
