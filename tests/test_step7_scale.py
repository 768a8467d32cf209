"""Step 7, graded: counting, doubling, measuring, and the line through the points. 20 points."""

import dataclasses
import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from grader.expect import expect, expect_close, expect_equal, expect_raises, number, show
from grader.probe import points, probe
from lab.toys import calls, scaling

GPT2_VOCABULARY = 50_257


@probe
def counts(student, sizes):
    """Two dicts of counts, the second taken after the first: of models built from `sizes` (vocabulary, width)."""
    vocab, width = sizes
    plain = nn.Sequential(nn.Embedding(vocab, width), nn.Linear(width, width), nn.LayerNorm(width))
    tied = nn.ModuleDict({"tok_emb": nn.Embedding(vocab, width), "head": nn.Linear(width, vocab, bias=False)})
    tied["head"].weight = tied["tok_emb"].weight
    deep = nn.Sequential(nn.Conv2d(width, 2, 3))
    block = nn.Linear(width, width)
    repeated = nn.Sequential(block, nn.ReLU(), block)
    frozen = nn.Sequential(nn.Linear(width, vocab), nn.Linear(vocab, width))
    frozen[0].requires_grad_(False)
    buffers = nn.BatchNorm1d(width)
    buffers.register_buffer("mask", torch.ones(width, width))
    nothing = nn.ReLU()
    found = {"plain": plain, "tied": tied, "repeated": repeated, "deep": deep, "frozen": frozen, "buffers": buffers,
             "nothing": nothing}  # fmt: skip
    return [{name: student.count_parameters(model) for name, model in found.items()} for _ in range(2)]


@probe
def doubled(student, fields, times):
    """Double a frozen dataclass with these fields (name: value); the result, its class, and the original after it."""
    made = dataclasses.make_dataclass("Sizes", [(name, type(value)) for name, value in fields.items()], frozen=True)
    config = made(**fields)
    result = config
    for _ in range(times):
        result = student.double(result)
    return {
        "result": {name: getattr(result, name, None) for name in fields},
        "same_class": type(result) is made,
        "original": dataclasses.asdict(config),
    }


@probe
def doubled_gpt(student, fields):
    """The parameters of a GPT (a hollow one) of these sizes, and of the doubled sizes."""
    config = scaling.GPTSizes(**fields)
    sizes = [config, student.double(config)]
    return [student.count_parameters(scaling.hollow_gpt(size)) for size in sizes]


@probe
def measured(student, widths, losses):
    """measure_scaling on towers of these widths; fit gives the loss that belongs to the width. Notes every call."""
    notes, built = {"built": [], "fitted": [], "same": [], "trainable": []}, []

    def build_model(config, /):
        notes["built"].append(config.width)
        model = scaling.Tower(config.width)
        built.append(model)
        return model

    def fit(model, /):
        notes["fitted"].append(model.width)
        notes["same"].append(any(model is other for other in built))
        notes["trainable"].append(model.training and torch.is_grad_enabled())
        return losses[widths.index(model.width)]

    result = student.measure_scaling([scaling.TowerSizes(width) for width in widths], build_model, fit)
    tuples = all(isinstance(pair, tuple) for pair in result)
    return {**notes, "result": [list(pair) for pair in result], "kind": type(result).__name__, "tuples": tuples}


@probe
def fitted(student, parameters, losses):
    result = student.fit_power_law(parameters, losses)
    a, alpha = result
    return {"a": a, "alpha": alpha, "tuple": isinstance(result, tuple)}


@probe
def error_of_fit(student, parameters, losses):
    return calls.raised(lambda: student.fit_power_law(parameters, losses))


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _two(evidence):
    return evidence if isinstance(evidence, list) and len(evidence) == 2 else (None, None)


def _draw(low, high):
    return int(torch.randint(low, high, ()))


# -- counting


