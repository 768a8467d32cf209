"""Step 11, graded: a rate that rises and falls, and a loss that never asks for certainty. 10 points."""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from grader.expect import expect, expect_close, expect_equal, expect_raises, expect_tensor, show
from grader.probe import points, probe
from lab.toys import calls


@probe
def rates(student, steps, options):
    return [student.noam_rate(step, **options) for step in steps]


@probe
def loss_of(student, vocab_size, options, log_probs, targets, device="cpu"):
    """The loss, its gradient with respect to the log-probabilities, and whether the inputs are as they were."""
    said, wanted = log_probs.clone().to(device).requires_grad_(), targets.clone().to(device)
    loss = student.LabelSmoothing(vocab_size, **options).to(device)(said, wanted)
    if loss.requires_grad:
        loss.backward()
    kept = torch.equal(said.detach().cpu(), log_probs) and torch.equal(wanted.cpu(), targets)
    return {"loss": loss, "gradient": said.grad, "kept": kept, "device": loss.device.type}


@probe
def losses_in_turn(student, values, log_probs, targets):
    """LabelSmoothing(*values), in train mode for every second batch and in eval mode for the others."""
    criterion = student.LabelSmoothing(*values)
    return [criterion.train(i % 2 == 0)(*batch) for i, batch in enumerate(zip(log_probs, targets, strict=True))]


@probe
def refused(student, vocab_size, log_probs, targets):
    return calls.raised(lambda: student.LabelSmoothing(vocab_size)(log_probs, targets))


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _floats(found, count, did, look):
    ok = isinstance(found, list) and len(found) == count and all(type(x) in (float, int) for x in found)
    expect(ok, did=did, wanted=f"{count} plain numbers (float)", got=show(found), look=look)
    return [float(x) for x in found]


# -- the rate


@points(1.5, step=11, hint="Which of the two expressions is the smaller one before warmup, and which after?")
@example(step=1, d_model=512, factor=1.0, warmup=4000)
@example(step=4000, d_model=512, factor=1.0, warmup=4000)
@example(step=0, d_model=128, factor=2.0, warmup=1)
@given(
    step=st.integers(0, 200_000),
    d_model=st.integers(1, 4096),
    factor=st.floats(0.01, 10),
    warmup=st.integers(1, 20_000),
)
def test_the_rate_is_the_papers(student, step, d_model, factor, warmup):
    """factor * d_model^-0.5 * min(step^-0.5, step * warmup^-1.5), for any of them; step 0 counts as 1."""
    at = max(step, 1)
    wanted = factor / math.sqrt(d_model) * min(1 / math.sqrt(at), at / (warmup * math.sqrt(warmup)))
    options = {"d_model": d_model, "factor": factor, "warmup": warmup}
    did = f"noam_rate({step}, {', '.join(f'{k}={v:g}' for k, v in options.items())})"
    look = (
        "the formula in the lesson: factor, d_model^-0.5, the smaller one of its two powers of step; step 0 is step 1."
    )
    (got,) = _floats(rates(student, [step], options), 1, did, look)
    expect_close(got, wanted, did=did, look=look, rtol=1e-6, atol=0)


@points(1.5, step=11, hint="Where do the two lines cross?")
@given(warmup=st.integers(2, 3000), d_model=st.integers(16, 1024))
def test_it_peaks_at_warmup_and_has_two_slopes(student, warmup, d_model):
    """It rises in proportion to the step, peaks at `warmup`, then falls: by half when the step is four times as far."""
    options = {"d_model": d_model, "warmup": warmup}
    steps = [warmup - 1, warmup, warmup + 1, 1, 2 * warmup, 8 * warmup]
    call = f"noam_rate(step, d_model={d_model}, warmup={warmup})"
    look = "step^-0.5, and step * warmup^-1.5: the smaller of the two."
    before, peak, after, first, twice, eight = _floats(rates(student, steps, options), 6, call, look)
    got = f"{before:.6g}, {peak:.6g}, {after:.6g}"
    did = f"{call} at steps {warmup - 1}, {warmup} and {warmup + 1}."
    expect(
        before < peak > after > 0,
        did=did,
        wanted=f"the greatest at warmup, step {warmup}; less before and after",
        got=got,
        look=look,
    )
    did = f"{call}: its peak, at step {warmup}, over its value at step 1."
    expect_close(peak / first if first else 0.0, float(warmup), did=did, look=look)
    did = f"{call}: its value at step {8 * warmup} over that at step {2 * warmup}."
    expect_close(eight / twice if twice else 0.0, 0.5, did=did, look=look)


