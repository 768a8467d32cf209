"""The numbers, the command line and the pictures' arithmetic."""

import math

import pytest
import torch
from torch import nn

from lab import evaluate, plots
from lab.cli import main
from lab.progress import clock
from lab.training import Plan


class Told(nn.Module):
    """Its loss is the first token of the batch; dropout would show whether it is in train mode."""

    def forward(self, input_ids, labels=None):
        assert not self.training
        return None, input_ids[0, 0].float()


def test_the_mean_loss_is_weighted_by_scored_tokens():
    model = Told().train()
    batches = [{"input_ids": torch.full((3, 5), 2)}, {"input_ids": torch.full((1, 5), 6)}]
    assert evaluate.mean_loss(model, batches, "cpu") == pytest.approx((12 * 2 + 4 * 6) / 16)
    assert model.training


def test_bits_per_byte():
    assert evaluate.bits_per_byte(math.log(256), 1.0) == pytest.approx(8.0)  # guessing bytes costs eight bits each
    assert evaluate.bits_per_byte(math.log(2), 0.25) == pytest.approx(0.25)


def test_the_plan_counts_a_smaller_last_batch():
    plan = Plan(rows=10, batch_size=4, block_size=8, epochs=2, steps=None, minutes=None)
    assert (plan.steps_per_epoch, plan.total_steps) == (3, 6)
    assert [plan.tokens(step) for step in (1, 3, 4)] == [32, 80, 112]
    assert plan.done(3, 0.0) == 0.5


def test_smoothing_starts_at_the_first_loss_and_stays_between():
    smooth = plots.smoothed([4.0] + [2.0] * 200)
    assert smooth[0] == 4.0
    assert smooth == sorted(smooth, reverse=True)
    assert smooth[-1] == pytest.approx(2.0, abs=0.01)


def test_the_clock():
    assert [clock(5), clock(75), clock(3_675)] == ["0:05", "1:15", "1:01:15"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--steps", "0"],
        ["--steps", "x"],
        ["--minutes", "-1"],
        ["--lr", "nan"],
        ["--size", "huge"],
        ["--no-such"],
        ["word"],
    ],
)
def test_a_wrong_option_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--corpus", "/no/such"], "there is no corpus"),
        (["--device", "no-such"], "there is no device"),
        (["--tokenizer", "no-such"], "there is no tokenizer"),
        (["--resume", "/no/such"], "not the folder of a run"),
        (["--resume", "/no/such", "--lr", "1"], "leave out --lr"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, wanted, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert wanted in error
    assert error.count("\n") == 1


def test_an_unwritable_out_is_one_line(tmp_path, capsys, text_file):
    (tmp_path / "file").write_text("")
    arguments = ["--corpus", str(text_file), "--tokenizer", "char", "--out", str(tmp_path / "file" / "runs")]
    assert main(arguments) == 2
    assert "give another folder with --out" in capsys.readouterr().err


def test_help_reads_well(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert "examples:" in printed
    assert max(map(len, printed.split("\n"))) <= 120
