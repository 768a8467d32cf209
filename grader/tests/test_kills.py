"""SIGKILL at random moments during a class of 30: the same command goes on, and nothing is lost or graded twice.

benchmarks/kills.py does the same with more kills, with a grader started afresh every time, and with real examiners.
"""

import contextlib
import multiprocessing
import os
import random
import sys

import grader.sandbox.rungs
import grader.worker
from grader.cli import main
from grader.inprocess import from_file
from grader.sandbox.rung import Rung
from grader.worker import ROOT, Worker

STUDENTS, KILLS = 30, 3
# a benchmark is a script, not part of a package
kills = from_file(ROOT / "benchmarks/kills.py", "benchmark_of_kills")


class Forked:
    """The grader in a fork of this process, which has everything imported; as a Popen."""

    def __init__(self, words):
        self.process = multiprocessing.get_context("fork").Process(target=grade, args=(words,))
        self.process.start()
        self.pid = self.process.pid

    def poll(self):
        return self.process.exitcode

    def wait(self):
        self.process.join()

    def send_signal(self, number):
        os.kill(self.pid, number)


def grade(words):
    command = [sys.executable, "-c", kills.EXAMINER, "0.05"]
    grader.worker.Worker = lambda libraries: Worker(libraries=False, command=command)
    grader.sandbox.rungs.choose = lambda forced: Rung("bwrap", "made-up sandbox")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        os._exit(main(words))


def test_kills_at_random_moments_lose_and_repeat_nothing(tmp_path):
    seed = random.SystemRandom().randrange(1 << 31)
    folder, out, calm = tmp_path / "class", tmp_path / "out", tmp_path / "calm"
    kills.make_class(folder, STUDENTS, False)
    words = ["grade", str(folder), "--steps", "1", "--jobs", "2", "--seed", "7", "--out"]
    tally = kills.killed(lambda: Forked([*words, str(out)]), out, STUDENTS, KILLS, random.Random(seed))
    Forked([*words, str(calm)]).wait()
    assert tally == kills.Tally(kills=KILLS, after=tally.after), f"seed {seed}"
    assert len(kills.finished(out)) == STUDENTS
    assert kills.grades(out) == kills.grades(calm)
    assert {points for tests in kills.grades(out).values() for _, points in tests} == {0, 4}
    assert (out / "grades.csv").read_text() == (calm / "grades.csv").read_text()
    assert not (out / ".work").exists()