@points(1, step=11, hint="What is 0 ** -0.5?")
def test_step_0_and_the_defaults(student):
    """Step 0 is treated as step 1; factor is 1.0 and warmup 4000 by default; the rate is a plain float."""
    look = "step = max(step, 1), before anything is computed."
    plain = "return a Python float: plain numbers in, no tensors on the way."
    zero, one = _floats(rates(student, [0, 1], {"d_model": 256, "warmup": 10}), 2, "noam_rate at steps 0 and 1", plain)
    expect_close(
        zero, one, did="noam_rate(0, d_model=256, warmup=10); expected is your noam_rate(1, ...)", look=look, atol=0
    )
    steps = [1, 100, 3999, 4000, 4001, 90_000]
    did = "noam_rate(step, d_model=512) at steps " + ", ".join(map(str, steps))
    found = _floats(rates(student, steps, {"d_model": 512}), 6, did, "the defaults: factor=1.0, warmup=4000.")
    wanted = [1.746928e-07, 1.746928e-05, 6.985966e-04, 6.987712e-04, 6.986839e-04, 1.473139e-04]
    for step, rate, right in zip(steps, found, wanted, strict=True):
        did_one = f"noam_rate({step}, d_model=512)"
        expect_close(rate, right, did=did_one, look="the defaults: factor=1.0, warmup=4000.", rtol=1e-5, atol=0)
    double = _floats(rates(student, steps, {"d_model": 512, "factor": 2.0}), 6, did, "factor multiplies.")
    for step, rate, right in zip(steps, double, wanted, strict=True):
        did_one = f"noam_rate({step}, d_model=512, factor=2.0)"
        expect_close(rate, 2 * right, did=did_one, look="factor multiplies.", rtol=1e-5, atol=0)


# -- the loss


def _case(rows, V, pad, padded=0.3, spread=2.0):
    """Log-probabilities (rows, V) and targets (rows,), some of them padding."""
    log_probs = (spread * torch.randn(rows, V, dtype=torch.float64)).log_softmax(-1)
    targets = torch.randint(V, (rows,))
    targets[torch.rand(rows) < padded] = pad
    return log_probs, targets


def _definition(log_probs, targets, pad, smoothing):
    """The loss and its gradient by the definition, word by word, in Python floats."""
    V, gradient, total = log_probs.size(1), torch.zeros(log_probs.shape, dtype=torch.float64), 0.0
    scored = [i for i, target in enumerate(targets.tolist()) if target != pad]
    for i in scored:
        for word in range(V):
            p = 1 - smoothing if word == targets[i] else 0.0 if word == pad else smoothing / (V - 2)
            if p > 0:
                total += p * (math.log(p) - log_probs[i, word].item()) / len(scored)
                gradient[i, word] = -p / len(scored)
    return total, gradient


LOOK = (
    "1 - smoothing on the target, smoothing / (V - 2) on the others, 0 on padding and in rows of padding; the sum of "
)
LOOK += "wanted * (log wanted - log predicted), divided by the targets that are not padding."


