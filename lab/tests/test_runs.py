"""Whole runs: what they leave behind, their caps, and going on exactly."""

import math
import os
import shutil
import signal

import pytest

from lab import lesson, training
from lab.cli import main
from lab.problem import Problem
from lab.rundir import RunFolder
from lab.steps import ROOT, STEPS, Steps


def losses(run: RunFolder) -> list[float]:
    return [record["loss"] for record in run.records() if "loss" in record]


def test_a_run_leaves_everything_in_its_folder(lab, capsys):
    status, run = lab("--steps", "6")
    printed = capsys.readouterr().out
    assert status == 0
    files = {path.name for path in run.path.iterdir()}
    assert files >= {
        "config.json",
        "log.jsonl",
        "checkpoint.pt",
        "curve.png",
        "samples.txt",
        "result.json",
        "tokenizer",
    }
    assert run.curve.read_bytes().startswith(b"\x89PNG")
    assert len(run.samples.read_text().split("\n\n---\n\n")) == 3
    assert len(losses(run)) == 6
    assert abs(losses(run)[0] - math.log(300)) < 0.3  # the first loss is the untrained one
    assert run.records()[0].keys() == {"step", "epoch", "loss", "tokens", "seconds"}
    last = run.records()[-1]
    assert last["perplexity"] == pytest.approx(math.exp(last["validation"]))
    assert "ln V = 5.70" in printed
    assert str(run.path) in printed


@pytest.mark.parametrize("first", [10, 7])
def test_resuming_gives_the_losses_of_one_go(lab, first):
    _, whole = lab("--steps", "20", "--batch-size", "8")
    _, halves = lab("--steps", str(first), "--batch-size", "8")
    assert main(["--resume", str(halves.path), "--steps", "20"]) == 0
    assert losses(halves) == losses(whole)


def test_resuming_across_epochs_keeps_the_order_of_the_texts(lab):
    sizes = ["--batch-size", "64"]
    _, whole = lab("--epochs", "4", *sizes)
    per_epoch = len(losses(whole)) // 4
    assert per_epoch > 1
    for first in (2 * per_epoch, 2 * per_epoch + 1):
        _, part = lab("--epochs", "4", "--steps", str(first), *sizes)
        assert main(["--resume", str(part.path), "--steps", "1000"]) == 0
        assert losses(part) == losses(whole)


def test_what_was_logged_after_the_checkpoint_is_done_again(lab):
    _, run = lab("--steps", "4")
    run.append({"step": 5, "epoch": 1, "loss": 0.0, "tokens": 0, "seconds": 9.0})
    with run.log.open("a") as file:
        file.write('{"step": 6, "lo')  # killed in the middle of a line
    assert main(["--resume", str(run.path), "--steps", "6"]) == 0
    assert [record["step"] for record in run.records() if "loss" in record] == [1, 2, 3, 4, 5, 6]
    assert 0.0 not in losses(run)


def test_a_finished_run_says_what_to_raise(lab, capsys):
    _, run = lab("--steps", "2")
    assert main(["--resume", str(run.path)]) == 2
    assert "raise --epochs, --steps or --minutes" in capsys.readouterr().err


def test_minutes_cap_the_training(lab):
    _, run = lab("--minutes", "1e-9")
    assert len(losses(run)) == 1


def test_epochs_cap_the_training(lab):
    _, run = lab("--epochs", "2", "--batch-size", "64")
    steps = [record for record in run.records() if "loss" in record]
    assert steps[-1]["epoch"] == 2
    assert steps[-1]["tokens"] == 2 * steps[len(steps) // 2 - 1]["tokens"]


def test_ctrl_c_stops_after_the_step_and_keeps_everything(lab, monkeypatch):
    record = training.Recorder.record

    def interrupted(self, loss):
        record(self, loss)
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training.Recorder, "record", interrupted)
        status, run = lab("--steps", "8")
    assert status == 130
    assert len(losses(run)) == 3
    assert run.curve.exists()
    assert run.samples.exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert main(["--resume", str(run.path)]) == 0
    assert losses(run) == losses(lab("--steps", "8")[1])


def test_a_second_ctrl_c_stops_at_once(lab, monkeypatch, capsys):
    def twice(self, loss):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(training.Recorder, "record", twice)
    status, run = lab("--steps", "8")
    assert status == 130
    assert not run.curve.exists()


def test_the_trainer_trains_and_goes_on(lab):
    status, run = lab("--trainer", "--steps", "3", "--batch-size", "8")
    assert status == 0
    assert abs(losses(run)[0] - math.log(300)) < 0.3
    assert main(["--resume", str(run.path), "--steps", "6"]) == 0
    assert losses(run) == pytest.approx(losses(lab("--trainer", "--steps", "6", "--batch-size", "8")[1]))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_unfinished_step_is_named(lab, tmp_path, capsys, monkeypatch, number):
    package, name = f"learner{number}", STEPS[number]
    shutil.copytree(ROOT / "solutions", tmp_path / package)
    shutil.copy(ROOT / "exercises" / f"{name}.py", tmp_path / package)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lesson, "_package", lambda options: package)
    status, _ = lab("--steps", "2")
    assert status == 2
    error = capsys.readouterr().err
    assert f"{package}/{name}.py is not finished" in error
    assert f"pytest tests/test_{name}.py" in error
    assert error.count("\n") == 1


def test_a_step_that_does_not_import_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "step1_model.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Problem, match=r"broken/step1_model\.py does not import \(SyntaxError.*test_step1_model\.py"):
        Steps("broken")[1]
