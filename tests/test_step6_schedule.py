"""Step 6, graded: the learning-rate schedule. 20 points.

The rates themselves are compared with the formula, written here in another form. Which rate an update really used
cannot be seen in the loss curve, but it is in the weights: the same training is done by hand, in float64, and your
losses and weights must equal its, to many digits.
"""

import itertools
import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.expect import expect, expect_close, expect_equal, expect_raises, expect_tensor, number, show
from grader.probe import points, probe
from lab.toys import calls, models

V, WIDTH = 7, 5  # the toy model's vocabulary and width
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # AdamW's defaults in torch
NEVER = 1e9  # a max_norm that no gradient exceeds


@probe
def rates(student, steps, schedule):
    """The rate at every step of the list; a float as a float, anything else as what it is."""
    return [student.cosine_lr(step, **schedule) for step in steps]


@probe
def error_of(student, step, schedule):
    return calls.raised(lambda: student.cosine_lr(step, **schedule))


@probe
def trained(student, weights, epochs, options, left_over=None, device="cpu", before=None):
    """Train the toy model from `weights` on `epochs` (a list of batches each). left_over: gradients from before.

    One list of batches alone is a plain list of dicts, the same in every epoch. before: batches to train on first.
    """
    model = models.JoltLM(*weights["embed.weight"].shape)
    if before:
        student.train_with_cosine(model, models.SizedStream([before]), epochs=1, peak_lr=0.2, weight_decay=0.9)
        model.seen.clear()
    model.load_state_dict(weights)
    for name, parameter in model.named_parameters():
        parameter.grad = left_over[name].clone() if left_over else None
    model.eval()
    steps, moments = [], []

    def on_step(step, loss):
        steps.append([step, loss])
        moments.append(torch.cat([p.detach().flatten() for p in model.parameters()]))

    loader = models.SizedStream(epochs) if len(epochs) > 1 else [{"input_ids": ids} for ids in epochs[0]]
    losses = student.train_with_cosine(model, loader, device=device, on_step=on_step, **options)
    kind = "list" if isinstance(losses, list) else type(losses).__name__
    return {"losses": losses, "weights": dict(model.named_parameters()), "seen": model.seen, "steps": steps,
            "moments": moments, "kind": kind}  # fmt: skip


@probe
def places(student, ids):
    model = models.Witness()
    error = calls.raised(lambda: student.train_with_cosine(model, [{"input_ids": ids}], device="meta"))
    return {"error": error, "places": model.places}


@probe
def error_of_training(student, weights, batches, options):
    """The error, and whether a single weight moved before it came."""
    model = models.JoltLM(*weights["embed.weight"].shape)
    model.load_state_dict(weights)
    error = calls.raised(lambda: student.train_with_cosine(model, models.SizedStream([batches]), **options))
    same = all(torch.equal(value, weights[name]) for name, value in model.named_parameters())
    return {"error": error, "same": same}


# -- what is right, and what the tests draw


def rate(step, *, peak_lr, warmup_steps, total_steps, final_lr=0.0):
    """The schedule in another form: (1 + cos x) / 2 is cos(x / 2) squared."""
    if step < warmup_steps:
        return (step + 1) * (peak_lr / warmup_steps)
    if step >= total_steps:
        return final_lr
    weight = math.cos(math.pi / 2 * (step - warmup_steps) / (total_steps - warmup_steps)) ** 2
    return weight * peak_lr + (1 - weight) * final_lr


def reference(weights, batches, rates, *, weight_decay, max_norm):
    """The training by hand, update i with rates[i]: (losses, flat weights after every update, gradient norms)."""
    model = models.JoltLM(V, WIDTH)
    model.load_state_dict(weights)
    parameters = list(model.parameters())
    first, second = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    losses, moments, norms = [], [], []
    for t, (ids, lr) in enumerate(zip(batches, rates, strict=True), 1):
        _, loss = model(ids, labels=ids)
        grads = torch.autograd.grad(loss, parameters)
        norms.append(math.sqrt(sum(float(g.square().sum()) for g in grads)))
        with torch.no_grad():
            for p, g, m, v in zip(parameters, grads, first, second, strict=True):
                g = g * min(1.0, max_norm / norms[-1])
                m.mul_(BETA1).add_(g, alpha=1 - BETA1)
                v.mul_(BETA2).add_(g * g, alpha=1 - BETA2)
                step = (m / (1 - BETA1**t)) / ((v / (1 - BETA2**t)).sqrt() + EPS)
                p.sub_(lr * (step + weight_decay * p))
        losses.append(loss.item())
        moments.append(torch.cat([p.detach().flatten() for p in parameters]))
    return losses, moments, norms


