"""Step 3, graded: the training loop. 25 points.

From the same weights and batches a training loop without dropout is deterministic: a right one ends at exactly the
same weights, whoever wrote it. So your loop's losses and weights are compared with those of `reference` below, which
does the arithmetic of AdamW by hand, in float64. The model's loss is a hundred times louder on some batches than on
others, so that clipping matters and every shortcut leads elsewhere.
"""

import math
import re

import torch

from grader.expect import expect, expect_equal, expect_raises, expect_tensor, number, show
from grader.probe import points, probe
from lab.toys import calls, models
from lab.toys.source import MarkovSource

V, WIDTH = 7, 5  # the toy model's vocabulary and width
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8  # AdamW's defaults in torch
NEVER = 1e9  # a max_norm that no gradient exceeds


@probe
def trained(student, weights, epochs, options, left_over=None, device="cpu", before=None):
    """Train the toy model from `weights` on `epochs` (a list of batches each). left_over: gradients from before.

    before: batches to train the same model on first, with other options.
    """
    model = models.JoltLM(*weights["embed.weight"].shape)
    if before:
        student.train(model, models.Stream([before]), epochs=1, lr=0.2, weight_decay=0.5, max_norm=0.1, log_every=0)
        model.seen.clear()
    model.load_state_dict(weights)
    for name, parameter in model.named_parameters():
        parameter.grad = left_over[name].clone() if left_over else None
    model.eval()
    losses = student.train(model, models.Stream(epochs), device=device, **options)
    return {
        "losses": losses,
        "weights": dict(model.named_parameters()),
        "seen": model.seen,
        "devices": sorted({p.device.type for p in model.parameters()}),
    }


@probe
def watched(student, weights, epochs, options):
    """Train with a callback that notes its arguments, the weights at that moment and the graphs still in memory."""
    model = models.JoltLM(*weights["embed.weight"].shape)
    model.load_state_dict(weights)
    steps, losses, moments, graphs = [], [], [], []

    def on_step(step, loss):
        steps.append(step)
        losses.append(loss)
        moments.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
        graphs.append(model.graphs())

    returned = student.train(model, models.Stream(epochs), on_step=on_step, **options)
    kind = "list" if isinstance(returned, list) else type(returned).__name__
    return {"steps": steps, "losses": losses, "moments": moments, "graphs": graphs, "returned": returned, "kind": kind}


@probe
def spoken(student, weights, epochs, options):
    model = models.JoltLM(*weights["embed.weight"].shape)
    model.load_state_dict(weights)
    with calls.printed() as out:
        losses = student.train(model, models.Stream(epochs), **options)
    return {"printed": out.getvalue(), "losses": losses, "weights": dict(model.named_parameters())}


@probe
def learnt(student, batches, size, options):
    model = models.TableLM(size)
    student.train(model, [{"input_ids": ids} for ids in batches], **options)  # the same dicts in every epoch
    return model.table


@probe
def places(student, ids, device, as_object):
    model = models.Witness()
    target = torch.device(device) if as_object else device
    error = calls.raised(lambda: student.train(model, [{"input_ids": ids}], device=target, log_every=0))
    return {"error": error, "places": model.places}


@probe
def error_without_batches(student, weights, used_up):
    model = models.JoltLM(*weights["embed.weight"].shape)
    model.load_state_dict(weights)
    return calls.raised(lambda: student.train(model, iter([]) if used_up else [], log_every=0))


# -- the reference, and what the tests draw