@points(1.5, step=7, hint="Is the head of step 1 a second tensor?")
def test_a_shared_tensor_counts_once(student):
    """A tensor with two uses, a tied head or a block that is used twice, is one tensor: its numbers count once."""
    vocab, width = _draw(20, 60), _draw(5, 12)
    found, _ = _two(counts(student, [vocab, width]))
    look = "sum(p.numel() for p in model.parameters()): parameters() gives each tensor once; state_dict() and a walk "
    look += "through the modules give it once for every use."
    for name, what, wanted in (
        ("plain", f"Embedding({vocab}, {width}), Linear({width}, {width}) and LayerNorm({width})",
         vocab * width + width * width + 3 * width),
        ("tied", f"an embedding ({vocab}, {width}) and a head without bias that share one weight", vocab * width),
        ("repeated", f"one Linear({width}, {width}) used twice", width * width + width),
        ("deep", f"Conv2d({width}, 2, 3), whose weight has four dimensions", width * 2 * 9 + 2),
    ):  # fmt: skip
        expect_equal(_field(found, name), wanted, did=f"count_parameters of a model of {what}.", look=look)


@points(1.5, step=7, hint="What may training change, and what not?")
def test_only_what_training_changes_is_counted(student):
    """Frozen parameters (requires_grad is False) and buffers do not count; a model without any has 0."""
    vocab, width = _draw(20, 60), _draw(5, 12)
    found, again = _two(counts(student, [vocab, width]))
    look = "if p.requires_grad; buffers are not among model.parameters()."
    for name, what, wanted in (
        ("frozen", f"a frozen Linear({width}, {vocab}) and a Linear({vocab}, {width})", vocab * width + width),
        ("buffers", f"BatchNorm1d({width}), which has buffers, and one more buffer", 2 * width),
        ("nothing", "a ReLU alone", 0),
    ):
        expect_equal(_field(found, name), wanted, did=f"count_parameters of a model of {what}.", look=look)
    look = "counting changes nothing: leave requires_grad alone."
    expect_equal(again, found, did="count_parameters of the same models once more.", look=look)


# -- doubling


@points(2, step=7, hint="Which two fields grow, and what happens to the others?")
def test_double_keeps_every_other_field(student):
    """n_layer and n_embd are doubled; n_head and all other fields, in any frozen dataclass, stay as they are."""
    look = "dataclasses.replace(config, n_layer=2 * config.n_layer, n_embd=2 * config.n_embd)."
    for times in (1, 2):
        sizes = {"n_layer": _draw(1, 9), "n_embd": 12 * _draw(1, 9)}
        usual = {"vocab_size": _draw(50, 99), "block_size": _draw(10, 99), "n_head": 6, "dropout": 0.25}
        for others in (usual, {"bias": False, "name": "a name", "d_ff": 77, "n_positions": 64}, {}):
            fields = {**others, **sizes} if times == 1 else {**sizes, **others}
            found = doubled(student, fields, times)
            grown = {name: value * (2**times if name in sizes else 1) for name, value in fields.items()}
            told = ", ".join(f"{name}={value!r}" for name, value in fields.items())
            did = f"double({told})" if times == 1 else f"double(double({told}))"
            expect_equal(_field(found, "result"), grown, did=did + ". Its fields:", look=look)
            did += ". Is the result of the config's own class?"
            expect_equal(_field(found, "same_class"), True, did=did, look=look)


@points(1, step=7, hint="May you write into a frozen dataclass?")
def test_double_leaves_the_original_alone(student):
    """The config that was given is what it was: double makes a new one."""
    fields = {"n_layer": _draw(2, 9), "n_head": 4, "n_embd": 4 * _draw(2, 9)}
    found = doubled(student, fields, 1)
    look = "dataclasses.replace makes a new one; object.__setattr__ on a frozen one breaks every promise."
    expect_equal(_field(found, "original"), fields, did="double(config). The config afterwards:", look=look)


@points(2, step=7, hint="Twice as wide: how many times larger is a block?")
def test_the_lessons_model_doubled(student):
    """A GPT of 6 layers of 192 with GPT-2's vocabulary has 12,368,064 parameters; doubled, it has 40,691,328."""
    fields = {"vocab_size": GPT2_VOCABULARY, "block_size": 256, "n_layer": 6, "n_head": 6, "n_embd": 192}
    found = doubled_gpt(student, fields)
    did = "build a GPT (tied head) with the lesson's sizes, and another with double(those). count_parameters of both:"
    look = "double gives 12 layers of 384 with the same vocabulary and block size; the tied head counts once."
    expect_equal(found, [12_368_064, 40_691_328], did=did, look=look)


# -- measuring


