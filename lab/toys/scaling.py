"""Models whose number of parameters is known by arithmetic, for the scaling suite."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class TowerSizes:
    """The config of a Tower."""

    width: int


class Tower(nn.Module):
    """A square layer and a frozen one: it has `tower_parameters(width)` that training may change."""

    def __init__(self, width: int):
        super().__init__()
        self.width = width
        self.square, self.frozen = nn.Linear(width, width), nn.Linear(width, 3)
        self.frozen.requires_grad_(False)


def tower_parameters(width: int) -> int:
    """The trainable ones."""
    return width * width + width


@dataclass(frozen=True)
class GPTSizes:
    """The lesson's model, by its sizes alone."""

    vocab_size: int
    block_size: int
    n_layer: int
    n_head: int
    n_embd: int


def hollow_gpt(sizes: GPTSizes) -> nn.Module:
    """The parameters of a GPT-2 of these sizes with a tied head, each a single number spread over its shape.

    It cannot compute, and takes no room; PyTorch's encoder layers have the same parameters as GPT-2's blocks.
    """
    C = sizes.n_embd
    model = nn.ModuleDict(
        {
            "wte": nn.Embedding(sizes.vocab_size, C, device="meta"),
            "wpe": nn.Embedding(sizes.block_size, C, device="meta"),
            "h": nn.ModuleList(
                nn.TransformerEncoderLayer(C, sizes.n_head, 4 * C, device="meta") for _ in range(sizes.n_layer)
            ),
            "ln_f": nn.LayerNorm(C, device="meta"),
            "lm_head": nn.Linear(C, sizes.vocab_size, bias=False, device="meta"),
        }
    )
    for part in model.modules():
        for name, weights in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.zeros(1).expand(weights.shape)))
    model["lm_head"].weight = model["wte"].weight
    return model
