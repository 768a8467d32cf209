"""Step 8, graded: the loss per token and the perplexity, however the text was cut up. 20 points.

The model is a table: the loss of every single token is known, so the right mean is known to many digits.
"""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.expect import expect, expect_close, expect_equal, expect_raises, number, show
from grader.probe import points, probe
from lab.toys import calls, models, scored

V = 9


@probe
def evaluated(student, table, batches, device="cpu", train=False, times=1):
    """Evaluate the table model on a list of batches; the numbers, what the model saw, and its state afterwards.

    train: the model comes in train mode, and gradients are on outside; else both are off.
    times: how often, on the same batches; the numbers are the last ones.
    """
    batches = [{name: tokens.clone() for name, tokens in batch.items()} for batch in batches]
    model = scored.ScoredLM(table).to(device).train(train)
    model.table.grad = torch.ones_like(model.table)
    with torch.set_grad_enabled(train):  # puts back what it found, whatever happens inside
        for _ in range(times):
            result = student.evaluate(model, batches, device=device)
        gradients_after = torch.is_grad_enabled()
    loss, perplexity = result
    return {
        "loss": loss,
        "perplexity": perplexity,
        "tuple": isinstance(result, tuple),
        "seen": model.seen,
        "train": [part.training for part in model.modules()],
        "dropout": [part.p for part in model.modules() if hasattr(part, "p")],
        "grad": model.table.grad is not None and bool((model.table.grad == 1).all()),
        "gradients_after": gradients_after,
        "requires_grad": model.table.requires_grad,
        "moved": not torch.equal(model.table.detach().cpu(), table),
    }


@probe
def all_evaluated(student, table, loaders):
    """The numbers alone, for many loaders."""
    model = scored.ScoredLM(table)
    return [list(student.evaluate(model, batches)) for batches in loaders]


@probe
def error_of(student, table, batches, train):
    model = scored.ScoredLM(table).train(train)
    with torch.set_grad_enabled(train):
        error = calls.raised(lambda: student.evaluate(model, batches))
        gradients = torch.is_grad_enabled()
    return {"error": error, "train": model.training, "gradients": gradients}


@probe
def places(student, ids, labels, device, as_object):
    target = torch.device(device) if as_object else device
    model = models.Witness().to(target)
    batch = {"input_ids": ids} if labels is None else {"input_ids": ids, "labels": labels}
    with scored.MetaCounts():
        error = calls.raised(lambda: student.evaluate(model, [batch], device=target))
    return {"error": error, "places": model.places}


# -- what is right, and what the tests draw


def right(table, batches):
    """(mean loss per scored token, number of scored tokens), token by token in float64."""
    log_probs = table.double().log_softmax(-1)
    losses = []
    for batch in batches:
        ids, labels = batch["input_ids"], batch.get("labels", batch["input_ids"])
        before, wanted = ids[:, :-1].flatten(), labels[:, 1:].flatten()
        kept = wanted != -100
        losses.append(-log_probs[before[kept], wanted[kept]])
    every = torch.cat(losses)
    return every.mean().item(), every.numel()


def _table():
    """Some tokens are far easier to foretell than others, so that a wrong weight shows."""
    return torch.randn(V, V) * torch.linspace(0.2, 4.0, V)[:, None]


