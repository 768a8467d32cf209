"""Seconds per submission for a mixed class: `grader grade` against one plain pytest process per submission.

    python benchmarks/grading.py [--students 30] [--jobs N] [--steps 1,2,3,4,5]

Both ways grade the same class with the same suites, one after the other, on the same machine; what counts is the ratio.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
KINDS = ("ada", "ben", "carla", "eli", "dora")  # endless loops and attacks would measure time limits only
PLAIN = """
import sys
from pathlib import Path
from grader.inprocess import from_file
from grader.suite import run
folder, steps = Path(sys.argv[1]), [int(n) for n in sys.argv[2].split(",")]
present = [n for n in steps if list(folder.glob(f"step{n}_*.py"))]
run(lambda step: from_file(folder / f"{step.module}.py"), steps=present)
"""


def make_class(folder: Path, students: int) -> list[Path]:
    paths = [folder / f"{KINDS[n % len(KINDS)]}{n:03}" for n in range(students)]
    for n, path in enumerate(paths):
        shutil.copytree(ROOT / "examples/class" / KINDS[n % len(KINDS)], path)
    return paths


def plain(paths: list[Path], steps: str, jobs: int) -> float:
    """Seconds for one process per submission, `jobs` at a time."""
    started = time.monotonic()
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

    def one(path: Path) -> None:
        subprocess.run([sys.executable, "-c", PLAIN, str(path / "exercises"), steps], env=env, cwd=ROOT, check=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, paths))
    return time.monotonic() - started


def sandboxed(folder: Path, out: Path, steps: str, jobs: int) -> tuple[float, float]:
    """Seconds for the class, and of these the seconds within tests (summed over submissions)."""
    started = time.monotonic()
    command = [sys.executable, "-m", "grader", "grade", str(folder), "--out", str(out), "--steps", steps]
    subprocess.run([*command, "--jobs", str(jobs)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    results = [json.loads(path.read_text()) for path in (out / "results").glob("*.json")]
    return time.monotonic() - started, sum(test["seconds"] for result in results for test in result["tests"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", default="1,2,3,4,5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        paths = make_class(Path(name, "class"), options.students)
        walled, in_tests = sandboxed(Path(name, "class"), Path(name, "out"), options.steps, options.jobs)
        bare = plain(paths, options.steps, options.jobs)
    print(f"students {options.students}, jobs {options.jobs}, steps {options.steps}")
    print(f"plain      {bare / options.students:6.2f} s a submission")
    print(f"sandboxed  {walled / options.students:6.2f} s a submission, ratio {walled / bare:.2f}")
    print(f"of {walled * options.jobs:.0f} s of job time, {in_tests:.0f} s within tests (probe starts included)")


if __name__ == "__main__":
    main()
