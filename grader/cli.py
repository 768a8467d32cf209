"""The command line: `python -m grader grade SUBMISSIONS... --out DIR`, `python -m grader check` and `doctor`.

Exit status: 0 the grading worked (whatever the students got) or everything stands, 1 the check found something to
mend, 2 wrong usage, 3 something was ungradable, 130 stopped.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from grader.steps import BY_NUMBER, STEPS

OK, USAGE, UNGRADABLE, STOPPED = 0, 2, 3, 130


class UsageError(Exception):
    """Told in one line."""


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.command == "doctor":
            from grader.doctor import examine

            return examine(Console(highlight=False))
        if options.command == "check":
            from grader.check_command import check

            return check(options, Console(highlight=False))
        return grade(options)
    except UsageError as error:
        print(f"grader: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("grader: stopped; finished results are kept, the same command goes on", file=sys.stderr)
        return STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader", description="Grade submissions, each in a sandbox.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="what this machine can do, and how to mend what is missing")
    word = commands.add_parser("grade", help="grade a folder of submissions, or single ones")
    word.add_argument("submissions", nargs="+", type=Path, help="a folder of submissions; or folders, .zip, .tar.*")
    word.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results and reports go")
    word.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="submissions at a time")
    word.add_argument("--sandbox", choices=("bwrap", "user", "limits"), help="force a sandbox (see grader doctor)")
    word.add_argument("--seed", type=int, metavar="N", help="repeat a run: the seed stands in its results")
    word.add_argument("--only", metavar="NAME", help="grade this student again, and nobody else")
    word.add_argument("--again", action="store_true", help="grade unchanged submissions too")
    word.add_argument(
        "--steps", type=_steps, default=tuple(BY_NUMBER), metavar="1,3", help="these steps or tracks only"
    )
    word.add_argument("--time-limit", type=_positive, default=600, metavar="S", help="seconds for a submission in all")
    word.add_argument("--no-diagnosis", action="store_true", help="do not say which known mistake a failure looks like")
    _add_check(commands.add_parser("check", help="prove the suites before class: solutions, variants, mistakes"))
    return parser


def _add_check(word: argparse.ArgumentParser) -> None:
    word.add_argument("--step", type=_steps, default=tuple(BY_NUMBER), metavar="1,3", dest="steps", help="these only")
    word.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="processes")
    word.add_argument("--seeds", type=_positive, default=1, metavar="N", help="solutions and variants on N seeds")
    word.add_argument("--seed", type=int, metavar="N", help="the first of those seeds; drawn afresh if not given")
    word.add_argument("--whole", action="store_true", help="run mistakes under whole suites: which tests are needed?")
    word.add_argument("--json", type=Path, metavar="FILE", help="write the result for machines")
    word.add_argument("--write-messages", action="store_true", help="keep the messages in grader/mistakes/messages")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _steps(text: str) -> tuple[int, ...]:
    """Steps by number or by track, as in 1,3 or core,6."""
    numbers = set[int]()
    for word in text.split(","):
        named = {step.number for step in STEPS if word.strip() in (str(step.number), step.track)}
        if not named:
            tracks = ", ".join(dict.fromkeys(step.track for step in STEPS))
            known = ", ".join(map(str, BY_NUMBER))
            raise argparse.ArgumentTypeError(f"{text!r}: name steps of {known}, as in 1,3, or tracks of {tracks}")
        numbers |= named
    return tuple(sorted(numbers))


def grade(options: argparse.Namespace) -> int:
    """Grade, write the reports, and say where they are."""
    if sys.platform == "win32":
        raise UsageError("grading needs Linux or macOS: on Windows, run it in WSL 2 or in a Linux container")
    missing = [str(path) for path in options.submissions if not path.exists()]
    if missing:
        raise UsageError(f"{missing[0]} does not exist")
    # from here on torch is imported: wrong usage is told at once
    from grader.batch import Batch, Order, find, overlooked, suite_hash
    from grader.progress import Display
    from grader.sandbox.rungs import SandboxUnavailable, choose
    from grader.worker import Worker, WorkerFault

    out = options.out.resolve()  # it may lie in the folder of the submissions
    everyone = [one for one in find(options.submissions) if one.path.resolve() != out]
    chosen = [one for one in everyone if options.only in (None, one.name, one.path.name, one.student)]
    if not chosen:
        if not everyone:
            raise UsageError(f"no submissions in {options.submissions[0]}: it holds neither folders nor archives")
        names = ", ".join(one.student for one in everyone[:8]) + ", ..." * (len(everyone) > 8)
        raise UsageError(f"no submission is called {options.only!r}: there are {names}")
    try:
        rung = choose(options.sandbox)
    except SandboxUnavailable as error:
        raise UsageError(str(error)) from None
    seed = {} if options.seed is None else {"seed": options.seed, "fixed_seed": True}
    order = Order(
        out=options.out, steps=options.steps, rung=rung, jobs=options.jobs, seconds=options.time_limit,
        again=options.again or bool(options.only), diagnose=not options.no_diagnosis, suite_hash=suite_hash(), **seed,
    )  # fmt: skip
    console = Console(highlight=False)
    console.print(
        f"Grading {len(chosen)} submissions in the {rung.title}, seed {order.seed}", markup=False, soft_wrap=True
    )
    if others := overlooked(options.submissions):
        told = ", ".join(others[:8]) + ", ..." * (len(others) > 8)
        console.print(f"Not graded, neither folders nor zip or tar: {told}", markup=False, soft_wrap=True)
    if rung.warning:
        console.print(f"Warning: {rung.warning}", markup=False)
    libraries = bool({2, 4, 5} & set(options.steps))
    with _alone(options.out), Display(len(chosen), console) as display:
        try:
            Batch(order, lambda: Worker(libraries), display).run(chosen)
        except WorkerFault as error:
            raise UsageError(f"the suites cannot be run: {error}") from None
        except OSError as error:
            raise UsageError(_unwritable(options.out, error)) from None
    try:
        return _report(options, {one.name: one.student for one in everyone}, console)
    except OSError as error:
        raise UsageError(_unwritable(options.out, error)) from None


def _unwritable(out: Path, error: OSError) -> str:
    """A full disk, above all."""
    return f"cannot write to {out}: {error.strerror}; finished results are kept, the same command goes on"


def _report(options: argparse.Namespace, names: Mapping[str, str], console: Console) -> int:
    """Write the reports over the submissions, print a table, and tell whether all went well.

    names: the students' names by the names of their files.
    """
    from grader.batch import load
    from grader.reports import write_all
    from grader.reports.names import file_names
    from grader.scoreboard import number

    there = sorted((options.out / "results").glob("*.json"))
    gone = [path for path in there if path.stem not in names]
    loaded = {path: load(path) for path in there if path not in gone}
    results = [result for result in loaded.values() if result]
    problems = [f"{path.name} is not a readable result: grade again" for path, result in loaded.items() if not result]
    problems += [f"{r.student}: {len(r.ungradable)} tests are ungradable" for r in results if r.ungradable]
    class_name = options.submissions[0].resolve().name
    where = write_all(results, options.out, class_name=class_name, problems=problems)
    current = {f"{name}.json" for name in file_names([result.student for result in results])}
    for path in where["gradescope"].glob("*.json"):
        if path.name not in current:
            path.unlink()
    width = max((len(result.student) for result in results), default=0)
    console.print()
    for result in results:
        note = result.problem or (f"{len(result.ungradable)} ungradable" if result.ungradable else "")
        points = f"{number(result.points):>5} of {number(result.max_points)}"
        console.print(f"{result.student:<{width}}  {points}  {note}".rstrip(), markup=False, soft_wrap=True)
    console.print(f"\nReport: {where['html']}   Grades: {where['csv']}", markup=False, soft_wrap=True)
    if gone:
        told = ", ".join(path.stem for path in gone)
        console.print(f"Not in the folder any more: {told} (results kept, left out of the reports)", markup=False)
    if ungraded := sorted(set(names) - {path.stem for path in loaded}):
        console.print(f"Not graded yet: {', '.join(names[name] for name in ungraded)}", markup=False, soft_wrap=True)
    if problems:
        console.print("Ungradable: " + "; ".join(problems), markup=False, soft_wrap=True)
    return UNGRADABLE if problems else OK


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """One grading at a time writes into a folder."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from None
    import fcntl  # not on Windows

    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another grading is writing to {out}: wait for it, or choose another --out") from None
        yield