def _batch(rows, length, easy=None):
    """A batch of random tokens; easy: only of tokens from the lower or upper half of the vocabulary."""
    low, high = (0, V) if easy is None else ((V // 2, V) if easy else (0, V // 2))
    return {"input_ids": torch.randint(low, high, (rows, length))}


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _shapes(batches):
    return ", ".join(str(tuple(batch["input_ids"].shape)) for batch in batches)


def _check(loss, perplexity, table, batches, did, look):
    wanted, tokens = right(table, batches)
    floats = isinstance(loss, float) and isinstance(perplexity, float)
    got = f"({show(loss)}, {show(perplexity)})"
    expect(floats, did=did, wanted="two Python floats, (loss, perplexity)", got=got, look="loss.item(), math.exp.")
    did += f" The mean loss over the {tokens} scored tokens:"
    expect_close(loss, wanted, did=did, look=look, rtol=1e-5, atol=1e-6)


# -- the mean


@points(1.5, step=8, hint="What does the model return, and over how many tokens is it a mean?")
def test_even_batches(student, device):
    """Three batches of the same shape: the mean loss per token, as Python floats, the same on every device."""
    table, batches = _table(), [_batch(4, 6) for _ in range(3)]
    found = evaluated(student, table, batches, device)
    did = f"evaluate a model on batches of shape {_shapes(batches)}."
    look = "model(input_ids, labels=labels) returns (logits, mean loss): turn it into a sum over the scored tokens."
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)
    did += " Is the result a tuple, (loss, perplexity)?"
    expect_equal(_field(found, "tuple"), True, did=did, look="return loss, perplexity.")


@points(1.5, step=8, hint="The exponential of which number?")
def test_perplexity_is_exp_of_the_mean_loss(student):
    """The second number is e to the power of the first: not the mean of the batches' perplexities, not 2 ** loss."""
    for large in (False, True):
        table, batches = _table(), [_batch(2, 6, easy=True), _batch(5, 4, easy=False), _batch(1, 3)]
        if large:
            table *= 45 / right(table, batches)[0]  # makes the mean loss at most 45, and far above 20
        mean = right(table, batches)[0]
        found = evaluated(student, table, batches)
        wanted = math.exp(mean)
        did = f"evaluate a model on batches of shape {_shapes(batches)}; the mean loss is {number(mean)}. "
        did += "The second number:"
        look = "math.exp(total / tokens), once, at the end, however large."
        got = _field(found, "perplexity")
        expect(isinstance(got, float), did=did, wanted=f"a Python float, {number(wanted)}", got=show(got), look=look)
        expect_close(got, wanted, did=did, look=look, rtol=1e-4, atol=1e-6)


@points(2, step=8, hint="How much should a last, smaller batch count?")
def test_a_smaller_last_batch_counts_less(student):
    """A batch of 1 row after batches of 8 counts an eighth as much: weights are tokens, not batches."""
    table = _table()
    batches = [_batch(8, 6, easy=True), _batch(8, 6, easy=True), _batch(1, 6, easy=False)]
    found = evaluated(student, table, batches)
    did = f"evaluate a model on batches of shape {_shapes(batches)}; the last one is much harder."
    look = "loss.item() * scored tokens, added up, over the sum of scored tokens: the mean of means is another number."
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)


@points(2, step=8, hint="How many tokens does a row of T tokens score?")
def test_batches_of_different_lengths(student):
    """A row of T tokens scores T - 1 of them, the first has nothing before it; rows alone, or B * T, weigh wrongly."""
    table = _table()
    batches = [_batch(3, 2, easy=False), _batch(3, 12, easy=True), _batch(6, 3, easy=False)]
    found = evaluated(student, table, batches)
    did = f"evaluate a model on batches of shape {_shapes(batches)}, some much harder than others."
    look = "a batch weighs as much as it has scored tokens, those of labels[:, 1:]: not the rows, not B * T."
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)
    batches = [*(_batch(1, 4, easy=i % 2 == 0) for i in range(110)), *(_batch(2, 3, easy=True) for _ in range(110))]
    halves = _batch(1, 120, easy=True)["input_ids"], _batch(1, 180, easy=False)["input_ids"]
    batches.append({"input_ids": torch.cat(halves, 1)})
    found = evaluated(student, table, batches)
    did = "evaluate a model on 110 batches of shape (1, 4), 110 of shape (2, 3) and one of shape (1, 300)."
    look = "every batch counts, and every token of it."
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)


@points(2, step=8, hint="Does your number change if the same texts come in other batches?", timeout=60)
@given(st.data())
def test_the_batch_size_does_not_matter(student, data):
    """The same texts in batches of any size, even or ragged, give the same loss and perplexity."""
    rows = data.draw(st.integers(2, 9), label="texts")
    length = data.draw(st.integers(2, 7), label="tokens in each")
    size = data.draw(st.integers(1, rows), label="batch size")
    seed = data.draw(st.integers(0, 1 << 20), label="seed of the texts")
    cuts = sorted(data.draw(st.sets(st.integers(1, rows - 1)), label="cut after rows"))
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(V, V, generator=generator) * torch.linspace(0.2, 4.0, V)[:, None]
    ids = torch.randint(V, (rows, length), generator=generator)
    whole = [{"input_ids": ids}]
    even = [{"input_ids": part} for part in ids.split(size)]
    ragged = [{"input_ids": ids[a:b]} for a, b in zip([0, *cuts], [*cuts, rows], strict=True)]
    found = all_evaluated(student, table, [whole, even, ragged])
    names = ("all in one batch", f"in batches of {size}", f"in batches of {_shapes(ragged)}")
    look = "sums and counts over everything, one division at the end."
    found = found if isinstance(found, list) else []
    for name, batches, pair in zip(names, (whole, even, ragged), found, strict=True):
        did = f"evaluate {rows} texts of {length} tokens, {name}."
        pair = pair if isinstance(pair, list) and len(pair) == 2 else [pair, None]
        _check(*pair, table, batches, did, look)


# -- labels


