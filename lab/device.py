"""Where the training runs."""

import torch

from lab.problem import Problem


def check_device(device: str) -> None:
    """Raises Problem unless torch can use it."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts; an unknown name is a RuntimeError
        raise Problem(f"there is no device {device!r} here: leave --device out to train on the CPU") from error