@points(2, step=7, hint="In which order should the points come out?")
def test_results_are_in_the_order_of_size(student):
    """A list of (parameters, loss), the smallest model first, whatever the order of the configs and the losses."""
    middle = (torch.randperm(9)[:3] + 3).tolist()
    widths = [middle[0], 12, 2, *middle[1:]]  # neither in order nor in reverse, and counts of one to three digits
    low = sorted(round(4.0 + 0.5 * x, 7) for x in torch.rand(5).tolist())
    mixed = low[2], low[4], low[0], low[3], low[1]  # of the sizes in order: no order by loss is right
    drawn = dict(zip(sorted(widths), mixed, strict=True))
    losses = [drawn[width] for width in widths]
    found = measured(student, widths, losses)
    wanted = sorted([scaling.tower_parameters(w), loss] for w, loss in zip(widths, losses, strict=True))
    did = f"measure_scaling on models of widths {widths}, whose losses are {', '.join(map(number, losses))}."
    look = "sorted() orders tuples by their first part: put the count of parameters first."
    result = _field(found, "result")
    good = isinstance(result, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in result)
    expect(good and result == wanted, did=did, wanted=show(wanted), got=show(result), look=look)
    expect_equal(_field(found, "kind"), "list", did=did + " The type of the result:", look="return a list.")
    did += " Is each of its items a tuple?"
    expect_equal(_field(found, "tuples"), True, did=did, look="(parameters, loss), a tuple.")


@points(1.5, step=7, hint="How often is a model of each size built, and which one is fitted?", observed=True)
def test_each_config_is_built_and_fitted_once(student):
    """Training is what costs: one build and one fit for each config, and fit is given the model that was built."""
    widths = (torch.randperm(9)[:4] + 2).tolist()
    found = measured(student, widths, [4.0, 3.0, 2.0, 1.0])
    did = f"measure_scaling on configs of widths {widths}."
    look = "model = build_model(config), then count_parameters(model) and fit(model), each once."
    for name, what in (("built", "build_model was called for"), ("fitted", "fit was called with models of")):
        calls_seen = _field(found, name)
        listed = sorted(calls_seen) if isinstance(calls_seen, list) else calls_seen
        expect_equal(listed, sorted(widths), did=f"{did} In order of width, {what}:", look=look)
    same = _field(found, "same")
    expect_equal(same, [True] * 4, did=did + " Was each fitted model one that build_model returned?", look=look)
    did += " Could each be trained by fit: in train mode, with gradients on?"
    expect_equal(_field(found, "trainable"), [True] * 4, did=did, look="hand over the model as it was built.")


@points(0.5, step=7, hint="What if two configs have the same size?")
def test_equal_sizes_and_no_sizes(student):
    """Every config has its point: one config gives one, none gives an empty list."""
    look = "a list with a pair for every config; a dict from size to loss would lose some."
    for widths, losses in (([5], [2.5]), ([], [])):
        wanted = [[scaling.tower_parameters(w), loss] for w, loss in zip(widths, losses, strict=True)]
        did = f"measure_scaling on configs of widths {widths}."
        expect_equal(_field(measured(student, widths, losses), "result"), wanted, did=did, look=look)
    found = _field(measured(student, [4, 4], [2.5, 2.5]), "result")
    wanted = [[scaling.tower_parameters(4), 2.5]] * 2
    expect_equal(found, wanted, did="measure_scaling on two configs of the same width.", look=look)


# -- the law


