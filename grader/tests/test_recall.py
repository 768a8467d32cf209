"""What mistakes answered is kept: in a run, and from one submission to the next."""

import dataclasses
import sys

import pytest
import torch

from grader import evidence
from grader.catalogue import mistakes, solution
from grader.clock import Clock
from grader.diagnosis import _Wrong
from grader.probe import Probe
from grader.recall import Answer, Answers, Exchange, question
from grader.sandbox.rung import Rung
from grader.steps import BY_NUMBER
from grader.suite import run_suite
from grader.worker import Worker


def some_probe(student, numbers, scale=1.0):
    return numbers


def other_probe(student, numbers, scale=1.0):
    return numbers


def asked(who="wrong", act=some_probe, numbers=(1.0, 2.0), seed=3, **kwargs):
    torch.manual_seed(seed)
    return question(who, Probe(act), (torch.tensor(numbers),), kwargs)


def told(value, seconds=0.0):
    return Answer(seconds, evidence.encode(value))


def test_equal_arguments_make_the_same_question():
    """Tensors of equal numbers are equal, wherever they lie in memory."""
    first = torch.arange(2.0)
    assert asked() == asked()
    assert question("w", Probe(some_probe), (first,), {}) == question("w", Probe(some_probe), (first.clone(),), {})


@pytest.mark.parametrize(
    "other",
    [{"who": "another"}, {"act": other_probe}, {"numbers": (1.0, 2.5)}, {"seed": 4}, {"scale": 2.0}],
    ids=lambda other: next(iter(other)),
)
def test_anything_else_is_another_question(other):
    assert asked(**other) != asked()


def test_an_answer_is_new_each_time():
    """A test may write into its evidence; the next one must not see that."""
    answers = Answers()
    answers.keep(b"q", told({"loss": torch.zeros(2)}))
    answers.get(b"q").value["loss"] += 1
    assert answers.get(b"q").value["loss"].tolist() == [0, 0]
    assert answers.get(b"another") is None


def test_what_a_fork_found_out_is_handed_on():
    fork, parent = Answers(), Answers()
    assert fork.handed_on() == ""
    fork.keep(b"q", told([1, 2], seconds=0.5))
    fork.keep(b"raised", Answer(0.1, error=ValueError("no")))
    parent.take(fork.handed_on())
    assert parent.get(b"q") == told([1, 2], seconds=0.5)
    assert parent.get(b"raised") is None  # not every error can be sent
    assert parent.handed_on() == ""  # the parent found out nothing itself


def test_the_oldest_answers_are_forgotten():
    one = told(torch.zeros(100))
    answers = Answers(kept_bytes=3 * len(one.frame))
    for name in (b"a", b"b", b"c", b"d"):
        answers.keep(name, one)
    assert [name for name in (b"a", b"b", b"c", b"d") if answers.get(name)] == [b"b", b"c", b"d"]
    parent = Answers()
    parent.take(answers.handed_on())
    assert parent.get(b"a") is None
    assert parent.get(b"d") == one


@pytest.fixture
def failure(tmp_path, monkeypatch):
    """A submission with a catalogued mistake, examined anew: what the diagnosis names, and how often it had to ask."""
    answers, computed = Answers(), []
    monkeypatch.setattr("grader.diagnosis.ANSWERS", answers)
    plainly = _Wrong._answer
    monkeypatch.setattr(_Wrong, "_answer", lambda self, *asked: computed.append(self) or plainly(self, *asked))
    step = BY_NUMBER[3]
    entry = next(one for one in mistakes(step) if one.id == "sgd")
    module = tmp_path / f"{step.module}.py"
    module.write_text(entry.apply(solution(step).read_text(encoding="utf-8")), encoding="utf-8")

    def examined():
        computed.clear()
        return run_suite(3, module, [entry.caught_by], seed=5)[entry.caught_by].looks_like, len(computed)

    return answers, examined


def test_the_next_student_with_the_same_failure_is_told_the_same_without_asking_again(failure):
    _, examined = failure
    named, computed = examined()
    assert named == ("sgd",)
    assert computed > 10
    assert examined() == (named, 0)


def test_a_kept_answer_counts_what_it_took_to_find_out(failure):
    """Otherwise the last of a class, for whom more mistakes fit into the time, could be told something else."""
    answers, examined = failure
    assert examined()[0] == ("sgd",)
    for asked, answer in answers._answers.items():
        answers._answers[asked] = Answer(60.0, answer.frame, answer.error)
    assert examined() == ((), 0)


def test_an_answer_is_paid_for_once_in_a_diagnosis():
    """Both ways of comparing ask the same questions."""
    clock = Clock()
    for _ in range(2):
        with clock.bounds(60):
            whole = clock.until
            clock.pay(b"q", 4.0)
            clock.pay(b"q", 4.0)
            clock.pay(b"another", 1.0)
            assert clock.until == whole - 5.0


def test_every_examiner_is_given_what_is_new_to_it_once():
    exchange = Exchange()
    exchange.add("first")
    assert exchange.news_for("one") == ["first"]
    exchange.add("second")
    assert exchange.news_for("one") == ["second"]
    assert exchange.news_for("one") == []
    assert exchange.news_for("another") == ["first", "second"]


def test_an_exchange_drops_the_oldest():
    exchange = Exchange(kept_bytes=10)
    for handed in ("aaaa", "bbbb", "cccc"):
        exchange.add(handed)
    assert exchange.news_for("one") == ["bbbb", "cccc"]
    exchange.add("d" * 11)  # larger than all that may be kept
    assert exchange.news_for("one") == []


EXAMINER = """
import grader.examiner as examiner
from grader import evidence, recall
def run(student_for, *, steps, seed, on_verdict, diagnose):
    known = recall.ANSWERS.get(b"q")
    print("known" if known else "unknown", known and known.value)
    if not known:
        recall.ANSWERS.keep(b"q", recall.Answer(0.0, evidence.encode(seed)))
    student_for(examiner.BY_NUMBER[3 if known else 1])  # it tells which step it is at
examiner.suite.run = run
examiner._import_suites = lambda steps: None
examiner.serve()
"""


def test_examiners_tell_each_other(tmp_path):
    """The next submission, in the same examiner or in another, is examined with what was found out before."""
    workers = [Worker(libraries=False, command=[sys.executable, "-P", "-c", EXAMINER]) for _ in range(2)]
    rung = dataclasses.asdict(Rung("limits", "l"))
    job = {"folder": str(tmp_path), "steps": [1], "seed": 7, "seconds": 60, "rung": rung, "diagnose": True}
    first, second, third = list[dict](), list[dict](), list[dict]()
    try:
        workers[0].do({"grade": job}, first.append, 60)
        known = [event["found"] for event in first if "found" in event]
        workers[0].do({"grade": job, "known": known}, second.append, 60)
        workers[1].do({"grade": job, "known": known}, third.append, 60)
    finally:
        for worker in workers:
            worker.end()
    assert first[0] == {"step": 1}
    assert len(known) == 1
    assert second == third == [{"step": 3}]
