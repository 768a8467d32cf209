"""Kills the grader at random moments and goes on with the same command: what is lost, what is repeated?

    python benchmarks/kills.py [--students 30] [--kills 20] [--jobs 2] [--real]

Every kill is a SIGKILL to the grader's process. After each the finished results must be there, whole and untouched; at
the end the grades must be those of a run that nobody disturbed. With --real the suites of steps 3 and 4 run in the
sandbox on copies of the sample class; otherwise a made-up examiner takes about --seconds per submission.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
KINDS = ("ada", "ben", "carla", "eli", "dora")
SEED = 7
# In place of the real examiner: two verdicts that follow from the submission's own text, after a while.
EXAMINER = """
import json, pathlib, sys, time
verdict = {"test": "test_a", "step": 1, "points": 4.0, "title": "t", "hint": "h", "outcome": "passed"}
tell = lambda event: print(json.dumps(event), flush=True)
for line in sys.stdin:
    task = json.loads(line)
    if "collect" in task:
        tell({"expected": [verdict, {**verdict, "test": "test_b"}]})
    else:
        tell({"verdict": verdict})
        time.sleep(float(sys.argv[1]))
        text = pathlib.Path(task["grade"]["folder"], "step1_model.py").read_text()
        tell({"verdict": {**verdict, "test": "test_b", "outcome": "passed" if int(text) % 3 else "failed"}})
    tell({"done": 0})
"""
GRADER = """
import sys
import grader.sandbox.rungs, grader.worker
from grader.sandbox.rung import Rung
real, command = grader.worker.Worker, [sys.executable, "-c", {examiner!r}, {seconds!r}]
grader.worker.Worker = lambda libraries: real(libraries=False, command=command)
grader.sandbox.rungs.choose = lambda forced: Rung("bwrap", "made-up sandbox")
from grader.cli import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class Tally:
    """What came of it: `lost` and `repeated` are results that were finished before a kill."""

    kills: int = 0
    after: int = 0  # kills with at least one result finished and one not
    lost: int = 0
    repeated: int = 0
    torn: int = 0  # files in results/ that are not whole


def make_class(folder: Path, students: int, real: bool) -> None:
    for n in range(students):
        if real:
            shutil.copytree(ROOT / "examples/class" / KINDS[n % len(KINDS)], folder / f"s{n:02}")
        else:
            (folder / f"s{n:02}").mkdir(parents=True)
            (folder / f"s{n:02}/step1_model.py").write_text(str(n))


def command(folder: Path, out: Path, jobs: int, seconds: float | None) -> list[str]:
    """The grader's command; `seconds`: with the made-up examiner that takes so long, None for the real ones."""
    words = ["grade", str(folder), "--out", str(out), "--jobs", str(jobs), "--seed", str(SEED)]
    if seconds is None:
        return [sys.executable, "-m", "grader", *words, "--steps", "3,4"]
    code = GRADER.format(examiner=EXAMINER, seconds=str(seconds))
    return [sys.executable, "-c", code, *words, "--steps", "1"]


def finished(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "results").glob("[!.]*.json")}


def grades(out: Path) -> dict[str, list[tuple[str, float]]]:
    """{student: (outcome, points) of every test}."""
    results = (json.loads(text) for text in finished(out).values())
    return {r["student"]: [(test["outcome"], test["points"]) for test in r["tests"]] for r in results}


def started(words: list[str]) -> subprocess.Popen:
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed(start: Callable[[], subprocess.Popen], out: Path, students: int, kills: int, draw: random.Random) -> Tally:
    """Start a grader, kill it `kills` times at random moments, let it finish; every time look at what is there.

    A moment is drawn as a number of further results, and a fraction of the time that one takes: over the class as a
    whole the kills hit starts, gradings and writes alike, however busy the machine is.
    """
    tally, before = Tally(), finished(out)
    for left in range(kills, -1, -1):
        process = start()
        if left:
            share = (students - len(before)) / left
            until = min(len(before) + draw.randint(0, max(1, round(2 * share) - 1)), students - 1)
            while len(finished(out)) < until and process.poll() is None:
                time.sleep(0.005)
            time.sleep(draw.random() * 0.3)
            process.send_signal(signal.SIGKILL)
            tally.kills += 1
        process.wait()
        now = finished(out)
        tally.after += bool(left) and 0 < len(now) < students
        tally.lost += len(before.keys() - now.keys())
        tally.repeated += sum(now[name] != text for name, text in before.items() if name in now)
        tally.torn += sum(not text.endswith(b"}\n") for text in now.values())
        before = now
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.3, help="a submission takes so long (made-up examiner)")
    parser.add_argument("--real", action="store_true", help="real examiners, steps 3 and 4, in the sandbox")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, out, calm = Path(name, "class"), Path(name, "out"), Path(name, "calm")
        make_class(folder, options.students, options.real)
        seconds = None if options.real else options.seconds
        words = command(folder, out, options.jobs, seconds)
        tally = killed(lambda: started(words), out, options.students, options.kills, random.Random())
        subprocess.run(command(folder, calm, options.jobs, seconds), cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        same, number = grades(out) == grades(calm), len(finished(out))
    print(f"{tally.kills} kills in a class of {options.students}, {tally.after} of them between two results")
    print(f"lost {tally.lost}, repeated {tally.repeated}, half-written {tally.torn} finished results")
    print(f"{number} results at the end, grades {'equal' if same else 'DIFFER from'} those of an undisturbed run")
    sys.exit(0 if same and not tally.lost + tally.repeated + tally.torn else 1)


if __name__ == "__main__":
    main()