def _schedule(**changes):
    """Numbers that no default gives."""
    warmup = 3 + int(torch.randint(8, ()))
    drawn = {"peak_lr": 0.001 * (1 + int(torch.randint(50, ()))), "warmup_steps": warmup}
    return drawn | {"total_steps": warmup + 10 + int(torch.randint(40, ()))} | changes


def _weights():
    """Every parameter drawn, biases too; the loudness runs from 0.1 to 10."""
    drawn = {name: torch.randn_like(value) for name, value in models.JoltLM(V, WIDTH).state_dict().items()}
    drawn["loudness"] = torch.logspace(-1, 1, V, dtype=torch.float64)
    return drawn


def _batches(count):
    """Batches whose first token, and so their loudness, goes up and down; the last is smaller."""
    batches = [torch.randint(V, (3, 6)) for _ in range(count - 1)] + [torch.randint(V, (1, 6))]
    order = torch.randperm(V).tolist()
    for i, ids in enumerate(batches):
        ids[0, 0] = order[i % V]
    return batches


def _options(**changes):
    peak = 0.02 + 0.03 * torch.rand(()).item()
    plain = {"epochs": 1, "peak_lr": peak, "warmup_steps": 4, "final_lr": 0.0, "weight_decay": 0.0, "max_norm": NEVER}
    return plain | changes


def _wanted(weights, epochs, options):
    flat = [ids for epoch in epochs for ids in epoch]
    schedule = {name: options[name] for name in ("peak_lr", "warmup_steps", "final_lr")}
    due = [rate(i, total_steps=len(flat), **schedule) for i in range(len(flat))]
    return reference(weights, flat, due, weight_decay=options["weight_decay"], max_norm=options["max_norm"])


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _told(options):
    shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in options.items() if v != NEVER}
    return ", ".join(f"{k}={v}" for k, v in shown.items())


def _same_rates(found, steps, schedule, look):
    did = f"cosine_lr(step, {_told(schedule)}) for step = {', '.join(map(str, steps[:12]))}"
    did += "." if len(steps) <= 12 else f", ... {steps[-1]}."
    floats = isinstance(found, list) and all(isinstance(x, float | int) for x in found)
    expect(floats, did=did, wanted="a Python float each", got=show(found), look="return a float.")
    for step, got in zip(steps, found, strict=True):
        right = rate(step, **schedule)
        close = abs(got - right) <= 1e-9 + 1e-6 * schedule["peak_lr"]  # so written, NaN is wrong; float32 is enough
        digits = 6 if number(got) != number(right) else 12
        wish = f"{number(right, digits)} at step {step}"
        expect(close, did=did, wanted=wish, got=number(got, digits), look=look)


def _same_training(found, weights, epochs, options, did, look):
    losses, moments, _ = _wanted(weights, epochs, options)
    got = _field(found, "losses")
    numbers = isinstance(got, list) and all(isinstance(x, float) for x in got)
    wish = f"a list of {len(losses)} Python floats"
    expect(
        numbers and len(got) == len(losses),
        did=did + " What is returned:",
        wanted=wish,
        got=show(got) if not numbers else f"{len(got)} of them",
        look="one loss.item() for every update, in order.",
    )
    for step, (mine, right) in enumerate(zip(got, losses, strict=True), 1):
        wish = f"the loss of step {step}, after {step - 1} update{'s' * (step != 2)}, is {number(right)}"
        expect(abs(mine - right) <= 1e-5 * abs(right), did=did, wanted=wish, got=number(mine), look=look)
    kept = "losses = [], and losses.append(...) at every step."
    expect_equal(_field(found, "kind"), "list", did=did + " The type of what is returned:", look=kept)
    parameters = _field(found, "weights")
    names = isinstance(parameters, dict) and all(isinstance(p, torch.Tensor) for p in parameters.values())
    flat = torch.cat([p.detach().flatten() for p in parameters.values()]) if names and parameters else None
    kept = "train the model in the type it has: no .float(), no .half()."
    type_ = str(flat.dtype) if flat is not None else "none"
    expect_equal(type_, "torch.float64", did=did + " The type of the weights at the end:", look=kept)
    flat = expect_tensor(flat, tuple(moments[-1].shape), did=did + " All weights at the end:", look=look)
    start = torch.cat([weights[name].flatten() for name in parameters])
    moved = float((moments[-1] - start).abs().max())
    off = float((flat - moments[-1]).abs().max())
    wish = f"every weight as a right loop leaves it (they move by up to {number(moved)})"
    expect(off <= 1e-4 * moved, did=did, wanted=wish, got=f"a weight that is off by {number(off)}", look=look)