def reference(weights, batches, *, lr, weight_decay, max_norm, left_over=None):
    """The same training by hand: (losses, weights after every step, gradient norms before clipping)."""
    model = models.JoltLM(V, WIDTH)
    model.load_state_dict(weights)
    parameters = list(model.parameters())
    first, second = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    losses, moments, norms = [], [], []
    for t, ids in enumerate(batches, 1):
        _, loss = model(ids, labels=ids)
        grads = torch.autograd.grad(loss, parameters)
        norm = math.sqrt(sum(float(g.square().sum()) for g in grads))
        with torch.no_grad():
            for p, g, m, v in zip(parameters, grads, first, second, strict=True):
                g = g * min(1.0, max_norm / norm)
                m.mul_(BETA1).add_(g, alpha=1 - BETA1)
                v.mul_(BETA2).add_(g * g, alpha=1 - BETA2)
                step = (m / (1 - BETA1**t)) / ((v / (1 - BETA2**t)).sqrt() + EPS)
                p.sub_(lr * (step + weight_decay * p))  # both from the weights before the update
        losses.append(loss.item())
        moments.append(_flat(dict(model.named_parameters())))
        norms.append(norm)
    return losses, moments, norms


def _weights():
    """Every parameter drawn, biases too; the loudness runs from 0.1 to 10."""
    drawn = models.JoltLM(V, WIDTH).state_dict()
    drawn = {name: torch.randn_like(value) for name, value in drawn.items()}
    drawn["loudness"] = torch.logspace(-1, 1, V, dtype=torch.float64)
    return drawn


def _batches(count, rows=3, length=6):
    """Batches whose first token, and so their loudness, goes up and down; the last is smaller, as a loader's is."""
    batches = [torch.randint(V, (rows, length)) for _ in range(count - 1)] + [torch.randint(V, (1, length))]
    order = torch.randperm(V).tolist()
    for i, ids in enumerate(batches):
        ids[0, 0] = order[i % V]
    return batches


def _options(**changes):
    lr = 0.01 + 0.02 * torch.rand(()).item()
    return {"epochs": 1, "lr": lr, "weight_decay": 0.0, "max_norm": NEVER, "log_every": 0} | changes


def _wanted(weights, epochs, options):
    flat = [ids for epoch in epochs for ids in epoch]
    named = {name: options[name] for name in ("lr", "weight_decay", "max_norm")}
    return reference(weights, flat, **named)


