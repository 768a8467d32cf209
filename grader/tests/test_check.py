"""The self-check: that it sees what is wrong, and that a sample of the catalogue stands. The whole: `grader check`."""

import dataclasses
import json
import os
import re
import subprocess
import sys

import pytest

from grader import messages
from grader.catalogue import CatalogueError, Mistake, mistakes, solution, variants
from grader.check import Finding, Trial, attempt, plain, plan, report, run
from grader.check_command import _changed, _notes
from grader.steps import BY_NUMBER, STEPS
from grader.suite import ROOT

SAMPLE = [wrong for step in STEPS for wrong in mistakes(step)[len(mistakes(step)) // 2 :][:1]]
STEP3 = BY_NUMBER[3]
SOURCE = solution(STEP3).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sampled() -> list[Finding]:
    """A mistake of every step, and what the self-check makes of them."""
    trials = [trial for trial in plan(STEPS, [7]) if trial.mistake in SAMPLE]
    return run(trials, os.cpu_count() or 1, lambda finding: None)


@pytest.mark.timeout(300)
def test_a_sample_of_the_catalogue_stands(sampled):
    assert len(sampled) == len(STEPS)
    assert [(f.trial.step.number, f.trial.name, f.faults) for f in sampled if f.faults] == []


@pytest.mark.timeout(300)
def test_the_messages_of_the_sample_are_those_on_file(sampled):
    for finding in sampled:
        if wrong := finding.trial.mistake:
            told = messages.plain(finding.verdicts[wrong.caught_by].message)
            assert messages.kept(finding.trial.step)[wrong.id] == told


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("number", "name"), [(3, "manual_clip"), (11, "log_space")])
def test_another_build_has_full_points(number, name):
    source = next(path for path in variants(BY_NUMBER[number]) if path.stem == name).read_text(encoding="utf-8")
    assert attempt(Trial(BY_NUMBER[number], "variant", name, source, seed=7)).faults == ()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.number))
def test_every_mistake_has_a_message_on_file(step):
    assert list(messages.kept(step)) == [wrong.id for wrong in mistakes(step)]


def test_the_catalogue_is_as_large_as_it_says():
    core = ((1, 12, 40), (2, 2, 12), (3, 2, 25), (4, 2, 12), (5, 2, 12))
    stretch = ((6, 3, 45), (7, 2, 35), (8, 3, 35))
    for number, right, wrong in (*core, *stretch):
        assert len(variants(BY_NUMBER[number])) >= right
        assert len(mistakes(BY_NUMBER[number])) >= wrong
    assert sum(len(variants(step)) for step in STEPS) >= 40
    assert sum(len(mistakes(step)) for step in STEPS) >= 160


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.module)
def test_no_mistake_changes_the_library_for_everyone(step):
    """The diagnosis runs mistakes in the learner's process: what they patch there would fail right code after it."""
    libraries = "nn|F|torch|math|datasets|transformers"
    patches = re.compile(rf"^\s*({libraries})(\.\w+)+ = |\bsetattr\(({libraries})\b", re.MULTILINE)
    assert patches.search("nn.Dropout = lambda p: nn.Identity()")
    assert [mistake.id for mistake in mistakes(step) if patches.search(mistake.new)] == []


def test_an_edit_must_apply_exactly_once():
    mistake = Mistake("id", "says", "test", "message", old="a", new="b")
    assert mistake.apply("cat") == "cbt"
    for source in ("dog", "banana"):
        with pytest.raises(CatalogueError, match="not once"):
            mistake.apply(source)


# -- what it must see


@pytest.fixture
def undiagnosed(monkeypatch):
    """Without the seconds that the diagnosis of every failure takes."""
    monkeypatch.setattr("grader.diagnosis._catalogue", lambda step: [])


def wrong(**changes: str) -> Mistake:
    """Clearing forgotten, as the catalogue has it."""
    entry = next(one for one in mistakes(STEP3) if one.id == "clear-missing")
    return dataclasses.replace(entry, **changes)


def found(kind: str, source: str, **fields) -> list[str]:
    return list(attempt(Trial(STEP3, kind, "x", source, **fields)).faults)


