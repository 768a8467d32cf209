"""Two learning rates side by side: the same model, batches and number of steps, constant and cosine."""

import argparse
import statistics
from dataclasses import replace
from typing import Any

from rich.table import Table

from lab import plots
from lab.lesson import Lesson, carry_out, options_of, out_of, prepare
from lab.options import SCHEDULES, SIZES
from lab.training import rates_of

TINY_STEPS = 60


def start(arguments: argparse.Namespace) -> bool:
    """Both trainings, the table and the picture. Returns whether Ctrl-C ended it; raises Problem."""
    given = vars(arguments)
    steps = given.get("steps") or SIZES[given.get("size", "small")].steps or TINY_STEPS
    first = options_of({**given, "steps": steps, "epochs": steps})  # an epoch has a step at least: the steps decide
    lessons: dict[str, Lesson] = {}
    for schedule in reversed(SCHEDULES):  # the cosine first: an unfinished step 6 comes to light at once
        lesson = prepare(replace(first, schedule=schedule), out_of(arguments), schedule)
        lesson.say(f"\n{schedule}:")
        with lesson.steps.unfinished_named():
            if carry_out(lesson, brief=True):
                lesson.say("nothing to compare: both trainings have to reach their end")
                return True
        lessons = {schedule: lesson, **lessons}
    _tell(lessons, steps)
    return False


def _tell(lessons: dict[str, Lesson], steps: int) -> None:
    records = {name: lesson.run.records() for name, lesson in lessons.items()}
    last = lessons["cosine"]
    with last.steps.unfinished_named():
        rates = {name: rates_of(last.steps, lesson.options, steps) for name, lesson in lessons.items()}
    picture = last.run.path / "compare.png"
    parameters = records["cosine"][-1]["parameters"]
    plots.comparison(
        picture, records, rates, title=f"{last.corpus.name}, {parameters:,} parameters, {steps:,} steps of each"
    )
    means = {name: statistics.mean(every) for name, every in rates.items()}
    last.console.print(_table(records, means))
    if records["cosine"][-1]["validation"] > records["constant"][-1]["validation"]:
        last.say(
            f"From the same peak the cosine's mean rate is only {means['cosine']:.2g}, and so is what it gets done. "
            f"A higher peak is where it helps: try --lr {2 * last.options.lr:g}"
        )
    last.say(f"the picture is {picture}")


def _table(records: dict[str, list[dict[str, Any]]], mean_rates: dict[str, float]) -> Table:
    table = Table("schedule", "mean rate", "validation loss", "perplexity", "bits per byte", "seconds")
    for name, all_of_it in records.items():
        end = all_of_it[-1]
        table.add_row(
            name, f"{mean_rates[name]:.2g}", f"{end['validation']:.3f}", f"{end['perplexity']:.1f}",
            f"{end['bits_per_byte']:.3f}", f"{end['seconds']:.0f}",
        )  # fmt: skip
    return table