@points(2, step=8, hint="Which tokens are not to be scored, and do they count in the division?")
def test_labels_of_minus_100_are_not_scored(student):
    """A batch may bring its own "labels"; where they are -100 nothing is scored, and nothing counted."""
    table = _table()
    batches = [_batch(4, 8, easy=True), _batch(4, 8, easy=False), _batch(3, 5)]
    for batch, share in zip(batches, (0.1, 0.8, 0.4), strict=True):
        ids = batch["input_ids"]
        hidden = torch.rand(ids.shape) < share
        hidden[0, 1], hidden[1, 1] = True, False  # at least one of either kind
        batch["labels"] = ids.masked_fill(hidden, -100)
    found = evaluated(student, table, batches)
    did = f'evaluate a model on batches of shape {_shapes(batches)}; their "labels" are -100 in 10, 80 and 40 percent.'
    look = "(labels[:, 1:] != -100).sum() is the number of scored tokens."
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)


@points(1, step=8, hint="Is the first label of a row ever scored?")
def test_the_first_label_of_a_row_never_counts(student):
    """Whether a row's first label is -100 or not makes no difference: nothing comes before it to predict it from."""
    table = _table()
    batches = [_batch(2, 3, easy=True), _batch(5, 3, easy=False)]
    batches[0]["labels"] = batches[0]["input_ids"].clone()
    batches[1]["labels"] = batches[1]["input_ids"].clone()
    batches[1]["labels"][:, 0] = -100
    found = evaluated(student, table, batches)
    did = f"evaluate a model on batches of shape {_shapes(batches)}; in the second the first label of each row is -100."
    look = "count in labels[:, 1:], what the model scores, not in labels."
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)


@points(1, step=8, hint="Which labels does the model get if the batch has some, and which if not?", observed=True)
def test_the_batchs_own_labels_are_used(student):
    """If there are "labels", they go to the model, even where they are other tokens; else input_ids do.

    The batches are the caller's: evaluated once more, they give the same numbers.
    """
    table = _table()
    batches = [_batch(3, 5), _batch(2, 5), _batch(4, 4)]
    batches[1]["labels"] = torch.randint(V, (2, 5))
    found = evaluated(student, table, batches)
    did = f'evaluate a model on batches of shape {_shapes(batches)}; only the second has "labels", other tokens.'
    look = 'labels = batch["labels"] if "labels" in batch else batch["input_ids"].'
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)
    wanted = [row for batch in batches for row in batch.get("labels", batch["input_ids"])[:, 1:].tolist()]
    seen = _field(found, "seen")
    given = [call.get("labels") for call in seen if isinstance(call, dict)] if isinstance(seen, list) else []
    got = [row[1:] for rows in given if isinstance(rows, list) for row in rows]
    missing = [row for row in wanted if row not in got]  # rows: in what batches they come is not asked
    told = " The labels that the model was given, from the second of each row on:"
    expect(not missing, did=did + told, wanted=show(wanted), got=show(got), look=look)
    found = evaluated(student, table, batches, "cpu", False, 2)
    did = f"evaluate a model twice on the same batches of shape {_shapes(batches)}, the second time:"
    look = "leave the batches as they are: no pop, nothing written into their tensors."
    _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)


@points(1.5, step=8, hint="What is the mean over no token?")
def test_a_batch_with_nothing_to_score_is_left_out(student):
    """A batch whose labels are all -100, or whose rows have one token, has no mean: it must not spoil the rest."""
    table = _table()
    silent = _batch(3, 4)
    silent["labels"] = torch.full((3, 4), -100)
    for what, odd in (("has only -100 as labels", silent), ("has rows of one token", _batch(4, 1))):
        batches = [_batch(2, 5), odd, _batch(3, 4)]
        found = evaluated(student, table, batches)
        did = f"evaluate a model on batches of shape {_shapes(batches)}; the second {what}."
        look = "if a batch scores no token, go on to the next: NaN * 0 is NaN."
        _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)


@points(1, step=8, hint="What do you divide by if nothing was scored?", observed=True)
def test_nothing_to_score_is_refused(student):
    """An empty loader, labels that are all -100, or rows of one token raise ValueError; the mode is restored."""
    silent = _batch(2, 4)
    silent["labels"] = torch.full((2, 4), -100)
    cases = [("an empty loader", []), ("batches whose labels are all -100", [silent, silent]),
             ("a batch of rows of one token", [_batch(3, 1)])]  # fmt: skip
    for what, batches in cases:
        for train in (False, True):
            found = error_of(student, _table(), batches, train)
            look = "if no token was scored: raise ValueError."
            expect_raises(_field(found, "error"), did=f"evaluate a model on {what}.", look=look)
            did = f"evaluate a model on {what}, in {'train' if train else 'eval'} mode. Is it in train mode afterwards?"
            look = "put the mode back before you raise, or in a finally."
            expect_equal(_field(found, "train"), train, did=did, look=look)
            did = f"evaluate a model on {what}. Gradients were {'' if train else 'not '}tracked. Are they afterwards?"
            look = "torch.no_grad() as a block or decorator puts things back by itself."
            expect_equal(_field(found, "gradients"), train, did=did, look=look)