@points(3, step=7, hint="What is a power law when both axes are logarithmic?", timeout=60)
@given(st.data())
def test_a_power_law_is_found_again(student, data):
    """From points that lie on a * parameters ** -alpha, (a, alpha) comes back, for any a and alpha."""
    a = math.exp(data.draw(st.floats(-2, 6), label="log a"))
    alpha = data.draw(st.floats(-0.5, 1.5), label="alpha")
    sizes = data.draw(st.lists(st.integers(3, 29), min_size=2, max_size=6, unique=True), label="sizes 2 ** k + k for k")
    parameters = [2**k + k for k in sizes]
    losses = [a * n**-alpha for n in parameters]
    found = fitted(student, parameters, losses)
    did = f"fit_power_law on {len(sizes)} points of {number(a)} * parameters ** {number(-alpha)}, parameters = "
    did += f"{', '.join(map(str, parameters))}."
    look = "fit a line to log(parameters) and log(losses): its slope is -alpha, its height at 0 is log(a)."
    got, kind = [_field(found, "a"), _field(found, "alpha")], _field(found, "tuple")
    numbers = all(isinstance(x, float) for x in got)
    expect(numbers, did=did, wanted="two Python floats, (a, alpha)", got=show(got), look=look)
    expect_equal(kind, True, did=did + " Is the result a tuple?", look="return a, alpha.")
    found = got
    did += f" You returned (a, alpha): ({number(found[0])}, {number(found[1])})."
    expect_close(found[1], alpha, did=did + " alpha:", look=look, rtol=1e-4, atol=1e-4)
    log_a = math.log(found[0]) if found[0] > 0 else math.nan
    did += " log(a):" if found[0] > 0 else " log(a), but your a has no logarithm:"
    expect_close(log_a, math.log(a), did=did, look=look, rtol=2e-3, atol=5e-3)


@points(3, step=7, hint="Which distances does the line make small, and for which points?")
def test_noisy_points_get_the_least_squares_line(student):
    """Where the points lie on no line, it is the one with the least sum of squares in log-log space, over all points.

    The reference is NumPy's polyfit on the logarithms.
    """
    for case in range(5):
        count = _draw(5, 9)
        parameters = (10 ** (3 + 5 * torch.rand(count, dtype=torch.float64))).long().tolist()
        if case in (1, 2):  # a size that comes twice: two points
            parameters[-1 if case == 1 else 1] = parameters[0]
        if case == 3:  # sizes in millions: some are below 1
            parameters = [n / 1e6 for n in parameters]
        true = [30 * n ** -(0.1 + 0.2 * torch.rand(()).item()) for n in parameters]
        losses = [loss * math.exp(noise) for loss, noise in zip(true, (0.4 * torch.randn(count)).tolist(), strict=True)]
        slope, height = np.polyfit(np.log(parameters), np.log(losses), 1)
        found = fitted(student, parameters, losses)
        points_told = ", ".join(f"({n}, {number(loss)})" for n, loss in zip(parameters, losses, strict=True))
        did = f"fit_power_law on {count} points that lie on no curve: {points_told}."
        look = "least squares of log(loss) against log(parameters): all points, each with the same weight, and not "
        look += "the losses themselves."
        expect_close(_field(found, "alpha"), -slope, did=did + " alpha:", look=look, rtol=1e-4, atol=1e-4)
        expect_close(_field(found, "a"), math.exp(height), did=did + " a:", look=look, rtol=1e-3, atol=1e-6)


@points(1, step=7, hint="Does a line through one point have a slope?", observed=True)
def test_too_few_sizes_are_refused(student):
    """Fewer than two different sizes raise ValueError: no points, one, or many of the same size."""
    size = _draw(100, 10_000)
    look = "len(set(parameters)) < 2: raise ValueError. Otherwise the slope is 0 / 0."
    for parameters, losses in (([], []), ([size], [3.0]), ([size] * 2, [3.0, 2.5]), ([size] * 4, [3.0, 2.9, 2.8, 2.7])):
        did = f"fit_power_law({parameters}, {losses})."
        expect_raises(error_of_fit(student, parameters, losses), did=did, look=look)


@points(1, step=7, hint="Which numbers have no logarithm?", observed=True)
def test_what_is_not_positive_is_refused(student):
    """A size or a loss of 0 or less raises ValueError, wherever it stands."""
    look = "look at every number, in both lists, before taking a logarithm."
    for count, at in ((2, 0), (2, 1), (3, 0), (3, 1), (3, 2)):
        for bad in (0, -_draw(1, 100)):
            parameters, losses = [100, 1000, 10_000][:count], [5.0, 4.0, 3.0][:count]
            parameters[at] = bad
            did = f"fit_power_law({parameters}, {losses})."
            expect_raises(error_of_fit(student, parameters, losses), did=did, look=look)
            parameters, losses = [100, 1000, 10_000][:count], [5.0, 4.0, 3.0][:count]
            losses[at] = float(bad)
            did = f"fit_power_law({parameters}, {losses})."
            expect_raises(error_of_fit(student, parameters, losses), did=did, look=look)