@points(2, step=11, hint="How much goes to each word, and what do you divide by?", timeout=60)
@example(V=3, rows=4, padding=0, smoothing=0.1, seed=1)
@example(V=12, rows=1, padding=11, smoothing=0.4, seed=2)
@given(
    V=st.integers(3, 14),
    rows=st.integers(1, 9),
    padding=st.integers(0, 99),
    smoothing=st.floats(0.01, 0.9),
    seed=st.integers(0, 9999),
)
def test_the_loss_is_the_definition(student, device, V, rows, padding, smoothing, seed):
    """KL divergence from the smoothed target, summed, per target that is not padding; any V, padding and smoothing."""
    torch.manual_seed(seed)
    pad = padding % V
    log_probs, targets = _case(rows, V, pad)
    found = loss_of(student, V, {"pad": pad, "smoothing": smoothing}, log_probs.float(), targets, device)
    wanted, _ = _definition(log_probs, targets, pad, smoothing)
    did = f"LabelSmoothing({V}, pad={pad}, smoothing={smoothing:.3g}) on {rows} row{'s' * (rows > 1)}, "
    did += f"targets {targets.tolist()}. The loss:"
    loss = expect_tensor(_field(found, "loss"), (), did=did, look="one number, as a tensor of shape ().")
    expect_close(loss, wanted, did=did, look=LOOK, rtol=1e-4, atol=2e-5)
    expect_equal(_field(found, "device"), device, did=did.removesuffix(":") + " is on:", look="log_probs.device.")


@points(1.5, step=11, hint="Which numbers should go up when the model learns from a row, and how far?")
def test_the_gradient_is_what_is_wanted(student):
    """The slope for each log-probability is minus what is wanted of it, over the number of scored targets.

    Read this way the target distribution can be seen whole: it sums to one in each scored row, and padding gets none.
    """
    for V, rows in ((7, 6), (3, 5), (20, 12)):
        pad, smoothing = int(torch.randint(V, ())), float(torch.rand(()) * 0.5 + 0.05)
        log_probs, targets = _case(rows, V, pad)
        targets[0], targets[1] = (pad + 1) % V, pad
        found = loss_of(student, V, {"pad": pad, "smoothing": smoothing}, log_probs.float(), targets)
        _, wanted = _definition(log_probs, targets, pad, smoothing)
        did = (
            f"LabelSmoothing({V}, pad={pad}, smoothing={smoothing:.3g}), targets {targets.tolist()}; loss.backward(). "
        )
        did += "The gradient of the log-probabilities:"
        gradient = expect_tensor(_field(found, "gradient"), (rows, V), did=did, look=LOOK)
        expect_close(gradient, wanted, did=did, look=LOOK, rtol=1e-4, atol=1e-6)
        did = "LabelSmoothing: are log_probs and targets as they were?"
        look = "operations in place, those whose names end in _, on tensors that you were given."
        expect_equal(_field(found, "kept"), True, did=did, look=look)


@points(1, step=11, hint="What is 0 * log 0, and what should it be here?")
def test_without_smoothing_it_is_cross_entropy(student):
    """smoothing=0 gives the mean of -log p(target); a model that says exactly what is wanted has a loss of 0."""
    V, rows, pad = 9, 8, int(torch.randint(9, ()))
    log_probs, targets = _case(rows, V, pad)
    targets[0] = (pad + 1) % V
    found = loss_of(student, V, {"pad": pad, "smoothing": 0.0}, log_probs.float(), targets)
    scored = targets != pad
    wanted = -log_probs[scored, targets[scored]].mean()
    did = f"LabelSmoothing(9, pad={pad}, smoothing=0.0), targets {targets.tolist()}. The loss:"
    look = "0 * log 0 counts as 0 here (torch.xlogy and F.kl_div know)."
    loss = expect_tensor(_field(found, "loss"), (), did=did, look=look)
    expect_close(loss, wanted, did=did, look=look)
    for smoothing in (0.1, 0.5):
        best = torch.full((rows, V), smoothing / (V - 2), dtype=torch.float64)
        best[torch.arange(rows), targets] = 1 - smoothing
        best[:, pad] = 1e-30  # as good as never
        found = loss_of(student, V, {"pad": pad, "smoothing": smoothing}, best.log().float(), targets)
        did = (
            f"LabelSmoothing(9, pad={pad}, smoothing={smoothing}), a model that says exactly what is wanted. The loss:"
        )
        loss = expect_tensor(_field(found, "loss"), (), did=did, look=LOOK)
        expect_close(loss, 0.0, did=did, look="KL, not cross-entropy: log wanted belongs to it.", atol=1e-5)


