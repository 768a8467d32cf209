"""Runs of `python -m lab translate`, tiny ones."""

import json
import os
import shutil
import signal
from types import SimpleNamespace

import pytest
import torch

from lab import pairs, translation, translation_report, translation_training
from lab.cli import main
from lab.rundir import RunFolder
from lab.steps import ROOT, Steps
from lab.subwords import Subwords


@pytest.fixture
def pairs_file(tmp_path):
    lines = ("\t".join(pairs.in_words(number)) for number in range(20, 60))
    path = tmp_path / "numbers.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def translate(tmp_path, pairs_file):
    """translate("--steps", "3") trains the solutions on forty pairs: (exit status, the run's folder)."""

    def run(*arguments: str) -> tuple[int, RunFolder]:
        out = tmp_path / "runs"
        before = set(out.glob("*"))
        common = ["translate", "--solutions", "--pairs", str(pairs_file), "--batch-size", "8", "--out", str(out)]
        status = main([*common, *arguments])
        (folder,) = set(out.glob("*")) - before
        return status, RunFolder(folder)

    return run


def test_a_run_leaves_everything_in_its_folder(translate, capsys):
    status, run = translate("--steps", "12")
    printed = capsys.readouterr().out
    assert status == 0
    assert {path.name for path in run.path.iterdir()} == {
        "config.json",
        "log.jsonl",
        "checkpoint.pt",
        "translate.png",
        "samples.txt",
        "result.json",
        "source-pieces.json",
        "target-pieces.json",
    }
    assert (run.path / "translate.png").read_bytes().startswith(b"\x89PNG")
    trained = [record for record in run.records() if "loss" in record]
    assert [record["step"] for record in trained] == list(range(1, 13))
    assert sum("validation" in record for record in run.records()) >= 10
    assert trained[1]["rate"] == pytest.approx(2 * trained[0]["rate"])  # Noam's rate rises evenly
    result = json.loads((run.path / "result.json").read_text())
    assert (result["step"], result["greedy_of"], result["beam_of"]) == (12, 4, 4)
    assert "greedy" in printed
    assert "(should be" in printed
    assert str(run.path) in printed


def test_the_same_seed_gives_the_same_run(translate):
    (_, one), (_, two), (_, other) = (translate("--steps", "3", "--seed", seed) for seed in "112")
    losses = [[record["loss"] for record in run.records() if "loss" in record] for run in (one, two, other)]
    assert losses[0] == losses[1] != losses[2]


def test_ctrl_c_keeps_everything(translate, monkeypatch, capsys):
    record = translation_training.Watch.record

    def interrupted(watch, *arguments):
        record(watch, *arguments)
        if watch.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(translation_training.Watch, "record", interrupted)
    status, run = translate("--steps", "50")
    assert status == 130
    assert "interrupted after 3 steps" in capsys.readouterr().out
    assert run.read_checkpoint()["step"] == 3
    assert (run.path / "result.json").exists()


def test_minutes_end_a_run(translate):
    status, run = translate("--minutes", "0.0001")
    assert status == 0
    assert len([record for record in run.records() if "loss" in record]) == 1


def test_decoding_takes_one_thread_and_gives_the_others_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with translation.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


UNFINISHED = {
    "step9_batch": "class Batch:\n    def __init__(self, *_, **__):\n        raise NotImplementedError('Batch')\n",
    "step10_translator": "def Translator(*_):\n    raise NotImplementedError('write Translator')\n",
    "step11_noam": "def noam_rate(*_, **__):\n    raise NotImplementedError('write noam_rate')\n",
    "step12_decode": "def beam_search(*_, **__):\n    raise NotImplementedError('write beam_search')\n",
}


def test_pairs_longer_than_the_model_takes_are_left_out(translate, pairs_file, capsys):
    with pairs_file.open("a", encoding="utf-8") as file:
        file.writelines(f"\nlong {i} {'word ' * 70}\tlang" for i in range(10))
    status, _ = translate("--steps", "1")
    assert status == 0
    assert "10 pairs longer than 64 pieces are left out" in capsys.readouterr().out
    pairs_file.write_text("\n".join(f"long {i} {'word ' * 70}\tlang" for i in range(30)), encoding="utf-8")
    assert main(["translate", "--solutions", "--pairs", str(pairs_file), "--out", str(pairs_file.parent)]) == 2
    assert "give shorter sentences" in capsys.readouterr().err


