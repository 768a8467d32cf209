"""Tensors told apart by where their numbers lie, a stable sort by size alone, the textbook sums in base 10."""

import copy
import math


def count_parameters(model):
    trainable = [weights for weights in model.parameters() if weights.requires_grad]
    return sum({weights.data_ptr(): weights.numel() for weights in trainable}.values())


def double(config):
    larger = copy.copy(config)
    for name in ("n_layer", "n_embd"):
        object.__setattr__(larger, name, 2 * getattr(config, name))  # of the copy, which nobody else has seen
    return larger


def measure_scaling(configs, build_model, fit):
    points = []
    for model in map(build_model, configs):
        loss = fit(model)
        points.append((count_parameters(model), loss))
    points.sort(key=lambda point: point[0])
    return points


def fit_power_law(parameters, losses):
    for value in (*parameters, *losses):
        if value <= 0:
            raise ValueError(f"{value} has no logarithm")
    if min(parameters, default=0) == max(parameters, default=0):
        raise ValueError("all sizes are the same")
    x, y = [math.log10(size) for size in parameters], [math.log10(loss) for loss in losses]
    n, sum_x, sum_y = len(x), sum(x), sum(y)
    products = n * sum(a * b for a, b in zip(x, y, strict=True)) - sum_x * sum_y
    slope = products / (n * sum(a * a for a in x) - sum_x * sum_x)
    return 10 ** ((sum_y - slope * sum_x) / n), -slope
