"""NumPy's polyfit, ids of tensors in a set, a config taken apart and put together, an insertion sort."""

import bisect
import dataclasses

import numpy as np


def count_parameters(model):
    seen = {}
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                seen[id(parameter)] = int(np.prod(parameter.shape))
    return sum(seen.values())


def double(config):
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    fields["n_layer"] *= 2
    fields["n_embd"] *= 2
    return type(config)(**fields)


def measure_scaling(configs, build_model, fit):
    found = []
    for config in configs:
        model = build_model(config)
        size = count_parameters(model)
        bisect.insort(found, (size, fit(model)), key=lambda pair: pair[0])
    return found


def fit_power_law(parameters, losses):
    if any(x <= 0 for x in parameters) or any(y <= 0 for y in losses):
        raise ValueError("only positive numbers have logarithms")
    if len(set(parameters)) < 2:
        raise ValueError("two sizes at least")
    slope, height = np.polyfit(np.log(np.asarray(parameters, dtype=float)), np.log(losses), 1)
    return float(np.exp(height)), -float(slope)