# -- what it leaves behind


@points(1.5, step=8, hint="Does the model drop anything while it is being measured?", observed=True)
def test_dropout_is_off(student):
    """At every call the model and all its parts are in eval mode, in whichever mode they were given."""
    for train in (True, False):
        table, batches = _table(), [_batch(2, 5), _batch(3, 5)]
        found = evaluated(student, table, batches, "cpu", train)
        did = f"evaluate a model that is in {'train' if train else 'eval'} mode. Its mode at each call:"
        seen = _field(found, "seen")
        seen = [call for call in seen if isinstance(call, dict)] if isinstance(seen, list) else []
        modes = ["eval" if call.get("eval") is True else "train" for call in seen]
        expect(len(modes) >= 2, did=did, wanted="a call for every batch", got=f"{len(modes)} calls", look="the loop.")
        expect_equal(modes, ["eval"] * len(modes), did=did, look="model.eval() before the loop.")
        look = "model.eval() before the first batch."
        _check(_field(found, "loss"), _field(found, "perplexity"), table, batches, did, look)


@points(1, step=8, hint="In which mode was the model before, and where do you keep that?", observed=True)
def test_the_mode_is_restored(student):
    """A model that came in train mode is in train mode afterwards, and one in eval mode in eval mode; all its parts."""
    for train in (True, False):
        found = evaluated(student, _table(), [_batch(2, 5)], "cpu", train)
        parts = _field(found, "train")
        word = "train" if train else "eval"
        did = f"evaluate a model in {word} mode. The modes of the model and its parts afterwards:"
        modes = ["train" if part is True else "eval" for part in parts] if isinstance(parts, list) else parts
        look = "was_training = model.training; at the end model.train(was_training)."
        expect_equal(modes, [word] * 4 if not isinstance(parts, list) else [word] * len(parts), did=did, look=look)
        did = f"evaluate a model in {word} mode, with dropout of 0.5 and of 0.1. Their rates afterwards:"
        look = "model.eval() turns dropout off; its rate stays as it is."
        expect_equal(_field(found, "dropout"), [0.5, 0.1], did=did, look=look)


@points(1, step=8, hint="Who will call backward on these losses?", observed=True)
def test_no_gradients(student):
    """The model runs without gradients, and its parameters, their .grad and requires_grad stay as they were."""
    found = evaluated(student, _table(), [_batch(2, 5), _batch(2, 5)], "cpu", True)
    seen = _field(found, "seen")
    graphs = [call.get("gradients") for call in seen if isinstance(call, dict)] if isinstance(seen, list) else []
    did = "evaluate a model on 2 batches. Were gradients recorded at each call?"
    look = "@torch.no_grad() above the function, or `with torch.no_grad():` around the loop."
    expect(len(graphs) >= 2, did=did, wanted="a call for every batch", got=f"{len(graphs)} calls", look="the loop.")
    expect_equal(graphs, [False] * len(graphs), did=did, look=look)
    after = {name: _field(found, name) for name in ("grad", "requires_grad", "moved")}
    did = "evaluate a model that has a .grad. Is that still the same, does it require gradients, did a weight move?"
    look = "evaluate only looks: no backward, no zero_grad, no requires_grad_."
    expect_equal(after, {"grad": True, "requires_grad": True, "moved": False}, did=did, look=look)
    for train in (True, False):
        found = evaluated(student, _table(), [_batch(2, 5)], "cpu", train)
        did = f"evaluate a model where gradients are {'' if train else 'not '}tracked. Are they afterwards?"
        look = "torch.no_grad() as a block or decorator puts things back by itself."
        expect_equal(_field(found, "gradients_after"), train, did=did, look=look)


@points(1, step=8, hint="What must be on the device before the model can read it?", observed=True)
def test_batches_are_moved_to_the_device(student):
    """input_ids and labels are moved to `device`, given as a string or as a torch.device."""
    ids = torch.randint(V, (2, 4))
    for as_object, labels in ((False, None), (True, None), (False, ids.clone())):
        found = places(student, ids, labels, "meta", as_object)
        given = 'torch.device("meta")' if as_object else '"meta"'
        did = f"evaluate(..., device={given}), with a model there (a device that holds shapes only)"
        did += ', and a batch with "labels".' if labels is not None else "."
        did += " The devices at the model's first call:"
        at, error = _field(found, "places"), _field(_field(found, "error"), "message")
        wanted = {"the model": "meta", "input_ids": "meta", "labels": "meta"}
        got = show(at) if at else f"the model was never called ({error or 'no error'})"
        stopped = not at and "meta tensor" in str(error)  # something was counted there: so it had been moved
        expect(
            at == wanted or stopped,
            did=did,
            wanted=show(wanted),
            got=got,
            look='batch["input_ids"].to(device), labels too.',
        )