# -- the rates


@points(2, step=6, hint="Which rate has the very first update, and which one the last of the warm-up?")
def test_the_warm_up_is_a_straight_line(student):
    """peak_lr * (step + 1) / warmup_steps: the first update has a small rate, not none; the last has peak_lr."""
    for _ in range(3):
        schedule = _schedule(final_lr=0.0005)
        steps = list(range(schedule["warmup_steps"] + 1))
        look = "step counts the updates already made, so the first is 0: (step + 1) / warmup_steps while step < "
        look += "warmup_steps; at warmup_steps the rate is peak_lr."
        _same_rates(rates(student, steps, schedule), steps, schedule, look)


@points(2, step=6, hint="How far along the descent is this step, from 0 to 1?")
def test_half_a_cosine_leads_down_to_the_floor(student):
    """From peak_lr at warmup_steps to final_lr at total_steps, flat at both ends, half way at the middle."""
    look = "progress = (step - warmup_steps) / (total_steps - warmup_steps), then final_lr + (peak_lr - final_lr) * "
    look += "(1 + cos(pi * progress)) / 2."
    for floor in (0.0, 0.0007, 0.0007):
        schedule = _schedule(final_lr=floor)
        steps = list(range(schedule["warmup_steps"], schedule["total_steps"] + 1))
        _same_rates(rates(student, steps, schedule), steps, schedule, look)


@points(2.5, step=6, hint="Draw the curve on paper: where does it rise, fall, and end?", timeout=60)
@given(st.data())
def test_any_schedule_follows_the_formula(student, data):
    """For any peak, floor and counts: the warm-up never falls, the descent never rises, all rates are the formula's."""
    warmup = data.draw(st.integers(0, 40), label="warmup_steps")
    total = warmup + data.draw(st.integers(0, 60), label="the rest")
    peak = data.draw(st.floats(1e-6, 1.0), label="peak_lr")
    floor = peak * data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]), label="final_lr / peak_lr")
    schedule = {"peak_lr": peak, "warmup_steps": warmup, "total_steps": total, "final_lr": floor}
    steps = list(range(total + 4))
    found = rates(student, steps, schedule)
    _same_rates(found, steps, schedule, "the lesson's picture, step by step; see which test above fails first.")
    changes = [(after - before) / peak for before, after in itertools.pairwise(found)]
    rising, falling = changes[: min(warmup, total - 1)] if warmup else [], changes[warmup:]
    monotone = all(change >= -1e-6 for change in rising) and all(change <= 1e-6 for change in falling)
    did = f"cosine_lr at steps 0 to {steps[-1]} with {_told(schedule)}."
    look = "a line up, half a cosine down, and level after it."
    expect(monotone, did=did, wanted="no fall before the peak, no rise after it", got=show(found), look=look)


@points(1.5, step=6, hint="What does a cosine do after half a period, if nobody stops it?")
def test_after_the_end_the_rate_stays(student):
    """At total_steps and ever after the rate is final_lr: whoever trains on does so gently."""
    for floor in (0.0, 0.0004):
        schedule = _schedule(final_lr=floor)
        total = schedule["total_steps"]
        steps = [total, total + 1, total + 7, 2 * total, 3 * total + 1, 1_000_000]
        look = "if step >= total_steps: return final_lr. The cosine itself would climb again."
        _same_rates(rates(student, steps, schedule), steps, schedule, look)


@points(1.5, step=6, hint="Which of your divisions could be by 0?")
def test_a_schedule_without_a_warm_up_or_without_a_descent(student):
    """warmup_steps=0 starts at peak_lr; warmup_steps == total_steps ends in final_lr straight after the warm-up."""
    look = "decide by step first, divide after: with no warm-up there is nothing to divide by warmup_steps, and with "
    look += "warmup_steps == total_steps the rate at total_steps is final_lr."
    for changes in (
        {"warmup_steps": 0},
        {"warmup_steps": 6, "total_steps": 6},
        {"warmup_steps": 1, "total_steps": 1},
        {"warmup_steps": 0, "total_steps": 0},
        {"warmup_steps": 0, "total_steps": 1},
        {"warmup_steps": 5, "total_steps": 6},
    ):
        schedule = _schedule(final_lr=0.0003) | changes
        steps = list(range(schedule["total_steps"] + 3))
        _same_rates(rates(student, steps, schedule), steps, schedule, look)


@points(0.5, step=6, hint="Which value does the stub's signature name?")
def test_the_floor_is_0_unless_given(student):
    """final_lr is 0 if it is left out."""
    schedule = _schedule()
    steps = list(range(schedule["total_steps"] + 2))
    _same_rates(rates(student, steps, schedule), steps, schedule, "final_lr=0.0 in the signature.")