@points(0.5, step=11, hint="What is the mean of nothing?")
def test_nothing_but_padding_costs_nothing(student):
    """A batch whose targets are all padding has a loss of 0 and gradients of 0: NaN would spoil every weight."""
    for pad in (0, 4):
        log_probs, _ = _case(3, 6, pad)
        found = loss_of(student, 6, {"pad": pad}, log_probs.float(), torch.full((3,), pad))
        did = f"LabelSmoothing(6, pad={pad}) on three targets, all of them padding. The loss:"
        look = "the number of scored targets is 0: divide by at least 1."
        loss = expect_tensor(_field(found, "loss"), (), did=did, look=look)
        expect_close(loss, 0.0, did=did, look=look)
        gradient = _field(found, "gradient")
        if gradient is not None:  # a loss that depends on nothing has none
            expect_close(gradient, torch.zeros(3, 6), did=did.removesuffix("The loss:") + "The gradients:", look=look)


@points(0.5, step=11, hint="How many words are there for the rest, when V is 2?", observed=True)
def test_a_vocabulary_too_small_is_refused(student):
    """With fewer than 3 words nothing is left to share the rest: V < 3 raises ValueError, V = 3 is fine."""
    for V in (1, 2):
        found = refused(student, V, torch.zeros(2, V), torch.zeros(2, dtype=torch.long))
        expect_raises(
            found,
            did=f"LabelSmoothing({V})",
            look="V - 2 is less than 1, no word is left for the rest: raise ValueError before you divide.",
        )
    found = refused(student, 3, torch.zeros(2, 3), torch.ones(2, dtype=torch.long))
    error = _field(found, "type")
    got = f"{error}: {_field(found, 'message')}"
    expect(error is None, did="LabelSmoothing(3)", wanted="no error", got=got, look="3 words are enough.")


@points(0.5, step=11, hint="What does the module remember from one batch to the next?")
def test_defaults_and_one_batch_after_another(student):
    """pad is 0 and smoothing 0.1 by default; a batch's loss does not depend on the one before; -10000 is no trouble.

    Nor does it depend on the mode: in train() and in eval() a loss is the same.
    """
    sizes = (5, 2, 5, 5)  # one size again: what is kept for a size shows
    for values, pad, smoothing in (([8], 0, 0.1), ([8, 3, 0.3], 3, 0.3)):
        cases = [_case(rows, 8, pad) for rows in sizes]
        for log_probs, targets in cases:
            log_probs[:, pad] = -1e4  # a model that is quite sure not to say padding
            targets[0] = (pad + 1) % 8
        found = losses_in_turn(student, values, [x.float() for x, _ in cases], [y for _, y in cases])
        found = found if isinstance(found, list) and len(found) == len(sizes) else [None] * len(sizes)
        for i, (log_probs, targets) in enumerate(cases):
            wanted, _ = _definition(log_probs, targets, pad, smoothing)
            did = f"LabelSmoothing({', '.join(map(str, values))}), used for batches of {sizes} rows in turn, those in "
            did += f"train and in eval mode by turns; batch {i}. In every row padding has the log-probability -10000. "
            did += "The loss:"
            loss = expect_tensor(found[i], (), did=did, look=LOOK)
            look = "the order of the arguments: vocab_size, pad, smoothing; the defaults, pad=0 and smoothing=0.1; "
            look += "padding's log-probability, which counts for nothing; and what you keep from one batch to the next."
            expect_close(loss, wanted, did=did, look=look)
