"""`python -m grader check`: the instructor's self-check before class, and the proof of the suites.

solutions    full points, whatever the seed        variants   correct modules of other builds: full points as well
stubs        no points, and no error but the stub's own
mistakes     caught by the test that each names, not by a timeout, in the words that the entry quotes

Every trial is one module under (a part of) one suite, in one of `jobs` worker processes.
"""

import dataclasses
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from grader.catalogue import Mistake, mistakes, solution, variants
from grader.scoreboard import number
from grader.steps import Step
from grader.suite import ROOT, SuiteFailed, expected, run_suite
from grader.verdicts import Outcome, Verdict

MESSAGES_SEED = 0  # the mistakes' trials draw the same inputs every time, so that their messages can be kept
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Trial:
    """One module under a suite, or under the named `tests` of it."""

    step: Step
    kind: str  # solution, stub, variant, mistake
    name: str
    source: str
    tests: tuple[str, ...] = ()
    seed: int = MESSAGES_SEED
    mistake: Mistake | None = None


@dataclass(frozen=True)
class Finding:
    """What a trial showed. `faults`: what an instructor must mend, a line each."""

    trial: Trial
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    seconds: float = 0.0


def plan(steps: Sequence[Step], seeds: Sequence[int], *, whole: bool = False) -> Iterator[Trial]:
    """Every trial of `steps`. `whole`: mistakes run under their whole suite, not only under the test they name.

    Raises CatalogueError if an entry does not fit its solution.
    """
    for step in steps:
        right = solution(step).read_text(encoding="utf-8")
        stub = (ROOT / "exercises" / f"{step.module}.py").read_text(encoding="utf-8")
        yield Trial(step, "stub", "the stub", stub, seed=seeds[0])
        for seed in seeds:
            yield Trial(step, "solution", "the solution", right, seed=seed)
            for path in variants(step):
                yield Trial(step, "variant", path.stem, path.read_text(encoding="utf-8"), seed=seed)
        for mistake in mistakes(step):
            tests = () if whole else (mistake.caught_by,)
            yield Trial(step, "mistake", mistake.id, mistake.apply(right), tests, mistake=mistake)


