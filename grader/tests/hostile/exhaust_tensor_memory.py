"""exhausting: memory, through torch

Ends: out of memory
"""

import torch


def answer(x):
    kept = torch.ones(2 << 30)
    return x.cumsum(0) if kept.sum() else x