@points(1.5, step=6, hint="Which four requests make no sense?", observed=True)
def test_impossible_counts_are_refused(student):
    """A negative count (step, too), or a warm-up longer than the whole, raises ValueError."""
    total = 10 + int(torch.randint(10, ()))
    cases = [
        (0, {"warmup_steps": total + 1, "total_steps": total}),
        (total + 5, {"warmup_steps": total + 3, "total_steps": total}),
        (-1, {"warmup_steps": 3, "total_steps": total}),
        (-2, {"warmup_steps": 0, "total_steps": total}),
        (0, {"warmup_steps": -1, "total_steps": total}),
        (total, {"warmup_steps": -3, "total_steps": total}),
        (0, {"warmup_steps": 0, "total_steps": -1}),
        (0, {"warmup_steps": -2, "total_steps": -1}),
    ]
    for step, counts in cases:
        schedule = {"peak_lr": 0.01, **counts}
        did = f"cosine_lr({step}, {_told(schedule)})."
        look = "check the counts before anything is returned: none negative, warmup_steps <= total_steps."
        expect_raises(error_of(student, step, schedule), did=did, look=look)


# -- the training


@points(3, step=6, hint="At the moment of optimizer.step(), which rate is in its param_groups?")
def test_every_update_uses_its_own_rate(student, device):
    """The i-th update is made with cosine_lr(i - 1, ...): losses and weights equal those of a loop done by hand."""
    weights, epochs = _weights(), [_batches(14)]
    look = "before optimizer.step(): for group in optimizer.param_groups: group['lr'] = cosine_lr(updates made so "
    look += "far, ..., total_steps=epochs * len(loader)). If step 2 is the first that is off, the first update had "
    look += "another rate."
    for floor in (0.0, 0.006):
        options = _options(final_lr=floor)
        did = f"train a toy model on 14 batches with {_told(options)} and no clipping (a huge max_norm)."
        _same_training(trained(student, weights, epochs, options, None, device), weights, epochs, options, did, look)


@points(2, step=6, hint="How many updates are there in all, and does the schedule know of epochs?")
def test_one_schedule_spans_all_epochs(student):
    """The loader is gone through anew in each epoch, and the schedule ends after epochs * len(loader) updates."""
    weights, batches = _weights(), _batches(6)
    epochs = [[batches[i] for i in torch.randperm(6).tolist()] for _ in range(3)]
    epochs[1], epochs[2] = epochs[0][1:] + epochs[0][:1], epochs[0][2:] + epochs[0][:2]  # three different orders
    options = _options(epochs=3, warmup_steps=8)
    found = trained(student, weights, epochs, options)
    did = f"train for 3 epochs of 6 batches, in another order every time, with {_told(options)}."
    look = "total_steps = epochs * len(loader), updates counted across epochs, one optimizer for all of them."
    counted_first = epochs[1:] + epochs[:1]  # a first pass only to count the batches is a right way too
    got, other = _field(found, "losses"), _wanted(weights, counted_first, options)[0]
    second = isinstance(got, list) and bool(got) and isinstance(got[0], float) and abs(got[0] - other[0]) < 1e-9
    _same_training(found, weights, counted_first if second else epochs, options, did, look)
    _always_in_train_mode(found, 18, did)


