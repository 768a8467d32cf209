"""Grading many submissions: which need it, several at a time, one result file each, and going on after a kill.

OUT/results/STUDENT.json   a result, written whole as soon as its submission is graded
OUT/.work/                 private copies while they are graded; nothing in it is needed afterwards
"""

import contextlib
import dataclasses
import hashlib
import queue
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from grader.recall import Exchange
from grader.reports.names import file_names
from grader.results import Result, TestResult, write_atomically
from grader.sandbox.rung import Rung
from grader.submission import FILES, Opened, Problem, is_archive, open_apart, shown, student_name
from grader.verdicts import Outcome, Verdict
from grader.worker import ROOT, WorkerFault

GRACE = 60.0  # seconds after a submission's time is up until its examiner is ended


@dataclass(frozen=True)
class Submission:
    """One student's work: a folder or an archive. `name` is unique in its class and safe as a file's name.

    student: the name as it was handed in, for people; unique in the class too.
    """

    name: str
    path: Path
    student: str


@dataclass(frozen=True)
class Order:
    """What is to be done. `seconds`: time limit of one submission."""

    out: Path
    steps: tuple[int, ...]
    rung: Rung
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(1 << 31))
    fixed_seed: bool = False  # the instructor named it: results under another seed do not count as done
    jobs: int = 1
    again: bool = False
    seconds: float = 600.0
    diagnose: bool = True  # say which catalogued mistake a failure looks like
    suite_hash: str = ""


class Examiner(Protocol):
    """What a job slot works with; `grader.worker.Worker` is the real one."""

    def do(self, task: dict[str, Any], on_event: Callable[[dict[str, Any]], None], seconds: float) -> None: ...
    def end(self) -> None: ...


class Watcher(Protocol):
    """Hears how the batch gets on; called from several threads."""

    def begun(self, student: str) -> None: ...
    def at(self, student: str, step: int, points: float) -> None: ...
    def finished(self, result: Result, kept: bool) -> None: ...


def find(paths: Sequence[Path]) -> list[Submission]:
    """The submissions in `paths`: archives, folders with step files, and all of these within any other folder."""
    found = [one for path in paths for one in ([path] if is_submission(path) else _members(path))]
    names = file_names([student_name(path) for path in found])
    students = _told_apart([shown(student_name(path)) for path in found], [shown(path.name) for path in found])
    students = _told_apart(students, names)
    return [Submission(*one) for one in zip(names, found, students, strict=True)]


