"""The picture of a run."""

from itertools import accumulate
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, SOFT, WARM, GREY = "#1f4e79", "#a9c6e3", "#c8501e", "#777777"


def loss_curve(path: Path, records: list[dict[str, Any]], *, untrained: float, title: str) -> None:
    """Draw the loss of every step, smoothed too, the validations, and ln V, where an untrained model starts."""
    trained = [record for record in records if "loss" in record]
    validated = [record for record in records if "validation" in record]
    steps, losses = [r["step"] for r in trained], [r["loss"] for r in trained]
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
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
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path)


def smoothed(losses: list[float]) -> list[float]:
    """An exponential moving average over about the last twentieth of the run; the first value starts it."""
    weight = 1 / max(1.0, min(len(losses) / 20, 50))
    return list(accumulate(losses, lambda mean, loss: mean + weight * (loss - mean)))
