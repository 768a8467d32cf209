"""The command line: usage told in one line, exit statuses, the doctor; and the sample class as it is handed out."""

import subprocess
import sys

import pytest

from grader.cli import _parser, main
from grader.worker import ROOT

CLASS = ROOT / "examples/class"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grade", "nowhere", "--out", "o"], "nowhere does not exist"),
        (["grade", ".", "--out", "o"], "holds neither folders nor archives"),
        (["grade", str(CLASS), "--out", "o", "--only", "nobody"], "no submission is called 'nobody'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_on_windows_grading_says_what_it_needs_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(["grade", str(CLASS), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "grader: grading needs Linux or macOS: on Windows, run it in WSL 2 or in a Linux container\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [["--steps", "1,99"], ["--jobs", "0"], ["--steps", "x"], ["--time-limit", "-1"]])
def test_wrong_options_are_status_2(tmp_path, capsys, wrong):
    with pytest.raises(SystemExit) as end:
        main(["grade", str(CLASS), "--out", str(tmp_path), *wrong])
    assert end.value.code == 2


def test_wrong_usage_is_told_without_importing_torch(tmp_path):
    code = f"import sys; from grader.cli import main; main(['grade', 'no', '--out', {str(tmp_path)!r}]); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == 0


def test_the_sample_classs_full_solution_is_ours():
    for step in sorted((ROOT / "solutions").glob("step[1-5]_*.py")):
        assert (CLASS / "ada/exercises" / step.name).read_bytes() == step.read_bytes(), "copy solutions/ to ada again"


def test_the_sample_classs_empty_start_is_the_stubs():
    for step in sorted((ROOT / "exercises").glob("step[1-5]_*.py")):
        assert (CLASS / "carla/exercises" / step.name).read_bytes() == step.read_bytes(), "copy exercises/ again"


@pytest.mark.parametrize(
    ("words", "steps"),
    [("1,3", (1, 3)), ("core", (1, 2, 3, 4, 5)), ("from scratch,6", (6, 13)), ("2,core", (1, 2, 3, 4, 5))],
)
def test_steps_are_named_by_number_or_track(words, steps):
    options = _parser().parse_args(["grade", "class", "--out", "out", "--steps", words])
    assert options.steps == steps
