"""Step 9, graded: sentences of different lengths in one rectangle, and what of it is real. 10 points."""

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from grader.expect import expect, expect_equal, expect_tensor
from grader.probe import points, probe


@probe
def mask_of(student, size):
    return student.subsequent_mask(size)


@probe
def batched(student, src, tgt, options, device="cpu"):
    """The attributes of a Batch, and whether the tensors that it was given are as they were."""
    given_src, given_tgt = src.clone().to(device), None if tgt is None else tgt.clone().to(device)
    made = student.Batch(given_src, **options) if tgt is None else student.Batch(given_src, given_tgt, **options)
    names = ("src", "src_mask", "tgt", "tgt_y", "tgt_mask", "n_tokens")
    found = {name: getattr(made, name, "no such attribute") for name in names}
    places = [found[name].device.type for name in names if isinstance(found[name], torch.Tensor)]
    kept = torch.equal(given_src.cpu(), src) and (tgt is None or torch.equal(given_tgt.cpu(), tgt))
    return found | {"places": places, "kept": kept}


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _sentences(batch, length, pad, pad_inside):
    """Ids 0 to 9; every row is padded from some place on, and with `pad_inside` also here and there before it."""
    ids = (pad + torch.randint(1, 10, (batch, length))) % 10  # anything but padding
    for row in ids:
        row[int(torch.randint(1, length + 1, ())) :] = pad
        if pad_inside:
            row[1:][torch.rand(length - 1) < 0.3] = pad
    return ids


def _table(mask):
    return "\n".join("  " + " ".join(".x"[int(allowed)] for allowed in row) for row in mask.tolist())


def _expect_mask(found, wanted, did, look, rows=None, form=None):
    """A bool tensor that equals `wanted`, where `rows` (bool) says which of its rows count; form: where to look if its
    shape or type is wrong."""
    found = expect_tensor(found, tuple(wanted.shape), did=did, look=form or look, dtype=torch.bool)
    rows = torch.ones(wanted.shape[:-1], dtype=torch.bool) if rows is None else rows
    for b in range(len(wanted)):
        wrong = (found[b] != wanted[b]).any(-1) & rows[b]
        got = f"{_table(found[b])}\nwrong in row " + ", ".join(map(str, wrong.nonzero().flatten().tolist()))
        told = did.removesuffix(".") + (f" of sentence {b}" if len(wanted) > 1 else "") + " (x is True):"
        expect(not wrong.any(), did=told, wanted=_table(wanted[b]), got=got, look=look)


@points(2, step=9, hint="May position 2 look at position 3? And at itself?")
@example(size=1)
@example(size=2)
@given(size=st.integers(1, 24))
def test_nobody_sees_what_comes_later(student, size):
    """subsequent_mask(size) is (1, size, size), bool, and True at [0, i, j] exactly where j is not after i."""
    wanted = torch.tensor([[[j <= i for j in range(size)] for i in range(size)]])
    look = "a row is the position that looks, a column what it looks at: the lower triangle with its diagonal."
    form = "torch.bool, not numbers; and an axis of size 1 in front, for the batch."
    _expect_mask(mask_of(student, size), wanted, f"subsequent_mask({size}).", look, form=form)


PADS = st.sampled_from([0, 0, 1, 3, 9])


@points(1.5, step=9, hint="Which tokens of the source are words, and which are filling?")
@given(batch=st.integers(1, 4), length=st.integers(1, 8), pad=PADS, pad_inside=st.booleans(), seed=st.integers(0, 999))
def test_the_sources_mask(student, device, batch, length, pad, pad_inside, seed):
    """src_mask is (B, 1, S), bool, True where the source is not padding, for any padding id; src is the source."""
    torch.manual_seed(seed)
    src = _sentences(batch, length, pad, pad_inside)
    found = batched(student, src, None, {"pad": pad}, device)
    did = f"Batch(src, pad={pad}) with src = {src.tolist()}."
    look = "compare src with pad, True where it differs, and put an axis of size 1 in the middle: (B, S) becomes "
    look += "(B, 1, S)."
    _expect_mask(_field(found, "src_mask"), (src != pad)[:, None], did + " src_mask.", look)
    kept = expect_tensor(_field(found, "src"), (batch, length), did=did + " src.", look="self.src", dtype=torch.int64)
    expect_equal(kept.tolist(), src.tolist(), did=did + " src:", look="self.src is the source as it was given.")
    look = "masks belong where the tokens are."
    expect_equal(_field(found, "places"), [device] * 2, did=did + " src and src_mask are on:", look=look)


@points(2, step=9, hint="Having read tgt[:, t], what should the decoder say?")
@given(batch=st.integers(1, 4), length=st.integers(2, 8), pad=PADS, seed=st.integers(0, 999))
def test_the_target_is_shifted(student, batch, length, pad, seed):
    """tgt is the target without its last column, tgt_y without its first: at every place the next token is wanted."""
    torch.manual_seed(seed)
    src, tgt = _sentences(batch, 5, pad, False), _sentences(batch, length, pad, False)
    found = batched(student, src, tgt, {"pad": pad})
    did = f"Batch(src, tgt, pad={pad}) with tgt = {tgt.tolist()}."
    for name, wanted, what in (
        ("tgt", tgt[:, :-1], "all but the last column: nothing follows it"),
        ("tgt_y", tgt[:, 1:], "all but the first column: the tokens that follow"),
    ):
        look = f"{name} is {what}."
        shape = (batch, length - 1)
        got = expect_tensor(_field(found, name), shape, did=f"{did} {name}.", look=look, dtype=torch.int64)
        expect_equal(got.tolist(), wanted.tolist(), did=f"{did} {name}:", look=look)


