"""The pictures."""

from itertools import accumulate
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

INK, SOFT, WARM, GREY = "#1f4e79", "#a9c6e3", "#c8501e", "#777777"


def loss_curve(path: Path, records: list[dict[str, Any]], *, untrained: float, title: str) -> None:
    """Draw the loss of every step, smoothed too, the validations, and ln V, where an untrained model starts."""
    trained = [record for record in records if "loss" in record]
    validated = [record for record in records if "validation" in record]
    steps, losses = [r["step"] for r in trained], [r["loss"] for r in trained]
    figure, axes = _paper()
    axes.axhline(untrained, color=GREY, linestyle="--", linewidth=1, label=f"ln V = {untrained:.2f}: pure guessing")
    axes.plot(steps, losses, color=SOFT, linewidth=0.8, label="training, each step")
    axes.plot(steps, smoothed(losses), color=INK, linewidth=2, label="training, smoothed")
    axes.plot(
        [r["step"] for r in validated], [r["validation"] for r in validated], "o-",
        color=WARM, markersize=5, linewidth=1.2, label="validation",
    )  # fmt: skip
    if validated:
        last = validated[-1]
        label = f"{last['validation']:.2f}"
        axes.annotate(
            label, (last["step"], last["validation"]), (8, 0), textcoords="offset points", color=WARM, va="center"
        )
    axes.set(xlabel="step", ylabel="loss (nats per token)", title=title, xlim=(0, max(steps) * 1.06))
    _finish(figure, axes, path)


def comparison(path: Path, runs: dict[str, list[dict[str, Any]]], rates: dict[str, list[float]], *, title: str) -> None:
    """Above, the smoothed loss and the validations of every run; below, the learning rate of every step."""
    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    for (name, records), colour in zip(runs.items(), (INK, WARM), strict=True):
        trained = [record for record in records if "loss" in record]
        validated = [record for record in records if "validation" in record]
        steps = [r["step"] for r in trained]
        above.plot(steps, smoothed([r["loss"] for r in trained]), color=colour, linewidth=1.2, alpha=0.5)
        points = [(r["step"], r["validation"]) for r in validated]
        above.plot(*zip(*points, strict=True), "o-", color=colour, markersize=4, linewidth=2, label=name)
        above.annotate(
            f"{points[-1][1]:.3f}", points[-1], (8, 0), textcoords="offset points", color=colour, va="center"
        )
        below.plot(steps, rates[name][: len(steps)], color=colour, linewidth=2)
    lowest = [r["validation"] for records in runs.values() for r in records if "validation" in r]
    above.set(ylabel="loss (nats per token)", title=title, ylim=(min(lowest) - 0.3, max(lowest) + 0.5))
    below.set(xlabel="step", ylabel="rate", xlim=(0, len(next(iter(rates.values()))) * 1.08))
    above.legend(frameon=False, title="points: validation; thin: training, smoothed")
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def power_law(path: Path, points: list[tuple[int, float]], law: tuple[float, float], *, title: str) -> None:
    """Losses against parameters, both axes logarithmic, and the fitted line a * parameters ** -alpha."""
    figure, axes = _paper()
    sizes, losses = zip(*points, strict=True)
    a, alpha = law
    ends = [min(sizes) / 1.5, max(sizes) * 1.5]
    label = f"{a:.3g} · parameters^{-alpha:.4f}"
    axes.loglog(ends, [a * n**-alpha for n in ends], "--", color=WARM, linewidth=1.5, label=label)
    axes.loglog(sizes, losses, "o", color=INK, markersize=8, label="measured, on the validation text")
    for n, loss in points:
        axes.annotate(f"{n:,}: {loss:.3f}", (n, loss), (6, 8), textcoords="offset points", color=INK, fontsize=9)
    axes.set(xlabel="parameters", ylabel="loss (nats per token)", title=title, xlim=(ends[0], ends[1] * 1.6))
    low, high = min(losses) * 0.98, max(losses) * 1.02
    axes.set(ylim=(low, high))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter("{x:.2f}")
    axes.yaxis.set_minor_locator(NullLocator())
    _finish(figure, axes, path)


def _paper() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finish(figure: Figure, axes: Axes, path: Path) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path)


def smoothed(losses: list[float]) -> list[float]:
    """An exponential moving average over about the last twentieth of the run; the first value starts it."""
    weight = 1 / max(1.0, min(len(losses) / 20, 50))
    return list(accumulate(losses, lambda mean, loss: mean + weight * (loss - mean)))
