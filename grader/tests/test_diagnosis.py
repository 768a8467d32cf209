"""The diagnosis: a failure is told as the mistake that it looks like, or not at all."""

import re
import textwrap
from collections import deque
from types import SimpleNamespace

import pytest
import torch

from grader import replay
from grader.catalogue import mistakes, solution, variants
from grader.diagnosis import CANDIDATES, told
from grader.likeness import same, signature
from grader.steps import BY_NUMBER, STEPS
from grader.suite import ROOT, run_suite
from grader.verdicts import Outcome


def verdicts(tmp_path, step, source, tests=(), seed=5):
    module = tmp_path / f"{BY_NUMBER[step].module}.py"
    module.write_text(source, encoding="utf-8")
    return run_suite(step, module, tests, seed=seed)


def catalogued(step, name):
    entry = next(one for one in mistakes(BY_NUMBER[step]) if one.id == name)
    return entry.apply(solution(BY_NUMBER[step]).read_text(encoding="utf-8")), entry


OTHER_LOOP = '''
import torch

def train(model, loader, *, epochs=2, lr=3e-4, weight_decay=0.01, max_norm=1.0, device="cpu",
          log_every=50, on_step=None):
    """Another build: plain loops, a clip by hand, and the gradients never cleared."""
    model = model.to(device)
    model.train()
    adam, history = torch.optim.AdamW(list(model.parameters()), lr, weight_decay=weight_decay), []
    for _ in range(epochs):
        seen = []
        for batch in loader:
            ids = batch["input_ids"].to(device)
            loss = model(ids, labels=ids)[1]
            loss.backward()
            grads = [p.grad for p in model.parameters() if p.grad is not None]
            size = torch.linalg.vector_norm(torch.stack([g.norm() for g in grads]))
            if size > max_norm:
                for g in grads:
                    g *= max_norm / (size + 1e-6)
            adam.step()
            seen.append(float(loss))
            history.append(seen[-1])
            if log_every and len(seen) % log_every == 0:
                print(sum(seen) / len(seen))
            if on_step is not None:
                on_step(len(history), history[-1])
        if not seen:
            raise ValueError("no batches")
    return history
'''


def test_another_build_with_a_known_mistake_is_told_which(tmp_path):
    verdict = verdicts(tmp_path, 3, OTHER_LOOP, ["test_every_step_is_exact"])["test_every_step_is_exact"]
    assert verdict.outcome is Outcome.FAILED
    assert "clear-missing" in verdict.looks_like
    assert "Looks like: Gradients are never cleared" in verdict.message


@pytest.mark.parametrize(
    ("diagonal", "named"),
    [
        ("1", ("mask-one-too-far",)),
        ("config.block_size", ()),  # a mask that hides nothing: half a dozen mistakes give that table
    ],
)
def test_where_weights_are_free_the_table_of_influence_decides(tmp_path, diagonal, named):
    """A model built by hand draws other weights than our solution; what it lets through shows in the table."""
    source, test = (
        (ROOT / "grader/variants/step1_model/by_hand.py").read_text("utf-8"),
        "test_no_position_sees_its_future",
    )
    assert source.count(".tril()") == 1
    verdict = verdicts(tmp_path, 1, source.replace(".tril()", f".tril({diagonal})"), [test])[test]
    assert verdict.outcome is Outcome.FAILED
    assert verdict.looks_like == named


def test_an_unknown_mistake_is_not_guessed_at(tmp_path):
    source = solution(BY_NUMBER[3]).read_text(encoding="utf-8")
    odd = source.replace("weight_decay=weight_decay)", "weight_decay=weight_decay, betas=(0.62, 0.97))")
    assert odd != source
    verdict = verdicts(tmp_path, 3, odd, ["test_every_step_is_exact"])["test_every_step_is_exact"]
    assert verdict.outcome is Outcome.FAILED
    assert verdict.looks_like == ()
    assert "Looks like" not in verdict.message


def test_under_hypothesis_the_examples_before_the_smallest_count_too(tmp_path):
    """One short text says little; that an é counts double shows over all the examples."""
    source, entry = catalogued(2, "filter-counts-bytes")
    assert verdicts(tmp_path, 2, source, [entry.caught_by])[entry.caught_by].looks_like == (entry.id,)