def test_a_solution_that_loses_points_is_a_fault():
    faults = found("solution", wrong().apply(SOURCE), tests=("test_every_step_is_exact",))
    assert any(fault.startswith("test_every_step_is_exact failed (--seed 0) We did:") for fault in faults)


def test_a_stub_that_does_more_than_not_to_be_implemented_is_a_fault(undiagnosed):
    broken = SOURCE.replace("    model.to(device)", "    1 / 0\n    model.to(device)")
    faults = found("stub", broken, tests=("test_every_step_is_exact",))
    assert any("error" in fault and "ZeroDivisionError" in fault for fault in faults)


def test_a_suite_that_is_not_worth_its_points_is_a_fault():
    step = dataclasses.replace(STEP3, points=26)
    faults = attempt(Trial(step, "solution", "x", SOURCE)).faults
    assert list(faults) == ["the suite is worth 25 points; grader/steps.py says 26"]


@pytest.mark.parametrize(
    ("mistake", "fault"),
    [
        (wrong(new=wrong().old), "test_every_step_is_exact should catch it, and says: passed"),
        (wrong(caught_by="test_gone"), "names test_gone, which the suite does not have"),
        (wrong(message="no such words"), "test_every_step_is_exact catches it without the words 'no such words'"),
        (wrong(new="            raise NotImplementedError\n"), "should catch it, and says: not started"),
    ],
)
def test_a_mistake_that_slips_through_is_a_fault(mistake, fault):
    tests = ("test_every_step_is_exact",)
    faults = found("mistake", mistake.apply(SOURCE), tests=tests, mistake=mistake)
    assert len(faults) == 1
    assert fault in faults[0]


def test_a_module_that_ends_the_process_is_a_fault_and_not_the_end_of_the_check():
    ends = Trial(STEP3, "variant", "ends", "import os\nos._exit(3)\n")
    findings = run([ends], 1, lambda finding: None)
    assert findings[0].faults == ("the process ended: did this module or another end it?",)


def test_idle_and_redundant_tests_are_known(undiagnosed):
    both = attempt(Trial(STEP3, "mistake", "clear-missing", wrong().apply(SOURCE), (), mistake=wrong()))
    (one,) = report([STEP3], [both])
    assert "test_every_step_is_exact" not in one.idle
    assert "test_weights_decay" in one.idle
    assert "test_every_step_is_exact" in one.redundant, "others catch it as well"
    assert any("catch nothing that another" in note for note in _notes([one], whole=True))
    result = plain([one], [], [0], whole=True)
    assert json.loads(json.dumps(result))["steps"][0]["catch nothing alone"] == one.redundant


def test_other_messages_than_on_file_are_told():
    finding = attempt(Trial(STEP3, "mistake", "clear-missing", wrong().apply(SOURCE), ("test_every_step_is_exact",)))
    same = dataclasses.replace(finding, trial=dataclasses.replace(finding.trial, mistake=wrong()))
    (one,) = report([STEP3], [same])
    assert "clear-missing" not in _changed(one)
    verdict = same.verdicts["test_every_step_is_exact"]
    other = {verdict.test: dataclasses.replace(verdict, message=verdict.message + " more")}
    (one,) = report([STEP3], [dataclasses.replace(same, verdicts=other)])
    assert "clear-missing" in _changed(one)


# -- the command


def check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grader", "check", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)


@pytest.mark.timeout(240)
def test_the_command_tells_of_a_step_and_writes_its_result(tmp_path):
    ran = check("--step", "11", "--json", str(tmp_path / "check.json"), "--seed", "3")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Everything stands." in ran.stdout
    result = json.loads((tmp_path / "check.json").read_text())
    assert result["fine"]
    assert result["seeds"] == [3]
    assert result["steps"][0]["observed"] == 0.5
    assert "translation 9.5 of 10" in ran.stdout
    kinds = {trial["kind"] for trial in result["steps"][0]["trials"]}
    assert kinds == {"solution", "stub", "variant", "mistake"}


def test_an_unknown_step_is_told_in_one_line():
    ran = check("--step", "99")
    assert ran.returncode == 2
    assert "name steps of 1, 2, 3" in ran.stderr
    assert "Traceback" not in ran.stderr