@points(2, step=9, hint="Which two things must hold before i may look at j?", timeout=60)
@given(batch=st.integers(1, 3), length=st.integers(2, 8), pad=PADS, pad_inside=st.booleans(), seed=st.integers(0, 999))
def test_the_targets_mask(student, device, batch, length, pad, pad_inside, seed):
    """tgt_mask is (B, T-1, T-1), bool: i may look at j where j is not after i *and* tgt[j] is not padding.

    What a position that is itself padding may look at is free: nothing is read there.
    """
    torch.manual_seed(seed)
    src, tgt = _sentences(batch, 4, pad, False), _sentences(batch, length, pad, pad_inside)
    found = batched(student, src, tgt, {"pad": pad}, device)
    read = tgt[:, :-1]
    T = length - 1
    wanted = torch.tensor([[[j <= i and row[j] != pad for j in range(T)] for i in range(T)] for row in read.tolist()])
    did = f"Batch(src, tgt, pad={pad}) with tgt = {tgt.tolist()}. tgt_mask."
    look = "(tgt != pad) as (B, 1, T-1), and subsequent_mask(T-1): both must be True (&); tgt is the shortened one."
    _expect_mask(_field(found, "tgt_mask"), wanted, did, look, rows=read != pad)
    expect_equal(_field(found, "places"), [device] * 5, did=did + " The tensors are on:", look="tgt.device")


@points(1.5, step=9, hint="How many words is the decoder asked for, in all?")
@given(batch=st.integers(1, 4), length=st.integers(2, 8), pad=PADS, pad_inside=st.booleans(), seed=st.integers(0, 999))
def test_only_real_targets_are_counted(student, batch, length, pad, pad_inside, seed):
    """n_tokens is an int: the tokens of tgt_y, those that are asked for, that are not padding."""
    torch.manual_seed(seed)
    src, tgt = _sentences(batch, 6, pad, False), _sentences(batch, length, pad, pad_inside)
    if pad_inside:
        tgt[0] = pad  # a row of nothing but padding
    found = batched(student, src, tgt, {"pad": pad})
    did = f"Batch(src, tgt, pad={pad}).n_tokens with tgt = {tgt.tolist()}."
    look = "count in tgt_y (the first column of tgt is not asked for), and make it an int."
    wanted = sum(token != pad for row in tgt[:, 1:].tolist() for token in row)
    expect_equal(_field(found, "n_tokens"), wanted, did=did, look=look)


@points(0.5, step=9, hint="What is there of the target when you only translate?")
def test_a_batch_without_target(student):
    """Without tgt, as when a new sentence is translated, tgt, tgt_y and tgt_mask are None and n_tokens is 0."""
    found = batched(student, _sentences(3, 5, 0, False), None, {})
    for name, wanted in (("tgt", None), ("tgt_y", None), ("tgt_mask", None), ("n_tokens", 0)):
        did = f"Batch(src).{name}"
        expect_equal(_field(found, name), wanted, did=did, look="set it before you ask whether there is a tgt.")


@points(0.5, step=9, hint="Whose tensors are src and tgt?")
def test_defaults_and_the_callers_tensors(student):
    """Padding is 0 unless told otherwise; src and tgt themselves are left as they were. No sentence is too long."""
    src, tgt = _sentences(3, 6, 0, True), _sentences(3, 7, 0, True)
    src[0, -1], tgt[0, -1] = 5, 6  # a sentence as long as the rectangle
    found = batched(student, src, tgt, {})
    did = "Batch(src, tgt): are src and tgt as they were?"
    expect_equal(_field(found, "kept"), True, did=did, look="do not change in place what you were given.")
    did = f"Batch(src, tgt) with src = {src.tolist()}."
    _expect_mask(_field(found, "src_mask"), (src != 0)[:, None], did + " src_mask.", "pad=0 by default.")
    wanted = int((tgt[:, 1:] != 0).sum())
    did = f"Batch(src, tgt).n_tokens with tgt = {tgt.tolist()}."
    expect_equal(_field(found, "n_tokens"), wanted, did=did, look="pad=0 by default.")
    long = mask_of(student, 150)
    did = "subsequent_mask(150)."
    look = "make the mask as large as asked for: no table of a fixed size."
    long = expect_tensor(long, (1, 150, 150), did=did, look=look, dtype=torch.bool)
    right = torch.equal(long, torch.ones(1, 150, 150, dtype=torch.bool).tril())
    got = f"{int(long.sum())} times True, not all of them where j <= i"
    expect(right, did=did, wanted=f"True at the {150 * 151 // 2} places [0, i, j] where j <= i", got=got, look=look)
