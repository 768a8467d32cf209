"""What the stretch steps bring to the lab: the cosine, comparing, scaling, and who measured the perplexity."""

import json
import math
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import lesson, scale, training
from lab.cli import main
from lab.rundir import RunFolder
from lab.steps import ROOT, STEPS, Steps
from lab.training import Unrolled, rates_of


def losses(run: RunFolder) -> list[float]:
    return [record["loss"] for record in run.records() if "loss" in record]


@pytest.fixture
def command(tmp_path, text_file):
    """command("compare", "--steps", "3"): the exit status and the folders that it made, the newest last."""

    def run(name: str, *arguments: str) -> tuple[int, list[Path]]:
        out = tmp_path / "results"
        common = ["--solutions", "--corpus", str(text_file), "--tokenizer", "bpe:300", "--size", "tiny"]
        status = main([name, *common, "--out", str(out), *arguments])
        return status, sorted(out.glob("*"), key=lambda path: path.stat().st_mtime_ns)

    return run


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """learner(6): the lab runs a copy of the solutions whose step 6 is the stub; returns the package's name."""

    def make(number: int) -> str:
        package = f"stretcher{number}"
        shutil.copytree(ROOT / "solutions", tmp_path / package)
        shutil.copy(ROOT / "exercises" / f"{STEPS[number]}.py", tmp_path / package)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(lesson, "_package", lambda options: package)
        return package

    return make


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """The learning rate of every step that is made from now on."""
    seen: list[float] = []
    after = training.Optimizer._after_step

    def noted(self, optimizer, args, kwargs):
        seen.append(optimizer.param_groups[0]["lr"])
        after(self, optimizer, args, kwargs)

    monkeypatch.setattr(training.Optimizer, "_after_step", noted)
    return seen


def cosine(total: int, peak: float) -> list[float]:
    warm_up = total // training.WARM_UP
    step6 = Steps("solutions")[6]
    return [step6.cosine_lr(i, peak_lr=peak, warmup_steps=warm_up, total_steps=total) for i in range(total)]


@pytest.mark.parametrize("caps", [("--steps", "40"), ("--epochs", "2", "--batch-size", "64")])
def test_the_cosine_ends_where_the_run_ends(lab, rates, caps):
    status, run = lab("--schedule", "cosine", *caps)
    assert status == 0
    assert len(losses(run)) == len(rates)
    assert rates == pytest.approx(cosine(len(rates), 3e-3))
    if "40" in caps:
        assert len(rates) == 40


def test_both_schedules_read_the_same_batches(lab):
    _, constant = lab("--steps", "4", "--lr", "1e-9")
    _, cosine = lab("--steps", "4", "--lr", "1e-9", "--schedule", "cosine")
    assert losses(cosine) == pytest.approx(losses(constant), abs=1e-6)