def _told_apart(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    """The names, and in place of one that two have the longer one: a folder and its archive, two classes' folders."""
    times = Counter(names)
    return [name if times[name] == 1 else other for name, other in zip(names, longer, strict=True)]


def overlooked(paths: Sequence[Path]) -> list[str]:
    """Files in class folders that are no submissions: somebody may have handed one in."""
    classes = [path for path in paths if not is_submission(path)]
    files = [p for path in classes for p in path.iterdir() if not p.name.startswith(".") and p.is_file()]
    return sorted(shown(path.name) for path in files if not is_archive(path))


def is_submission(path: Path) -> bool:
    """Whether this is one student's work rather than a class."""
    return not path.is_dir() or any((at / name).is_file() for at in (path, path / "exercises") for name in FILES)


def _members(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and (p.is_dir() or is_archive(p)))


def suite_hash() -> str:
    """SHA-256 over everything of ours that a verdict depends on."""
    files = [*ROOT.glob("tests/*.py"), *ROOT.glob("lab/toys/*.py"), *ROOT.glob("grader/*.py")]
    files += [*ROOT.glob("grader/sandbox/*.py"), ROOT / "pyproject.toml", ROOT / "conftest.py"]
    files += [*ROOT.glob("grader/mistakes/*.toml"), *ROOT.glob("solutions/*.py")]  # messages name mistakes
    digest = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def load(path: Path) -> Result | None:
    """A result file, or None if there is none that can be read."""
    try:
        return Result.from_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


class Batch:
    """One run over a class. `examiners` makes the examiner of a job slot."""

    def __init__(self, order: Order, examiners: Callable[[], Examiner], watcher: Watcher):
        self.order, self.examiners, self.watcher = order, examiners, watcher
        self.expected: list[Verdict] = []
        self._stop = threading.Event()
        self._working: list[Examiner] = []
        self._exchange = Exchange()

    def run(self, submissions: Sequence[Submission]) -> None:
        """Grade what needs it. Raises WorkerFault if the suites cannot be read; KeyboardInterrupt ends it cleanly."""
        (self.order.out / "results").mkdir(parents=True, exist_ok=True)
        todo: queue.SimpleQueue[Submission] = queue.SimpleQueue()
        for one in submissions:
            todo.put(one)
        slots = min(self.order.jobs, len(submissions))
        with _work_folder(self.order.out) as work, ThreadPoolExecutor(max(1, slots)) as threads:
            working = [threads.submit(self._slot, todo, work) for _ in range(slots)]
            try:
                # A thread whose join() a Ctrl-C interrupts counts as ended from then on (CPython issue 90882): wait so.
                wait(working, return_when=FIRST_EXCEPTION)
            finally:
                self._stop.set()
                for examiner in self._working:
                    examiner.end()
        for slot in working:
            slot.result()

    def _slot(self, todo: "queue.SimpleQueue[Submission]", work: Path) -> None:
        examiner = self.examiners()
        self._working.append(examiner)
        try:
            while not self._stop.is_set():
                self._one(todo.get_nowait(), examiner, work)
        except queue.Empty:
            pass
        finally:
            examiner.end()

    def _one(self, submission: Submission, examiner: Examiner, work: Path) -> None:
        folder = Path(tempfile.mkdtemp(dir=work))
        folder.chmod(0o755)  # another user id reads it on the `user` rung
        path = self.order.out / "results" / f"{submission.name}.json"
        try:
            try:
                opened, problem = open_apart(submission.path, folder), ""
            except Problem as error:
                opened, problem = Opened(folder, ""), str(error)
            old = load(path)
            if old and not problem and self._stands(old, opened):
                self.watcher.finished(old, kept=True)
                return
            self.watcher.begun(submission.student)
            result = self._graded(submission, opened, problem, examiner)
            if not self._stop.is_set():  # an examiner that was stopped has not graded
                write_atomically(path, result.to_json())
                self.watcher.finished(result, kept=False)
        finally:
            shutil.rmtree(folder)

    def _stands(self, old: Result, opened: Opened) -> bool:
        """Whether this result need not be worked out again."""
        order = self.order
        same = (old.submission_hash, old.suite_hash, old.rung) == (opened.hash, order.suite_hash, order.rung.name)
        seed = not order.fixed_seed or old.seed == order.seed
        same = same and old.diagnosed == order.diagnose
        sound = not old.problem and not old.ungradable and {t.step for t in old.tests} == set(order.steps)
        return same and seed and sound and not order.again

    def _graded(self, submission: Submission, opened: Opened, problem: str, examiner: Examiner) -> Result:
        started, clock = datetime.now(UTC), time.monotonic()
        verdicts = {(v.step, v.test): v for v in self._expected(examiner)}
        fault = "no verdict came from the examiner: grade this submission again"
        if problem:
            told = dataclasses.replace
            verdicts = {n: told(v, outcome=Outcome.NOT_STARTED, message=problem) for n, v in verdicts.items()}
        else:
            fault = self._examine(submission.student, opened, verdicts, examiner) or fault
        tests = [_test_result(v, fault) for v in verdicts.values()]
        return Result(
            student=submission.student,
            rung=self.order.rung.name,
            seed=self.order.seed,
            started=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - clock, 3),
            submission_hash=opened.hash,
            suite_hash=self.order.suite_hash,
            tests=tests,
            warning=self.order.rung.warning,
            problem=problem,
            left_out=opened.left_out,
            diagnosed=self.order.diagnose,
        )

    def _examine(
        self, student: str, opened: Opened, verdicts: dict[tuple[int, str], Verdict], examiner: Examiner
    ) -> str:
        """Fill in the verdicts as they come; returns what went wrong with the examiner, or ""."""

        def hear(event: dict[str, Any]) -> None:
            if "found" in event:
                return self._exchange.add(event["found"])
            if "verdict" in event:
                verdict = Verdict(**{**event["verdict"], "outcome": Outcome(event["verdict"]["outcome"])})
                verdicts[verdict.step, verdict.test] = verdict
            at = event["step"] if "step" in event else event["verdict"]["step"]
            return self.watcher.at(student, at, sum(v.earned for v in verdicts.values()))

        order = self.order
        job = {"folder": str(opened.folder), "steps": order.steps, "seed": order.seed, "seconds": order.seconds}
        job |= {"rung": dataclasses.asdict(order.rung), "diagnose": order.diagnose}
        task = {"grade": job, "known": self._exchange.news_for(examiner)}
        try:
            examiner.do(task, hear, order.seconds + GRACE)
        except WorkerFault as error:
            return str(error)
        return ""

    def _expected(self, examiner: Examiner) -> list[Verdict]:
        """The tests there are, each ungradable until a verdict comes. The first examiners look side by side."""
        if not self.expected:

            def hear(event: dict[str, Any]) -> None:
                self.expected = [Verdict(**{**v, "outcome": Outcome.UNGRADABLE}) for v in event["expected"]]

            examiner.do({"collect": self.order.steps}, hear, self.order.seconds + GRACE)
        return self.expected


def _test_result(verdict: Verdict, fault: str) -> TestResult:
    return TestResult(
        test=verdict.test,
        step=verdict.step,
        points=verdict.earned,
        max_points=verdict.points,
        title=verdict.title,
        hint=verdict.hint,
        outcome=verdict.outcome,
        message=verdict.message or (fault if verdict.outcome is Outcome.UNGRADABLE else ""),
        output=verdict.output,
        seconds=round(verdict.seconds, 3),
        looks_like=list(verdict.looks_like),
        observed=verdict.observed,
    )


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """A folder for private copies; what a killed run left in it is removed first."""
    work = out / ".work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    work = work.resolve()
    try:
        yield work
    finally:
        shutil.rmtree(work)
