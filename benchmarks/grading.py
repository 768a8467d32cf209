"""Seconds per submission for a mixed class: `grader grade` against one plain pytest process per submission.

    python benchmarks/grading.py [--students 30] [--jobs N] [--steps core] [--no-plain]

Both ways grade the same class with the same suites, one after the other, on the same machine; what counts is the ratio.
The plain way is what an instructor would do by hand: the student's files over the stubs of a copy of this repo, then
`pytest`, N processes at a time. Where the time goes is measured on one full solution, in this process. Linux only.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader import diagnosis  # noqa: E402
from grader.cli import _steps  # noqa: E402
from grader.examiner import grade  # noqa: E402
from grader.sandbox.client import Sandbox  # noqa: E402
from grader.sandbox.rungs import choose  # noqa: E402
from grader.steps import BY_NUMBER  # noqa: E402

KINDS = ("ada", "ben", "carla", "eli", "dora")  # endless loops and attacks would measure time limits only
REPO = ("exercises", "tests", "grader", "lab", "solutions", "conftest.py", "pyproject.toml")
SAMPLE_S = 1.0  # between two looks at the memory


@dataclass
class Pace:
    """What one way of grading took."""

    seconds: float = 0.0
    ended: list[float] = field(default_factory=list)  # when each submission was finished, seconds from the start
    memory: list[float] = field(default_factory=list)  # MB in use by all processes, sampled

    def third(self, number: int) -> tuple[float, float]:
        """Seconds per submission and the peak of memory in a third of the class (0 to 2)."""
        ended, count = [0.0, *sorted(self.ended)], len(self.ended)
        first, last = (round(count * at / 3) for at in (number, number + 1))
        begin, end = (round(len(self.memory) * ended[at] / max(ended[-1], 1e-9)) for at in (first, last))
        return (ended[last] - ended[first]) / max(1, last - first), max(self.memory[begin:end], default=0.0)


def make_class(folder: Path, students: int) -> list[Path]:
    paths = [folder / f"{n:03}{KINDS[n % len(KINDS)]}" for n in range(students)]  # graded in this order: mixed
    for n, path in enumerate(paths):
        shutil.copytree(ROOT / "examples/class" / KINDS[n % len(KINDS)], path)
    return paths


def plain(paths: list[Path], steps: tuple[int, ...], jobs: int, work: Path) -> Pace:
    """One `pytest` per submission, each in its own copy of the repo."""
    suites = [BY_NUMBER[number].suite for number in steps]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    pace, started = Pace(), time.monotonic()

    def one(path: Path) -> None:
        copy = work / path.name
        for name in REPO:
            skip = shutil.ignore_patterns("hostile", "__pycache__", "variants")
            (shutil.copytree(ROOT / name, copy / name, ignore=skip) if (ROOT / name).is_dir()
             else shutil.copy(ROOT / name, copy / name))  # fmt: skip
        shutil.copytree(path / "exercises", copy / "exercises", dirs_exist_ok=True)
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *suites]
        ran = subprocess.run(command, env=env, cwd=copy, capture_output=True, text=True)
        assert ran.returncode in (0, 1), ran.stdout + ran.stderr
        pace.ended.append(time.monotonic() - started)
        shutil.rmtree(copy)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, paths))
    pace.seconds = time.monotonic() - started
    return pace


def pytest_in(copy: Path, steps: tuple[int, ...], *options: str) -> None:
    command = [sys.executable, "-m", "pytest", *options, *(BY_NUMBER[number].suite for number in steps)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    ran = subprocess.run(command, env=env, cwd=copy, capture_output=True, text=True)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr


def sandboxed(folder: Path, out: Path, steps: tuple[int, ...], jobs: int) -> Pace:
    """The whole command, its reports included."""
    words = ["grade", str(folder), "--out", str(out), "--jobs", str(jobs), "--steps", ",".join(map(str, steps))]
    pace, started, begun = Pace(), time.monotonic(), time.time()
    with subprocess.Popen([sys.executable, "-m", "grader", *words], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        watch = threading.Thread(target=_watch_memory, args=(process, pace))
        watch.start()
        assert process.wait() == 0
        watch.join()
    pace.seconds = time.monotonic() - started
    pace.ended = [path.stat().st_mtime - begun for path in (out / "results").glob("*.json")]
    return pace


def _watch_memory(process: subprocess.Popen[bytes], pace: Pace) -> None:
    while process.poll() is None:
        pace.memory.append(sum(map(_megabytes, _family(process.pid))))
        time.sleep(SAMPLE_S)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task").glob("*/children")
        return [pid, *(one for path in children for child in path.read_text().split() for one in _family(int(child)))]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _megabytes(pid: int) -> float:
    """Proportional set size: what processes share is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def split(steps: tuple[int, ...], student: str) -> tuple[float, Counter[str], int]:
    """Seconds in all, seconds by what they went to, and the number of probe calls, for one of the sample class."""
    spent, calls = Counter[str](), Counter[str]()
    started = time.monotonic()
    with (
        _timed(Sandbox, "get_ready", "sandbox: start and imports", spent, calls),
        _timed(Sandbox, "_forked", "sandbox: probes", spent, calls),
        _timed(diagnosis, "_giving_the_same", "diagnosis", spent, calls),
    ):
        grade(ROOT / "examples/class" / student / "exercises", steps, 1, choose(), 600, True, lambda event: None)
    whole = time.monotonic() - started
    spent["suites: inputs, expectations, pytest"] = whole - sum(spent.values())
    return whole, spent, calls["sandbox: probes"]


@contextmanager
def _timed(owner: Any, name: str, label: str, spent: Counter[str], calls: Counter[str]) -> Iterator[None]:
    plainly: Callable[..., Any] = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.monotonic()
        try:
            return plainly(*args, **kwargs)
        finally:
            spent[label] += time.monotonic() - started  # type: ignore[assignment]
            calls[label] += 1

    setattr(owner, name, timed)
    try:
        yield
    finally:
        setattr(owner, name, plainly)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=_steps, default=_steps("core"))
    parser.add_argument("--no-plain", action="store_true", help="only how time and memory go as the class grows")
    options = parser.parse_args()
    console = Console(width=100, highlight=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "class")
        paths = make_class(folder, options.students)
        walled = sandboxed(folder, Path(name, "out"), options.steps, options.jobs)
        bare = None if options.no_plain else plain(paths, options.steps, options.jobs, Path(name, "plain"))
    steps = ",".join(map(str, options.steps))
    console.print(f"{options.students} submissions, {options.jobs} at a time, steps {steps}")
    console.print(f"sandboxed  {walled.seconds / options.students:6.2f} s a submission")
    if bare:
        console.print(f"plain      {bare.seconds / options.students:6.2f} s a submission")
        console.print(f"ratio      {walled.seconds / bare.seconds:6.2f}")
    thirds = Table("", "first third", "second", "last", title="As the class goes by")
    seen = [walled.third(number) for number in range(3)]
    thirds.add_row("seconds a submission", *(f"{pace:.2f}" for pace, _ in seen))
    thirds.add_row("peak memory a job, MB", *(f"{memory / options.jobs:.0f}" for _, memory in seen))
    console.print(thirds)
    for student in ("ada", "ben"):
        whole, spent, calls = split(options.steps, student)
        table = Table("where", "seconds", "share", title=f"{student}: {whole:.1f} s, {calls} probes")
        for label, seconds in spent.most_common():
            table.add_row(label, f"{seconds:.1f}", f"{seconds / whole:.0%}")
        console.print(table)


if __name__ == "__main__":
    main()
