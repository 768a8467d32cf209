"""What `python -m grader check` prints: progress while it runs, a table of the steps, and what is to be mended."""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from grader import messages
from grader.catalogue import CatalogueError, Mistake
from grader.check import Finding, StepReport, Trial, draw_seeds, plain, plan, report, run
from grader.doctor import missing
from grader.results import write_atomically
from grader.scoreboard import number
from grader.steps import BY_NUMBER

FINE, FAULTY = 0, 1
SHOWN = 12  # faults of a step; the machine-readable result has all


def check(options: Namespace, console: Console) -> int:
    """Run the check; 0 if nothing is to be mended.

    The table: how many of the solutions, stubs and variants got what they should, how many mistakes were caught by the
    test that they name, and how many the diagnosis names, alone or as one of two.
    """
    steps = [BY_NUMBER[n] for n in options.steps]
    seeds = draw_seeds(options.seeds) if options.seed is None else [options.seed + i for i in range(options.seeds)]
    lacking = missing()
    try:
        trials = list(plan(steps, seeds, whole=options.whole))
    except (CatalogueError, TypeError, ValueError, FileNotFoundError) as error:
        console.print(f"The catalogue does not fit: {error}", style="red", markup=False, soft_wrap=True)
        return FAULTY
    reports = report(steps, _run(trials, options.jobs, console))
    console.print(_table(reports, whole=options.whole))
    console.print(_standing(reports), highlight=False, soft_wrap=True)
    if options.write_messages:
        _write(reports, console)
    faults = [f"This machine: {what}" for what in lacking]
    for one in reports:
        told = one.faults
        faults += [f"Step {one.step.number}: {fault}" for fault in told[:SHOWN]]
        faults += [f"Step {one.step.number}: and {len(told) - SHOWN} more"] if told[SHOWN:] else []
    for line in faults:
        console.print(line, style="red", markup=False, soft_wrap=True)
    for line in _notes(reports, whole=options.whole):
        console.print(line, style="yellow", markup=False, soft_wrap=True)
    if options.json:
        _keep(options.json, json.dumps(plain(reports, lacking, seeds, whole=options.whole), indent=1) + "\n", console)
    console.print("\nEverything stands." if not faults else f"\n{len(faults)} to mend before class.")
    return FAULTY if faults else FINE


def _run(trials: Sequence[Trial], jobs: int, console: Console) -> list[Finding]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=len(trials))

        def on_finding(finding: Finding) -> None:
            trial = finding.trial
            bar.update(task, advance=1, description=f"step {trial.step.number}: {trial.kind} {trial.name}")

        return run(trials, jobs, on_finding)


def _table(reports: Sequence[StepReport], *, whole: bool) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0))  # fits 80 columns
    for name in ("step", "points", "tests", "solved", "stub", "variants", "caught", "named", "time"):
        table.add_column(name, justify="left" if name == "step" else "right", no_wrap=name != "step")
    if whole:
        table.add_column("idle", justify="right", no_wrap=True)
    for one in reports:
        cells = [
            f"{one.step.number:>2} {one.step.title}",
            number(one.step.points),
            str(len(one.tests)),
            *(_sound(one.of(kind)) for kind in ("solution", "stub", "variant", "mistake")),
            f"{one.named}/{len(one.of('mistake'))}",
            f"{sum(finding.seconds for finding in one.findings):.0f} s",
        ]
        table.add_row(*cells, *([str(len(one.redundant))] if whole else []))
    return table


def _standing(reports: Sequence[StepReport]) -> str:
    """Of how many points the examiner recomputes what it is told, by track."""
    told = []
    for track in dict.fromkeys(one.step.track for one in reports):
        its = [one for one in reports if one.step.track == track]
        whole = sum(one.step.points for one in its)
        told.append(f"{track} {number(whole - sum(one.observed for one in its))} of {number(whole)}")
    return f"Points for what the examiner recomputes: {', '.join(told)}; the rest only the student's process sees."


def _sound(findings: Sequence[Finding]) -> str:
    fine = sum(not finding.faults for finding in findings)
    return f"[{'green' if fine == len(findings) else 'red'}]{fine}/{len(findings)}[/]"


def _notes(reports: Sequence[StepReport], *, whole: bool) -> list[str]:
    """What need not be mended, but should be known."""
    notes = [f"Step {one.step.number}: no mistake names {', '.join(one.idle)}" for one in reports if one.idle]
    if whole:
        told = "catch nothing that another test does not"
        notes += [f"Step {one.step.number}: {told}: {', '.join(one.redundant)}" for one in reports if one.redundant]
    for one in reports:
        if changed := _changed(one):
            few = ", ".join(changed[:SHOWN]) + (f" and {len(changed) - SHOWN} more" if changed[SHOWN:] else "")
            notes.append(f"Step {one.step.number}: other messages than on file for {few}: read, then --write-messages")
    return notes


def _changed(one: StepReport) -> list[str]:
    kept = messages.kept(one.step)
    told = {mistake.id: messages.plain(message) for mistake, message in _messages(one)}
    return sorted(name for name in kept.keys() | told.keys() if kept.get(name) != told.get(name))


def _messages(one: StepReport) -> list[tuple[Mistake, str]]:
    """Every mistake with what its learner reads."""
    told = list[tuple[Mistake, str]]()
    for finding in one.of("mistake"):
        wrong = finding.trial.mistake
        if wrong and wrong.caught_by in finding.verdicts:
            told.append((wrong, finding.verdicts[wrong.caught_by].message))
    return told


def _write(reports: Sequence[StepReport], console: Console) -> None:
    messages.FOLDER.mkdir(exist_ok=True)
    for one in reports:
        if told := _messages(one):
            _keep(messages.path_of(one.step), messages.text(one.step, told), console)


def _keep(path: Path, text: str, console: Console) -> None:
    write_atomically(path, text)
    console.print(f"written: {path}", markup=False, soft_wrap=True)