def _middling_norm(weights, epochs, options):
    """A max_norm that about half of the gradients exceed."""
    norms = sorted(_wanted(weights, epochs, options | {"max_norm": NEVER})[2])
    middling = norms[len(norms) // 2] * 0.8
    return middling * 0.6 if 0.8 < middling < 1.25 else middling  # never about 1.0, the default


def _flat(parameters):
    return torch.cat([p.detach().flatten() for p in parameters.values()])


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _told(options, epochs):
    shown = {
        k: round(v, 4) if isinstance(v, float) else v for k, v in options.items() if v != NEVER and k != "log_every"
    }
    sizes = " + ".join(str(len(epoch)) for epoch in epochs)
    said = ", ".join(f"{k}={v}" for k, v in shown.items())
    return f"train a toy model on {sizes} batches with {said}" + ("." if "max_norm" in shown else ", clipping off.")


def _same_losses(losses, wanted, did, look):
    numbers = isinstance(losses, list) and all(isinstance(x, float) for x in losses)
    wish = f"a list of {len(wanted)} Python floats"
    expect(numbers, did=did + " What train returns:", wanted=wish, got=show(losses), look="append loss.item().")
    expect(
        len(losses) == len(wanted),
        did=did + " The number of losses returned:",
        wanted=f"{len(wanted)}, one for every step",
        got=str(len(losses)),
        look="one loss per batch and epoch, in order, the last, smaller batch too.",
    )
    for step, (got, wish_) in enumerate(zip(losses, wanted, strict=True), 1):
        close = abs(got - wish_) <= 1e-5 * abs(wish_)
        where = f"the loss of step {step}, after {step - 1} update{'s' * (step != 2)}, is {number(wish_)}"
        right = "" if step == 1 else f" (the {step - 1} before agree{'s' * (step == 2)})"
        expect(close, did=did, wanted=where, got=number(got) + right, look=look)


def _same_weights(parameters, start, wanted, did, look, tolerance=1e-4):
    """Every weight within `tolerance` of the largest movement."""
    shapes = {name: value.shape for name, value in start.items() if name != "loudness"}
    if not isinstance(parameters, dict):
        expect(False, did=did, wanted="trained weights", got=show(parameters), look=look)
    moved = float((wanted - _flat({name: start[name] for name in shapes})).abs().max())
    at, wrong = 0, []
    for name, shape in shapes.items():
        value = expect_tensor(parameters.get(name), tuple(shape), did=did, look=look)
        kept = "train the model in the type it has: no .float(), no .half()."
        expect_equal(str(value.dtype), str(start[name].dtype), did=did + f" The type of {name} afterwards:", look=kept)
        right = wanted[at : at + value.numel()].view(shape)
        at += value.numel()
        off = float((value - right).abs().max())
        if not off <= tolerance * moved:
            wrong.append(f"  {name:<14} off by up to {number(off)}; it should have moved by up to "
                         f"{number(float((right - start[name]).abs().max()))}")  # fmt: skip
    table = "different ones in\n" + "\n".join(wrong)
    expect(not wrong, did=did, wanted="the weights of a right loop after the last step", got=table, look=look)


def _check(found, weights, epochs, options, did, look):
    losses, moments, _ = _wanted(weights, epochs, options)
    _same_losses(_field(found, "losses"), losses, did, look)
    _same_weights(_field(found, "weights"), weights, moments[-1], did, look)


# -- the steps


@points(4, step=3, hint="What is in .grad when backward starts, and what has AdamW got from you?")
def test_every_step_is_exact(student, device):
    """Forward, clear, backward, step, with the given learning rate: losses and weights equal the reference's.

    No decay and no clipping here; this is the plain loop.
    """
    weights, epochs = _weights(), [_batches(12)]
    options = _options()
    found = trained(student, weights, epochs, options, None, device)
    look = "the order: forward, zero_grad, backward, step. A loss that goes wrong at step 2 means that the first "
    look += (
        "update was wrong (AdamW, lr=lr?); at step 3 or later, often gradients that were never cleared. If the very "
    )
    look += "first loss is wrong, it is what you return: each step's own loss.item(), as it is."
    _check(found, weights, epochs, options, _told(options, epochs), look)


@points(3, step=3, hint="Between which two lines are there gradients to clip, and which length is measured?")
def test_gradients_are_clipped_to_a_global_norm(student):
    """If the norm of all gradients together exceeds max_norm, all are scaled down to it, between backward and step."""
    weights, epochs = _weights(), [_batches(14)]
    options = _options()
    options["max_norm"] = _middling_norm(weights, epochs, options)
    found = trained(student, weights, epochs, options)
    did = _told(options, epochs) + " About half of the gradients are longer than max_norm."
    look = "clip_grad_norm_(model.parameters(), max_norm), by norm and not by value, over all parameters at once, "
    look += "between backward and step."
    _check(found, weights, epochs, options, did, look)


@points(3, step=3, hint="Adam or AdamW, and which parameters did you hand over?")
def test_weights_decay(student):
    """Every weight, biases too, shrinks by lr * weight_decay of itself per step, apart from the gradient (AdamW)."""
    weights, epochs = _weights(), [_batches(12)]
    options = _options(weight_decay=0.3 + 0.4 * torch.rand(()).item())
    found = trained(student, weights, epochs, options)
    look = "torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay): Adam mixes the decay into the "
    look += "gradients, SGD is another method, and a group without decay is not asked for here."
    _check(found, weights, epochs, options, _told(options, epochs), look)


@points(2, step=3, hint="Could there be something in .grad before your first step?")
def test_gradients_from_before_are_ignored(student):
    """What somebody left in .grad before train was called has no influence: clear before every backward.

    Nor has an earlier training of the same model: every call of train makes an optimizer and a list of its own.
    """
    weights, epochs = _weights(), [_batches(6)]
    options = _options(weight_decay=0.2)
    left_over = {name: 5 * torch.randn_like(value) for name, value in weights.items()}
    found = trained(student, weights, epochs, options, left_over)
    did = _told(options, epochs) + " Every parameter's .grad was filled with old numbers beforehand."
    _check(found, weights, epochs, options, did, "zero_grad() before every backward, the first one included.")
    found = trained(student, weights, epochs, options, before=_batches(3))
    did = _told(options, epochs) + " The same model was trained before with other options, and its weights set back."
    look = "what one call of train leaves behind for the next: make the optimizer and the list of losses inside of it."
    _check(found, weights, epochs, options, did, look)


@points(2, step=3, hint="What does a loader give when you go through it a second time?")
def test_epochs_go_through_the_loader_anew(student):
    """Each epoch goes through the loader once more, in whatever order it then gives; it has no length.

    All epochs are one training: the optimizer keeps its averages from one to the next.
    """
    weights, batches = _weights(), _batches(5)
    epochs = [[batches[i] for i in torch.randperm(5).tolist()] for _ in range(3)]
    epochs[1] = epochs[0][1:] + epochs[0][:1]  # never the order of the epoch before
    options = _options(epochs=3, weight_decay=0.2)
    options["max_norm"] = _middling_norm(weights, epochs, options)
    found = trained(student, weights, epochs, options)
    did = _told(options, epochs) + " The loader has no len() and gives another order in every epoch."
    look = (
        "`for epoch in range(epochs): for batch in loader:`, one optimizer made before both loops, nothing kept from "
    )
    look += "the first pass."
    _check(found, weights, epochs, options, did, look)


# -- how the model is called


@points(1.5, step=3, hint="Who used the model before you, and what did they leave it in?", observed=True)
def test_the_model_is_in_train_mode_and_labels_are_the_inputs(student):
    """At every step the model and all its parts are in train mode, and labels equal input_ids: the model shifts."""
    weights, epochs = _weights(), [_batches(3), _batches(3)]
    found = trained(student, weights, epochs, _options(epochs=2, log_every=2))
    seen = _field(found, "seen")
    seen = [call for call in seen if isinstance(call, dict)] if isinstance(seen, list) else []
    did = "train for 2 epochs of 3 batches, with log_every=2, a model that was in eval mode before."
    expect_equal(len(seen), 6, did=did + " The number of calls of the model:", look="one forward pass per batch.")
    modes = ["train" if call.get("train") is True else "eval" for call in seen]
    expect_equal(modes, ["train"] * 6, did=did + " Its mode at each step:", look="model.train() before the steps.")
    labels = [call.get("labels") is True for call in seen]
    look = "model(input_ids, labels=input_ids): unshifted, the model shifts them itself."
    expect_equal(labels, [True] * 6, did=did + " Were the labels equal to input_ids, step by step?", look=look)


@points(1, step=3, hint="Which tensors must be moved, and how do you move a whole model?", observed=True)
def test_model_and_batches_are_on_the_device(student):
    """The model and every batch are moved to `device`, given as a string or as a torch.device."""
    for as_object in (False, True):
        found = places(student, torch.randint(3, (2, 4)), "meta", as_object)
        given = 'torch.device("meta")' if as_object else '"meta"'
        did = f"train(..., device={given}): a device that holds shapes only, so every machine has it. "
        did += "The devices at the model's first call:"
        wanted = {"the model": "meta", "input_ids": "meta", "labels": "meta"}
        at = _field(found, "places")
        error = _field(_field(found, "error"), "message")
        look = 'model.to(device) before the optimizer is made, batch["input_ids"].to(device) in the loop.'
        got = show(at) if at else f"the model was never called ({error or 'no error'})"
        expect(at == wanted, did=did, wanted=show(wanted), got=got, look=look)


# -- what comes out


@points(2, step=3, hint="When exactly is the callback due, and does its count start again?")
def test_on_step_follows_every_update(student):
    """on_step(step, loss) is called once after each update, step from 1 across epochs, loss the returned float.

    It is called at every step, whatever log_every says.
    """
    weights, epochs = _weights(), [_batches(4), _batches(4)]
    options = _options(epochs=2, weight_decay=0.2, log_every=3)
    losses, moments, _ = _wanted(weights, epochs, options)
    found = watched(student, weights, epochs, options)
    did = "train for 2 epochs of 4 batches with an on_step callback and log_every=3."
    look = "one counter for the whole training: it is len(losses) after the append."
    expect_equal(_field(found, "steps"), list(range(1, 9)), did=did + " The steps it was called with:", look=look)
    _same_losses(_field(found, "losses"), losses, did + " The losses it was called with:", "loss.item() of that step.")
    look = "the very float that train returns for this step, not a mean or a rounded one."
    expect_equal(_field(found, "returned"), _field(found, "losses"), did=did + " The losses returned:", look=look)
    start = _flat({name: value for name, value in weights.items() if name != "loudness"})
    seen = _field(found, "moments")
    for step, right in enumerate(moments, 1):
        now = expect_tensor(seen[step - 1] if isinstance(seen, list) else None, tuple(right.shape), did=did, look=look)
        before = start if step == 1 else moments[step - 2]
        stale = float((now - before).abs().max()) < float((now - right).abs().max())
        close = float((now - right).abs().max()) <= 1e-4 * float((right - start).abs().max())
        got = "still those of before this update" if stale else "other weights"
        wish = f"at on_step({step}, ...) the model's weights are those after update {step}"
        expect(close, did=did, wanted=wish, got=got, look="call on_step after optimizer.step().")


@points(1, step=3, hint="What does a tensor called loss hold on to?", observed=True)
def test_losses_are_floats_and_graphs_are_let_go(student):
    """The returned list holds Python floats; no step's graph stays in memory after the next few steps."""
    weights, epochs = _weights(), [_batches(14)]
    found = watched(student, weights, epochs, _options())
    did = "train on 14 batches."
    losses = _field(found, "returned")
    floats = isinstance(losses, list) and len(losses) == 14 and all(isinstance(x, float) for x in losses)
    look = "loss.item() turns a tensor into a float."
    expect(floats, did=did + " What train returns:", wanted="a list of 14 Python floats", got=show(losses), look=look)
    look = "losses = [], and losses.append(...) at every step."
    expect_equal(_field(found, "kind"), "list", did=did + " The type of what train returns:", look=look)
    graphs = _field(found, "graphs")
    held = max((n for n in graphs if isinstance(n, int)), default=0) if isinstance(graphs, list) else 0
    expect(
        held <= 3,
        did=did + " The number of steps whose graphs were in memory at once:",
        wanted="1 or 2",
        got=str(held),
        look="whatever you add up or keep: loss.item(), never `loss` itself, which holds its whole step.",
    )


@points(1, step=3, hint="What do you print when nobody asked?", observed=True)
def test_log_every_0_is_silent(student):
    """log_every=0 prints nothing at all, on neither stream."""
    weights, epochs = _weights(), [_batches(60, rows=2, length=4) for _ in range(2)]
    found = spoken(student, weights, epochs, _options(epochs=2))
    look = "`if log_every and ...`: 0 means never, progress bars and summaries included."
    expect_equal(_field(found, "printed"), "", did="train with log_every=0. What was printed:", look=look)


@points(1.5, step=3, hint="The mean of which losses, and when does it start again?")
def test_the_running_mean_of_the_epoch_is_printed(student):
    """Every log_every steps the mean of this epoch's losses so far is printed: any wording, 2 decimals or more."""
    every = 3 + int(torch.randint(2, ()))
    weights, epochs = _weights(), [_batches(3 * every), _batches(3 * every)]
    weights["loudness"] *= 10
    options = _options(epochs=2, log_every=every)
    losses = _wanted(weights, epochs, options)[0]
    means = _running_means(losses, len(epochs[0]))
    found = spoken(student, weights, epochs, options)
    did = f"train for 2 epochs of {3 * every} batches with log_every={every}. What was printed:"
    _find_means(_field(found, "printed"), means, every, did)


def _running_means(losses, length):
    """For every step, the mean of its epoch's losses so far."""
    starts = [i - i % length for i in range(len(losses))]
    return [sum(losses[s : i + 1]) / (i + 1 - s) for i, s in enumerate(starts)]


def _find_means(text, means, every, did):
    look = (
        "total / batches of this epoch, both set to 0 where the epoch begins; not the last loss, not the mean of the "
    )
    look += "whole training."
    numbers = [float(x) for x in re.findall(r"\d+\.?\d*(?:[eE][-+]?\d+)?", text)] if isinstance(text, str) else []
    due = means[every - 1 :: every]
    at = 0
    for i, mean in enumerate(due, 1):
        hits = [j for j in range(at, len(numbers)) if abs(numbers[j] - mean) <= 0.0051 + 1e-4 * abs(mean)]
        wanted = "these means, in this order: " + ", ".join(f"{m:.2f}" for m in due)
        got = f"no {mean:.2f} (number {i} of them) where it is due, in: {show(text)}" if text else "nothing"
        look = look if text else f"`if log_every and step % log_every == 0: print(...)`; here log_every is {every}."
        expect(bool(hits), did=did, wanted=wanted, got=got, look=look)
        at = hits[0] + 1
    others = [m for i, m in enumerate(means, 1) if i % every]
    printed_all = all(any(abs(x - m) <= 0.0051 + 1e-4 * abs(m) for x in numbers) for m in others)
    wanted = f"the mean once every {every} steps only"
    look = "`if log_every and step % log_every == 0`."
    expect(not printed_all, did=did, wanted=wanted, got="the mean of every single step", look=look)


@points(1, step=3, hint="What do you return if the loop never ran?", observed=True)
def test_an_empty_loader_is_refused(student):
    """A loader that gives no batch raises ValueError: training on nothing is never meant."""
    for used_up in (False, True):
        kind = "an iterator that is used up" if used_up else "an empty list"
        found = error_without_batches(student, _weights(), used_up)
        look = "count the batches; if there were none, raise ValueError saying so."
        expect_raises(found, did=f"train with {kind} as the loader.", look=look)


@points(1, step=3, hint="Which values does the stub's signature name?")
def test_the_defaults(student):
    """epochs=2, lr=3e-4, weight_decay=0.01, max_norm=1.0 and log_every=50, told by what training does."""
    weights, epochs = _weights(), [_batches(50, rows=2, length=4), _batches(50, rows=2, length=4)]
    options = {"lr": 3e-4, "weight_decay": 0.01, "max_norm": 1.0}
    losses, moments, _ = _wanted(weights, epochs, options)
    found = spoken(student, weights, epochs, {})
    did = "train on 50 batches an epoch with no options at all."
    look = "the defaults: epochs=2, lr=3e-4, weight_decay=0.01, max_norm=1.0, log_every=50."
    _same_losses(_field(found, "losses"), losses, did, look)
    _same_weights(_field(found, "weights"), weights, moments[-1], did, look, tolerance=1e-3)
    _find_means(_field(found, "printed"), _running_means(losses, 50), 50, did + " What was printed:")


@points(1, step=3, hint="Does your loop reach what the best possible model would?", timeout=60)
def test_it_learns_a_source_down_to_its_entropy(student):
    """Trained on text from a source of known entropy H, a model that can know it all ends within 0.05 nats of H."""
    seed = int(torch.randint(1 << 30, ()))
    source = MarkovSource(6, seed, temperature=1.0)
    batches = [source.sample(16, 33) for _ in range(75)]
    options = {"epochs": 2, "lr": 0.1, "weight_decay": 0.0, "max_norm": 1.0, "log_every": 0}
    did = "train a table of 6 x 6 logits on 75 batches of text from a random source, twice, lr=0.1."
    look = "the loop's steps: see which of the tests above fails first."
    table = expect_tensor(learnt(student, batches, 6, options), (6, 6), did=did, look=look)
    spent = -(source.stationary[:, None] * source.transitions * table.double().log_softmax(-1)).sum().item()
    wanted = f"at most {source.entropy:.3f} + 0.05 nats per token on this source (its entropy is {source.entropy:.3f})"
    expect(spent <= source.entropy + 0.05, did=did, wanted=wanted, got=f"{spent:.3f}", look=look)