@pytest.mark.parametrize("name", UNFINISHED)
def test_an_unfinished_step_is_named_before_training(name, tmp_path, pairs_file, monkeypatch, capsys):
    package = tmp_path / f"learner_{name}"
    shutil.copytree(ROOT / "solutions", package)
    with (package / f"{name}.py").open("a") as file:
        file.write(UNFINISHED[name])
    monkeypatch.syspath_prepend(str(tmp_path))
    steps = Steps
    monkeypatch.setattr("lab.translate.Steps", lambda _: steps(package.name))
    out = tmp_path / "out"
    assert main(["translate", "--pairs", str(pairs_file), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert f"{name}.py is not finished" in said
    assert f"pytest tests/test_{name}.py" in said
    assert said.count("\n") == 1
    assert not out.exists() or not list(out.glob("*/log.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--pairs", "nothing.tsv"], "there are no pairs nothing.tsv"), (["--device", "abacus"], "no device 'abacus'")],
)
def test_what_can_be_mended_is_said_in_one_line(arguments, said, capsys):
    assert main(["translate", "--solutions", *arguments]) == 2
    assert said in capsys.readouterr().err


class PointsAt(torch.nn.Module):
    """Target piece t hangs on source place t alone: unlikely where that place is hidden."""

    def encode(self, src, src_mask):
        return src_mask[:, 0].float()

    def decode(self, memory, src_mask, tgt, tgt_mask):
        seen = memory[:, : tgt.shape[1], None]  # (B, T, 1)
        return (seen * torch.linspace(1, 2, 90)).log_softmax(-1)


@pytest.fixture
def look(monkeypatch):
    """look(model) shows how `model` would translate one text, had it said another."""
    pieces = Subwords(["zwei und drei", "drei und vier"], 90)
    monkeypatch.setattr(translation, "translate", lambda *_: ["zwei und vier"])

    def run(model, text="drei und zwei"):
        task = SimpleNamespace(
            steps=Steps("solutions"),
            source=pieces,
            target=pieces,
            model=model,
            config=SimpleNamespace(max_len=64),
            options=SimpleNamespace(device="cpu"),
        )
        return translation_report.look(task, text)

    return run


def test_the_influence_map_shows_what_a_piece_hangs_on(look):
    shown = look(PointsAt())
    assert shown.fall.shape == (len(shown.target), len(shown.source))
    assert shown.fall.count_nonzero() == shown.fall.diagonal().count_nonzero() == len(shown.target)
    assert shown.attention is None


@pytest.mark.parametrize("text", ["drei und zwei", "zwei und vier und"])  # as many pieces as the target has, and more
def test_the_attention_map_is_the_last_cross_attention(look, text):
    torch.manual_seed(0)
    solved = Steps("solutions")[10]
    model = solved.Translator(solved.TranslatorConfig(src_vocab=90, tgt_vocab=90)).eval()
    asked = []
    cross = model.decoder[-1].cross
    cross.register_forward_hook(lambda _, given, out: asked.append(given))
    shown = look(model, text)
    x, memory, mask = asked[0]
    q, k = (part.unflatten(-1, (4, -1)).transpose(1, 2) for part in (cross.query(x), cross.key(memory)))
    scores = (q @ k.transpose(-2, -1) / 32**0.5).masked_fill(~mask[:, None], -torch.inf)
    wanted = scores.softmax(-1).mean(1)[0, :, : len(shown.source)]
    torch.testing.assert_close(shown.attention, wanted)


def test_a_run_says_that_it_sees_no_attention(translate, monkeypatch, capsys):
    monkeypatch.setattr(translation_report, "cross_attention", lambda *_: None)
    assert translate("--steps", "2")[0] == 0
    assert "no attention map" in capsys.readouterr().out