def attempt(trial: Trial) -> Finding:
    """Run a trial in this process."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "exercises" / f"{trial.step.module}.py"  # where a learner's stands, in messages too
        module.parent.mkdir()
        module.write_text(trial.source, encoding="utf-8")
        try:
            verdicts = run_suite(trial.step.number, module, trial.tests, seed=trial.seed)
        except SuiteFailed as error:
            said = str(error).strip().splitlines() or ["it printed nothing"]
            return Finding(trial, faults=(f"pytest could not run the suite: {said[-1]}",))
    return Finding(trial, verdicts, tuple(_faults(trial, verdicts)), time.monotonic() - started)


def _faults(trial: Trial, verdicts: dict[str, Verdict]) -> Iterator[str]:
    if trial.mistake:
        yield from _slips(trial.mistake, verdicts.get(trial.mistake.caught_by))
        return
    wanted = Outcome.NOT_STARTED if trial.kind == "stub" else Outcome.PASSED
    for verdict in verdicts.values():
        if verdict.outcome is not wanted:
            told = next(iter(verdict.message.splitlines()), "")
            yield f"{verdict.test} {verdict.outcome} (--seed {trial.seed}) {told}".rstrip()
        if verdict.looks_like and trial.kind != "mistake":
            yield f"{verdict.test} is told to look like {', '.join(verdict.looks_like)}"
    possible = sum(verdict.points for verdict in verdicts.values())
    if possible != trial.step.points:
        yield f"the suite is worth {number(possible)} points; grader/steps.py says {number(trial.step.points)}"


def _slips(mistake: Mistake, verdict: Verdict | None) -> Iterator[str]:
    if verdict is None:
        yield f"names {mistake.caught_by}, which the suite does not have"
    elif verdict.outcome not in (Outcome.FAILED, Outcome.ERROR):
        yield f"{mistake.caught_by} should catch it, and says: {verdict.outcome} {verdict.message[:80]}".rstrip()
    elif mistake.message not in " ".join(verdict.message.split()):
        yield f"{mistake.caught_by} catches it without the words {mistake.message!r}"


def run(trials: Sequence[Trial], jobs: int, on_finding: Callable[[Finding], None]) -> list[Finding]:
    """Run the trials in `jobs` processes, and return their findings in order.

    When a process dies, the trials that are not done yet have that as their fault.
    """
    os.environ |= ONE_THREAD | OFFLINE  # the workers start with it
    found = dict[int, Finding]()
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        tasks = {pool.submit(attempt, trial): at for at, trial in enumerate(trials)}
        try:
            for task in as_completed(tasks):
                at = tasks[task]
                try:
                    found[at] = task.result()
                except BrokenProcessPool:
                    fault = "the process ended: did this module or another end it?"
                    found[at] = Finding(trials[at], faults=(fault,))
                on_finding(found[at])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [found[at] for at in range(len(trials))]


@dataclass(frozen=True)
class StepReport:
    """What the trials of one step showed."""

    step: Step
    findings: list[Finding]
    tests: list[str]
    observed: float  # points for what only the student's process can see (see grader.probe.points)

    def of(self, kind: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.trial.kind == kind]

    @property
    def faults(self) -> list[str]:
        told = [f"{f.trial.kind} {f.trial.name}: {fault}" for f in self.findings for fault in f.faults]
        return list(dict.fromkeys(told))

    @property
    def named(self) -> int:
        """Mistakes that the diagnosis names, by themselves or as one of two."""
        return sum(
            finding.trial.name in seen and len(seen) <= 2
            for finding in self.of("mistake")
            for seen in [verdict.looks_like for test, verdict in finding.verdicts.items() if _caught(finding, test)]
        )

    @property
    def idle(self) -> list[str]:
        """Tests that no mistake names as the one that catches it."""
        busy = {finding.trial.mistake.caught_by for finding in self.of("mistake") if finding.trial.mistake}
        return [test for test in self.tests if test not in busy]

    @property
    def redundant(self) -> list[str]:
        """Tests that catch nothing that another does not; known only if the mistakes ran under whole suites."""
        alone = set()
        for finding in self.of("mistake"):
            catching = [test for test, v in finding.verdicts.items() if v.outcome is not Outcome.PASSED]
            if len(catching) == 1:
                alone.add(catching[0])
        return [test for test in self.tests if test not in alone]


def _caught(finding: Finding, test: str) -> bool:
    return finding.trial.mistake is not None and test == finding.trial.mistake.caught_by


def report(steps: Sequence[Step], findings: Sequence[Finding]) -> list[StepReport]:
    """The findings by step, with the tests that each suite has."""
    every = expected([step.number for step in steps])
    by_step = {step: [verdict for verdict in every if verdict.step == step.number] for step in steps}
    return [
        StepReport(
            step,
            [finding for finding in findings if finding.trial.step == step],
            [verdict.test for verdict in tests],
            sum(verdict.points for verdict in tests if verdict.observed),
        )
        for step, tests in by_step.items()
    ]


def plain(reports: Sequence[StepReport], missing: Sequence[str], seeds: Sequence[int], *, whole: bool) -> dict:
    """The machine-readable result: schema 1. A test's verdict of a trial: outcome, message, seconds, looks_like."""
    return {
        "schema": 1,
        "fine": not missing and not any(one.faults for one in reports),
        "missing": list(missing),
        "seeds": list(seeds),
        "steps": [
            {
                "step": one.step.number,
                "module": one.step.module,
                "points": one.step.points,
                "observed": one.observed,
                "faults": one.faults,
                "mistakes": len(one.of("mistake")),
                "named": one.named,
                "named by no mistake": one.idle,
                **({"catch nothing alone": one.redundant} if whole else {}),
                "trials": [_plain_trial(finding) for finding in one.findings],
            }
            for one in reports
        ],
    }


def _plain_trial(finding: Finding) -> dict:
    trial = finding.trial
    kept = ("outcome", "message", "seconds", "looks_like")
    verdicts = {test: dataclasses.asdict(verdict) for test, verdict in finding.verdicts.items()}
    return {
        "kind": trial.kind,
        "name": trial.name,
        "seed": trial.seed,
        "seconds": round(finding.seconds, 3),
        "faults": list(finding.faults),
        "verdicts": {test: {key: value[key] for key in kept} for test, value in verdicts.items()},
    }


def draw_seeds(count: int) -> list[int]:
    return [random.SystemRandom().randrange(1 << 31) for _ in range(count)]
