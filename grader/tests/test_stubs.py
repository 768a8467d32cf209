"""Only a stub as it was handed out is run outside the sandbox."""

import pytest

from grader import stubs
from grader.stubs import only_raises, untouched

STUB = """
import torch
from dataclasses import dataclass

@dataclass(frozen=True)
class Config:
    width: int = 8

class Model(torch.nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        raise NotImplementedError("step 1: write it")

def train(model, *, epochs: int = 2) -> list[float]:
    'Train.'
    raise NotImplementedError("step 3: write it")
"""


def test_a_file_is_untouched_if_it_is_our_stub_line_by_line(tmp_path, monkeypatch):
    ours, theirs = tmp_path / "exercises/step1_model.py", tmp_path / "step1_model.py"
    monkeypatch.setattr(stubs, "EXERCISES", ours.parent)
    theirs.write_text(STUB)
    assert not untouched(theirs)  # there is none of ours
    ours.parent.mkdir()
    ours.write_text(STUB)
    assert untouched(theirs)
    theirs.write_bytes(STUB.replace("\n", "\r\n").encode())
    assert untouched(theirs)
    theirs.write_text(STUB + "# looked at\n")
    assert not untouched(theirs)


@pytest.mark.parametrize(
    "other",
    [
        STUB + "import os\n",
        STUB + "from os import path\n",
        STUB + "from .step2_data import x\n",
        STUB + "from torch import load as NotImplementedError\n",
        STUB + "x = 1\n",
        STUB + "print('here')\n",
        STUB.replace("frozen=True", "frozen=exit()"),
        STUB.replace("int = 2", "int = exit()"),
        STUB.replace('"step 1: write it"', "exit()"),
        STUB.replace("torch.nn.Module)", "torch.nn.Module, metaclass=torch.load)"),
        STUB.replace("@dataclass(frozen=True)", "@torch.load"),
        STUB.replace("    'Train.'\n", "    return []\n"),
        STUB.replace('    raise NotImplementedError("step 3: write it")\n', "    return []\n"),
        STUB + "def broken(:\n",
    ],
)
def test_a_module_that_does_anything_is_no_stub(other, tmp_path, monkeypatch):
    """Not even where somebody has put a submission into exercises/: it would run beside the judge."""
    assert only_raises(STUB.encode())
    assert other != STUB
    assert not only_raises(other.encode())
    ours, theirs = tmp_path / "exercises/step1_model.py", tmp_path / "step1_model.py"
    ours.parent.mkdir()
    monkeypatch.setattr(stubs, "EXERCISES", ours.parent)
    for file in (ours, theirs):
        file.write_text(other)
    assert not untouched(theirs)