@points(2, step=6, hint="What else does step 3's loop do at every step?")
def test_the_rest_is_step_3(student):
    """Gradients cleared, those from before too, and clipped; decoupled decay on every weight, at the step's rate.

    The model and every batch go to `device`, and nothing stays from an earlier training.
    """
    weights, epochs = _weights(), [_batches(12)]
    options = _options(weight_decay=0.3 + 0.4 * torch.rand(()).item(), final_lr=0.004)
    norms = sorted(_wanted(weights, epochs, options)[2])
    options["max_norm"] = norms[len(norms) // 2] * 0.8  # about half of the gradients are longer
    left_over = {name: 5 * torch.randn_like(value) for name, value in weights.items()}
    found = trained(student, weights, epochs, options, left_over)
    did = f"train on 12 batches with {_told(options)}; every .grad was filled with old numbers beforehand."
    look = "zero_grad before every backward, clip_grad_norm_ between backward and step, AdamW with weight_decay: "
    look += "your step 3, and nothing but the rate is new."
    _same_training(found, weights, epochs, options, did, look)
    _always_in_train_mode(found, 12, did)
    same = [_field(call, "labels") is True for call in _field(found, "seen")]
    told = did + " At each step, were the labels the inputs?"
    expect_equal(same, [True] * 12, did=told, look="model(input_ids, labels=input_ids).")
    found = trained(student, weights, epochs, options, before=_batches(3))
    did = f"train on 12 batches with {_told(options)}; the same model was trained before, and its weights set back."
    look = (
        "what one call leaves behind for the next: make the optimizer, the count and the list of losses inside of it."
    )
    _same_training(found, weights, epochs, options, did, look)
    _on_the_device(places(student, torch.randint(3, (2, 4))))


def _always_in_train_mode(found, count, did):
    seen = _field(found, "seen")
    modes = ["train" if _field(call, "train") is True else "eval" for call in (seen if isinstance(seen, list) else [])]
    look = "model.train() before the loop: the model may come in eval mode, as it did here."
    expect_equal(modes, ["train"] * count, did=did + " The model's mode at each step:", look=look)


def _on_the_device(found):
    did = 'train_with_cosine(..., device="meta"): a device that holds shapes only, so every machine has it. '
    did += "The devices at the model's first call:"
    wanted = {"the model": "meta", "input_ids": "meta", "labels": "meta"}
    at, error = _field(found, "places"), _field(_field(found, "error"), "message")
    got = show(at) if at else f"the model was never called ({error or 'no error'})"
    look = 'model.to(device) before the optimizer is made, batch["input_ids"].to(device) in the loop.'
    expect(at == wanted, did=did, wanted=show(wanted), got=got, look=look)


@points(0.5, step=6, hint="When exactly is the callback due, and does its count start again?")
def test_on_step_follows_every_update(student):
    """on_step(step, loss) is called once after each update, step from 1 across epochs, loss the returned float."""
    weights, batches = _weights(), _batches(4)
    options = _options(epochs=2, warmup_steps=3)
    found = trained(student, weights, [batches], options)
    did = "train for 2 epochs of 4 batches with an on_step callback."
    losses, steps = _field(found, "losses"), _field(found, "steps")
    wanted = [[i, loss] for i, loss in enumerate(losses, 1)] if isinstance(losses, list) else None
    counted = isinstance(wanted, list) and len(wanted) == 8 and steps == wanted
    wish = "(1, first loss) to (8, last loss), the floats that are returned"
    look = "on_step(len(losses), losses[-1]) after the append."
    expect(counted, did=did + " It was called with:", wanted=wish, got=show(steps), look=look)
    moments, right = _field(found, "moments"), _wanted(weights, [batches, batches], options)[1]
    last = moments[0] if isinstance(moments, list) and moments else None
    did += " The weights at on_step(1, ...), next to those that one update leaves:"
    last = expect_tensor(last, tuple(right[0].shape), did=did, look="call it once per update.")
    expect_close(last, right[0], did=did, look="call it after optimizer.step().", rtol=1e-6, atol=1e-9)


@points(0.5, step=6, hint="Which values does the stub's signature name?")
def test_the_defaults(student):
    """epochs=2, peak_lr=3e-4, warmup_steps=0, final_lr=0, weight_decay=0.01 and max_norm=1.0 if left out."""
    weights, batches = _weights(), _batches(20)
    options = {"peak_lr": 3e-4, "warmup_steps": 0, "final_lr": 0.0, "weight_decay": 0.01, "max_norm": 1.0}
    found = trained(student, weights, [batches], {})
    did = "train on 20 batches an epoch with no options at all."
    _same_training(found, weights, [batches, batches], options, did, f"the defaults: epochs=2, {_told(options)}.")


@points(
    0.5,
    step=6,
    hint="What would your schedule be if there is nothing to train on, or not for long enough?",
    observed=True,
)
def test_an_empty_loader_and_a_warm_up_too_long_are_refused(student):
    """A loader without batches, and a warm-up below 0 or longer than all the updates, raise ValueError.

    No weight moves before it.
    """
    weights = _weights()
    found = error_of_training(student, weights, [], {"epochs": 1})
    look = "nothing to train on is step 3's ValueError still."
    expect_raises(_field(found, "error"), did="train with an empty loader of length 0.", look=look)
    for warmup, what in ((9, "9 of 8 updates"), (-1, "a negative count")):
        found = error_of_training(student, weights, _batches(4), {"epochs": 2, "warmup_steps": warmup})
        did = f"train for 2 epochs of 4 batches with warmup_steps={warmup}: {what}."
        look = "cosine_lr refuses such a schedule: ask it before the first update."
        expect_raises(_field(found, "error"), did=did, look=look)
        expect_equal(_field(found, "same"), True, did=did + " Are the weights what they were?", look=look)
