"""Step 7: scaling. The same model, larger: what does that buy, and can one tell beforehand?

What it does. Train a few models of different sizes on the same text for as long, and write down the loss of each.
On paper where both axes are logarithmic the points lie about on a line:

    loss = a * parameters ** -alpha          log(loss) = log(a) - alpha * log(parameters)

So small runs, which are cheap, say something about a large one, which is not. Kaplan et al. (2020) found such lines
over many powers of ten, with an alpha of about 0.08 for parameters; on a laptop you will see the line begin.

Four functions
- count_parameters: the x axis. Every number that training may change, once. The tied head of step 1 is one tensor
  with two uses: it counts once. What is frozen (requires_grad is False) and buffers do not count.
- double: the next size. Twice the layers and twice the width, everything else as it was: 6 x 192 becomes 12 x 384.
  Twice as deep is twice the blocks; twice as wide is four times every block: with GPT-2's vocabulary 12,368,064
  parameters become 40,691,328. The config is a frozen dataclass: make a new one.
- measure_scaling: build and fit a model per config, and put the results in order. It knows nothing of models and
  texts; those come in as two functions. One model at a time: they may be large.
- fit_power_law: the line through the points, by least squares in log-log space. Any way of solving it will do.

What is checked: counts of models with shared, frozen and buffer tensors; double on configs with other fields too;
the order of results, and that each config is built once and fitted once; the law recovered for any a and alpha from
points on it, and the least-squares line where there is noise; the errors.

What usually goes wrong: shared tensors counted twice (state_dict and parameters of parts both do that); n_head
doubled, or a config made by hand, which loses the fields that you forgot; results in the order of the configs;
logarithms on one axis only; alpha with the wrong sign; log(a) returned for a; base 10 in one place and e in another.

Hint: dataclasses.replace; sorted() orders tuples by their first part; the slope of a least-squares line is the
covariance of x and y over the variance of x.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import nn


def count_parameters(model: nn.Module) -> int:
    """How many numbers training may change: what requires gradients, a tensor with two uses counted once."""
    raise NotImplementedError("step 7: write count_parameters")


def double(config: Any) -> Any:
    """Twice as deep and twice as wide: a new config with n_layer and n_embd doubled, every other field kept.

    `config` is any frozen dataclass with these two fields. n_head is kept too, so every head gets twice as wide.
    """
    raise NotImplementedError("step 7: write double: a new config")


def measure_scaling(
    configs: Iterable[Any], build_model: Callable[[Any], nn.Module], fit: Callable[[nn.Module], float]
) -> list[tuple[int, float]]:
    """Build a model of every config, fit it, and return (parameters, fit(model)) of each, the smallest first.

    fit(model) trains the model and returns its loss in nats per token.
    """
    raise NotImplementedError("step 7: write measure_scaling: build, fit, sort")


def fit_power_law(parameters: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    """(a, alpha) of loss = a * parameters ** -alpha, by least squares in log-log space (Kaplan et al. 2020).

    There the law is a line: log loss = log a - alpha * log parameters.
    Raises ValueError for a value that is not positive, and for fewer than two different sizes.
    """
    raise NotImplementedError("step 7: write fit_power_law: a line in log-log space")
