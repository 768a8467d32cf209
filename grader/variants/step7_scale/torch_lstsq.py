"""Least squares by torch.linalg in base 2, models built first and fitted in the order of their size."""

import copy

import torch


def count_parameters(model):
    return sum(p.nelement() for _, p in model.named_parameters() if p.requires_grad)


def double(config):
    twice = copy.copy(config)
    object.__setattr__(twice, "n_layer", config.n_layer * 2)
    object.__setattr__(twice, "n_embd", config.n_embd * 2)
    return twice


def measure_scaling(configs, build_model, fit):
    built = [build_model(config) for config in configs]
    built.sort(key=count_parameters)
    return [(count_parameters(model), fit(model)) for model in built]


def fit_power_law(parameters, losses):
    x, y = torch.tensor(parameters, dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)
    if not bool((x > 0).all() and (y > 0).all()):
        raise ValueError("not positive")
    if x.unique().numel() < 2:
        raise ValueError("too few sizes")
    design = torch.stack([torch.ones_like(x), -x.log2()], dim=1)
    height, alpha = torch.linalg.lstsq(design, y.log2()).solution.tolist()
    return 2.0**height, alpha
