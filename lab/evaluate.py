"""How good the model is on text that it has not seen, in numbers and in words."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from lab.steps import Steps


@torch.no_grad()
def mean_loss(model: nn.Module, loader: Iterable[dict[str, Tensor]], device: str) -> float:
    """The mean loss in nats per scored token, whatever the batch sizes: every text of T tokens scores T - 1.

    Dropout is off, and the model's mode and the random numbers are afterwards what they were.
    """
    was_training = model.training
    model.eval()
    total, tokens = 0.0, 0
    with torch.random.fork_rng():
        for batch in loader:
            input_ids = batch["input_ids"].to(device)  # (B, T)
            _, loss = model(input_ids, labels=input_ids)
            scored = input_ids[:, 1:].numel()
            total, tokens = total + loss.item() * scored, tokens + scored
    model.train(was_training)
    return total / tokens


def validation(steps: Steps, model: nn.Module, loader: Iterable[dict[str, Tensor]], device: str) -> tuple[float, str]:
    """The mean loss in nats per token, and who measured it: step 8 if it is written, else `mean_loss`."""
    try:
        with torch.random.fork_rng():
            loss, _ = steps[8].evaluate(model, loader, device=device)
    except NotImplementedError:
        return mean_loss(model, loader, device), "the lab (step 8 is not written yet)"
    return loss, "step 8"


def tokens_per_byte(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> float:
    """How many tokens the tokenizer spends on a byte of UTF-8."""
    tokens = sum(map(len, tokenizer(texts, verbose=False)["input_ids"]))
    return tokens / sum(len(text.encode()) for text in texts)


def bits_per_byte(loss: float, per_byte: float) -> float:
    """Nats per token as bits per byte: comparable between tokenizers, which a loss per token is not."""
    return loss / math.log(2) * per_byte


def samples(
    steps: Steps,
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[str],
    *,
    block_size: int,
    seed: int,
) -> list[str]:
    """What the model writes after each prompt, with step 4's `complete` at temperature 0.8; a seed repeats it."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    return [
        steps[4].complete(model, tokenizer, prompt, temperature=0.8, block_size=block_size, generator=generator)
        for prompt in prompts
    ]
