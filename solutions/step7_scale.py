"""Step 7, solved: the same model larger, what that buys, and the line that it follows."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn


def count_parameters(model: nn.Module) -> int:
    """How many numbers training may change: what requires gradients, a tensor with two uses counted once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def double(config: Any) -> Any:
    """Twice as deep and twice as wide: a new config with n_layer and n_embd doubled, every other field kept.

    `config` is any frozen dataclass with these two fields. n_head is kept too, so every head gets twice as wide.
    """
    return replace(config, n_layer=2 * config.n_layer, n_embd=2 * config.n_embd)


def measure_scaling(
    configs: Iterable[Any], build_model: Callable[[Any], nn.Module], fit: Callable[[nn.Module], float]
) -> list[tuple[int, float]]:
    """Build a model of every config, fit it, and return (parameters, fit(model)) of each, the smallest first.

    fit(model) trains the model and returns its loss in nats per token.
    """
    results = []
    for config in configs:
        model = build_model(config)
        results.append((count_parameters(model), fit(model)))
    return sorted(results)


def fit_power_law(parameters: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    """(a, alpha) of loss = a * parameters ** -alpha, by least squares in log-log space (Kaplan et al. 2020).

    There the law is a line: log loss = log a - alpha * log parameters.
    Raises ValueError for a value that is not positive, and for fewer than two different sizes.
    """
    if not all(value > 0 for value in [*parameters, *losses]):
        raise ValueError("a power law needs positive numbers: no parameter count or loss may be 0 or less")
    if len(set(parameters)) < 2:
        raise ValueError("a line needs two points: give losses for at least two different sizes")
    x, y = [math.log(n) for n in parameters], [math.log(loss) for loss in losses]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((xi - mean_x) * (yi - mean_y) for xi, yi in zip(x, y, strict=True))
    slope = covariance / sum((xi - mean_x) ** 2 for xi in x)
    return math.exp(mean_y - slope * mean_x), -slope