def test_resuming_a_cosine_gives_the_losses_and_rates_of_one_go(lab, rates, monkeypatch):
    _, whole = lab("--steps", "40", "--batch-size", "8", "--schedule", "cosine")
    in_one_go = list(rates)
    rates.clear()
    record = training.Recorder.record

    def interrupted(self, loss):
        record(self, loss)
        if self.step == 17:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training.Recorder, "record", interrupted)
        _, halves = lab("--steps", "40", "--batch-size", "8", "--schedule", "cosine")
    assert main(["--resume", str(halves.path)]) == 0
    assert rates == pytest.approx(in_one_go)
    assert losses(halves) == losses(whole)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--minutes", "1"], "give --steps or --epochs"), (["--trainer", "--steps", "3"], "leave out --trainer")],
)
def test_what_a_cosine_cannot_do_is_said_in_a_line(tmp_path, capsys, arguments, told):
    assert main(["--solutions", "--schedule", "cosine", "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_resumed_cosine_takes_no_minutes_either(lab, capsys):
    _, run = lab("--steps", "2", "--schedule", "cosine")
    assert main(["--resume", str(run.path), "--steps", "4", "--minutes", "1"]) == 2
    assert "give --steps or --epochs" in capsys.readouterr().err


def test_the_small_size_has_a_number_of_steps_for_a_cosine():
    options = lesson.options_of({"schedule": "cosine"})
    assert (options.steps, options.minutes) == (600, None)
    assert lesson.options_of({}).steps is None


def test_an_unrolled_loader_goes_round_and_ends():
    assert list(Unrolled([1, 2, 3], 7)) == [1, 2, 3, 1, 2, 3, 1]
    assert len(Unrolled([1, 2, 3], 7)) == 7
    assert list(Unrolled([1, 2], 0)) == []


def test_a_constant_run_has_one_rate():
    options = lesson.options_of({"lr": 0.1})
    assert rates_of(Steps("solutions"), options, 3) == [0.1] * 3


def test_the_run_says_who_measured(lab, learner, capsys):
    _, run = lab("--steps", "2")
    assert "measured by step 8" in capsys.readouterr().out
    learner(8)
    _, by_lab = lab("--steps", "2")
    assert "measured by the lab (step 8 is not written yet)" in capsys.readouterr().out
    results = [json.loads((r.path / "result.json").read_text()) for r in (run, by_lab)]
    assert results[0]["validation"] == pytest.approx(results[1]["validation"])
    assert results[0]["perplexity"] == pytest.approx(math.exp(results[0]["validation"]))


def test_compare_leaves_two_rows_and_a_picture(command, capsys):
    status, (constant, cosine_run) = command("compare", "--steps", "20")
    printed = capsys.readouterr().out
    assert status == 0
    assert constant.name.endswith("constant")
    assert (cosine_run / "compare.png").read_bytes().startswith(b"\x89PNG")
    ends = [RunFolder(path).records()[-1] for path in (constant, cosine_run)]
    assert [end["step"] for end in ends] == [20, 20]
    for name, end in zip(("constant", "cosine"), ends, strict=True):
        (row,) = [line for line in printed.splitlines() if line.startswith("│ " + name)]
        assert f"{end['validation']:.3f}" in row
    behind = ends[1]["validation"] > ends[0]["validation"]
    assert behind == ("A higher peak is where it helps: try --lr 0.006" in printed)


def test_compare_stops_at_ctrl_c(command, capsys, monkeypatch):
    record = training.Recorder.record

    def interrupted(self, loss):
        record(self, loss)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(training.Recorder, "record", interrupted)
    status, folders = command("compare", "--steps", "20")
    assert status == 130
    assert len(folders) == 1
    assert "nothing to compare" in capsys.readouterr().out


def test_scale_leaves_a_table_a_law_and_a_picture(command, capsys):
    status, (folder,) = command("scale", "--minutes", "0.04")
    printed = capsys.readouterr().out
    assert status == 0
    assert (folder / "scale.png").read_bytes().startswith(b"\x89PNG")
    result = json.loads((folder / "scale.json").read_text())
    sizes = [n for n, _ in result["points"]]
    assert len(sizes) == 4
    assert sizes == sorted(sizes)
    assert result["steps"] >= scale.LEAST
    assert f"{sizes[-1]:,}" in printed
    law = Steps("solutions")[7].fit_power_law(sizes, [loss for _, loss in result["points"]])
    assert (result["a"], result["alpha"]) == pytest.approx(law)


def test_twice_as_wide_takes_half_the_rate():
    run = SimpleNamespace(options=lesson.options_of({"size": "small", "lr": 0.004}), steps=Steps("solutions"))
    widths = [SimpleNamespace(n_embd=width) for width in (64, 128, 256)]
    assert [scale.rate(run, config) for config in widths] == [0.008, 0.004, 0.002]


def test_scale_reads_the_text_a_few_times_at_most(command, monkeypatch, capsys):
    monkeypatch.setattr(scale, "PASSES", 1)
    monkeypatch.setattr(scale, "LEAST", 1)
    monkeypatch.setattr(
        scale, "_tell", lambda lesson, points, count, minutes: lesson.run.write_json("steps.json", count)
    )
    status, (folder,) = command("scale", "--minutes", "9", "--batch-size", "64")
    said = " ".join(capsys.readouterr().out.split())
    assert status == 0
    assert f"{(folder / 'steps.json').read_text().strip()} steps of each" in said
    assert "that is 1 times through the text and takes less than 9 minutes" in said


def test_a_law_that_rises_is_told_as_such(command, monkeypatch, capsys):
    monkeypatch.setattr(scale.Series, "fit", lambda self, model: 1 + sum(p.numel() for p in model.parameters()) / 1e6)
    status, (folder,) = command("scale", "--minutes", "0.04")
    printed = capsys.readouterr().out
    assert status == 0
    assert json.loads((folder / "scale.json").read_text())["alpha"] < 0
    assert "parameters ** 0.0" in printed
    assert "the larger models are no better here" in printed


def test_the_largest_size_is_the_doubled_one(text_file, tmp_path):
    options = lesson.options_of({"corpus": str(text_file), "tokenizer": "bpe:300", "solutions": True})
    found = scale.sizes(lesson.prepare(options, tmp_path / "runs"))
    assert [(config.n_layer, config.n_embd) for config in found] == [(1, 32), (2, 64), (4, 128), (8, 256)]
    assert {config.n_head for config in found} == {4}


def test_too_little_time_to_scale_says_how_much_is_needed(command, capsys):
    status, _ = command("scale", "--minutes", "0.00001")
    assert status == 2
    error = capsys.readouterr().err
    assert "give --minutes" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("after", "drawn"), [(1, False), (3, True)])
def test_scale_stopped_by_ctrl_c_draws_what_it_has(command, monkeypatch, after, drawn):
    fit = scale.Series.fit

    def interrupted(self, model):
        if len(self.found) == after:
            os.kill(os.getpid(), signal.SIGINT)
        return fit(self, model)

    monkeypatch.setattr(scale.Series, "fit", interrupted)
    status, (folder,) = command("scale", "--minutes", "0.04")
    assert status == 130
    assert (folder / "scale.png").exists() == drawn
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("number", "name", "arguments"),
    [(6, "compare", ["--steps", "3"]), (7, "scale", ["--minutes", "0.04"])],
)
def test_an_unfinished_stretch_step_is_named(command, learner, capsys, number, name, arguments):
    package = learner(number)
    status, folders = command(name, *arguments)
    assert status == 2
    error = capsys.readouterr().err
    assert f"{package}/{STEPS[number]}.py is not finished" in error
    assert f"pytest tests/test_{STEPS[number]}.py" in error
    assert error.count("\n") == 1
    if name == "compare":
        assert len(folders) == 1  # nothing was trained before that came to light