def test_a_mistake_whose_own_test_passed_is_not_named(tmp_path):
    """An empty corpus that is let through gives what a kept tail gives; but the tails were right."""
    source, entry = catalogued(2, "empty-corpus-returned")
    named = verdicts(tmp_path, 2, source)[entry.caught_by].looks_like
    assert entry.id in named
    assert "tail-kept" not in named


def test_it_can_be_left_out(tmp_path, monkeypatch):
    source, entry = catalogued(3, "sgd")
    assert verdicts(tmp_path, 3, source, [entry.caught_by])[entry.caught_by].looks_like == ("sgd",)
    monkeypatch.setattr("grader.diagnosis._catalogue", lambda step: [])
    assert verdicts(tmp_path, 3, source, [entry.caught_by])[entry.caught_by].looks_like == ()


def test_it_takes_no_longer_than_its_budget(tmp_path, monkeypatch):
    """Out of time, nothing is named, and the verdict stands."""
    source, entry = catalogued(3, "sgd")
    monkeypatch.setattr("grader.diagnosis.BUDGET_S", 0.001)
    verdict = verdicts(tmp_path, 3, source, [entry.caught_by])[entry.caught_by]
    assert verdict.outcome is Outcome.FAILED
    assert verdict.looks_like == ()


def test_what_a_learner_reads():
    some = mistakes(BY_NUMBER[3])[:2]
    assert told([]) == ""
    assert told(some) == f"\nLooks like: {some[0].says}\n        or: {some[1].says}"
    assert CANDIDATES == 3


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.number))
def test_every_entry_says_what_the_code_does_in_one_sentence(step):
    for entry in mistakes(step):
        assert entry.says.endswith("."), entry.id
        assert len(textwrap.wrap(entry.says, 100)) <= 2, entry.id
        assert entry.caught_by.startswith("test_")
        assert entry.message
    assert len(variants(step)) >= 2


def test_evidence_is_the_same_up_to_rounding():
    assert same({"a": [1, 2.0, "x", None]}, {"a": [1, 2.00001, "x", None]})
    assert not same({"a": 1}, {"a": True})
    assert not same([1.0], [1.1])
    assert not same(torch.tensor([1, 2]), torch.tensor([1, 3]))
    assert same(torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")]))
    assert not same(torch.zeros(2), torch.zeros(3))
    assert same(ValueError("no"), ValueError("no"))
    assert not same(ValueError("no"), TypeError("no"))


def test_a_signature_has_tables_and_counts_but_no_real_numbers():
    one = signature(Outcome.FAILED, "Got:  3 of 7, x..x, 0.12 and 1e-5 -3.4e+08 nan\nSmallest failing case found: n=1")
    two = signature(Outcome.FAILED, "Got: 3 of 7, x..x, 0.55 and 2e-7 -1.25 inf")
    assert one == two
    assert one != signature(Outcome.FAILED, "Got: 4 of 7, x..x, 0.12 and 1e-5 -3.4e+08 nan")
    assert signature(Outcome.ERROR, "Your code raised X: a\n  b.py:3 in f: g()") == (
        Outcome.ERROR,
        "Your code raised X: a",
    )


def test_large_evidence_does_not_pile_up(monkeypatch):
    """A submission chooses how large its evidence is: right answers with ballast, in call after call."""
    monkeypatch.setattr(replay, "KEPT_BYTES", 1000)
    runner = SimpleNamespace(run_probe=lambda act, args, kwargs: {"value": [1], "ballast": torch.zeros(100)})
    watched = replay.Watched(runner)
    for _ in range(5):
        assert watched.run_probe(None, (), {})["value"] == [1]
    assert sum(replay.size(call.answer) for call in watched.calls) <= 1000
    assert watched.calls[-1].answer is replay.NOT_KEPT
    examples = deque(replay.Example(None, {}, (), None, watched.calls[:2]) for _ in range(4))
    replay._forget_the_oldest(examples)
    assert len(examples) == 1


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.number))
def test_most_entries_tell_where_somebody_made_the_mistake(step):
    sources = [entry.source for entry in mistakes(step) if entry.source]
    assert all(re.fullmatch(r"https://[!-~]+", source) for source in sources)
    assert len(sources) > len(mistakes(step)) / 2
