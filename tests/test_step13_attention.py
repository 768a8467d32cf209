"""Step 13, graded: attention by hand. 20 points.

Attention is a formula, so there is one right answer to many digits. `reference` below works it out row by row and
place by place, over the places that a row may attend to and no others; what your code returns is compared with it in
float64. Where it differs, the message says which known slip gives exactly your numbers, if one does.
"""

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from grader.expect import expect, expect_close, expect_equal, expect_raises, expect_tensor, number, show
from grader.probe import points, probe
from lab.toys import calls

EXACT = {"rtol": 1e-9, "atol": 1e-10}  # float64 through a handful of operations
SINGLE = {"rtol": 2e-4, "atol": 2e-5}


@probe
def attended(student, q, k, v, mask=None, device="cpu"):
    q, k, v = (x.clone().to(device) for x in (q, k, v))  # clones: what is changed in place stays beside the student
    return student.attention(q, k, v) if mask is None else student.attention(q, k, v, mask.clone().to(device))


@probe
def attended_with_none(student, q, k, v):
    return student.attention(q, k, v, mask=None)


@probe
def attended_twice(student, q, k, v, mask):
    q, k, v, mask = (x.clone() for x in (q, k, v, mask))
    student.attention(q, k, v, mask)
    return student.attention(q, k, v, mask)


@probe
def attention_gradients(student, q, k, v, mask, direction):
    q, k, v = (x.clone().requires_grad_() for x in (q, k, v))
    out = student.attention(q, k, v) if mask is None else student.attention(q, k, v, mask)
    (out * direction).sum().backward()
    return {"q": q.grad, "k": k.grad, "v": v.grad}


@probe
def split(student, x, n_head):
    return student.split_heads(x, n_head)


@probe
def merged(student, x):
    return student.merge_heads(x)


@probe
def there_and_back(student, x, n_head):
    return student.merge_heads(student.split_heads(x, n_head))


@probe
def multi_head(student, x, weights, n_head, options, device="cpu"):
    weights = {name: value.to(device) for name, value in weights.items()}
    return student.multi_head_attention(x.to(device), **weights, n_head=n_head, **options)


@probe
def multi_head_gradients(student, x, weights, n_head, direction):
    leaves = {name: value.clone().requires_grad_() for name, value in ({"x": x} | weights).items()}
    out = student.multi_head_attention(**leaves, n_head=n_head, causal=True)
    (out * direction).sum().backward()
    return {name: leaf.grad for name, leaf in leaves.items()}


@probe
def errors(student, x, weights, n_head):
    return {
        "split_heads": calls.raised(lambda: student.split_heads(x, n_head)),
        "multi_head_attention": calls.raised(lambda: student.multi_head_attention(x, **weights, n_head=n_head)),
    }


# -- the reference, row by row


def reference(q, k, v, mask=None, scale=None):
    """softmax(q k^T * scale) v over each row's allowed places; nothing allowed: zeros. Any axes in front."""
    T, S, d = q.shape[-2], k.shape[-2], q.shape[-1]
    lead = q.shape[:-2]
    scale = 1 / math.sqrt(d) if scale is None else scale
    allowed = torch.ones(*lead, T, S, dtype=torch.bool) if mask is None else mask.expand(*lead, T, S)
    q, k, v = q.reshape(-1, T, d), k.reshape(-1, S, d), v.reshape(-1, S, v.shape[-1])
    allowed = allowed.reshape(-1, T, S)
    rows = []
    for n in range(len(q)):
        for t in range(T):
            at = allowed[n, t].nonzero()[:, 0]
            scores = (k[n, at] * q[n, t]).sum(-1) * scale
            powers = (scores - scores.max()).exp() if len(at) else scores
            rows.append((powers[:, None] * v[n, at]).sum(0) / powers.sum() if len(at) else 0 * q[n, t, 0] * v[n, 0])
    return torch.stack(rows).view(*lead, T, v.shape[-1])


def reference_heads(x, w_qkv, b_qkv, w_out, b_out, n_head, causal):
    """Multi-head attention, head by head."""
    T, C = x.shape[1:]
    d = C // n_head
    mask = torch.arange(T)[:, None] >= torch.arange(T) if causal else None
    projected = torch.einsum("btc,oc->bto", x, w_qkv) + b_qkv
    mixed = []
    for h in range(n_head):
        q, k, v = (projected[..., part * C + h * d : part * C + (h + 1) * d] for part in range(3))
        mixed.append(reference(q, k, v, mask))
    return torch.einsum("btc,oc->bto", torch.cat(mixed, dim=-1), w_out) + b_out


def _qkv(*lead, T=3, S=5, d=4, d_v=6, dtype=torch.float64):
    return tuple(torch.randn(*lead, *shape, dtype=dtype) for shape in ((T, d), (S, d), (S, d_v)))


def _weights(C, dtype=torch.float64):
    shapes = {"w_qkv": (3 * C, C), "b_qkv": (3 * C,), "w_out": (C, C), "b_out": (C,)}
    return {name: torch.randn(*shape, dtype=dtype) for name, shape in shapes.items()}


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _sizes(**sizes):
    return ", ".join(f"{name}={value}" for name, value in sizes.items())


def _matches(got, wanted, *, did, look, slips=None, tolerance=EXACT):
    """Equal to `wanted`; if not, and it equals one of `slips` ({what it is: value, or None}), say so."""
    found = expect_tensor(got, tuple(wanted.shape), did=did, look=look).double()
    if torch.allclose(found, wanted.double(), **{"rtol": tolerance["rtol"], "atol": tolerance["atol"]}):
        return
    for slip, value in (slips or {}).items():
        if value.shape == found.shape and torch.allclose(found, value.double(), rtol=1e-6, atol=1e-8):
            expect(False, did=did, wanted="the formula's values", got=f"exactly the values of {slip}", look=look)
    expect_close(found, wanted, did=did, look=look, **tolerance)


def _attention_slips(q, k, v, mask=None):
    """What well-known slips would give."""
    d, S = q.shape[-1], k.shape[-2]
    scores = q @ k.transpose(-2, -1)
    return {
        "scores that are not scaled at all": reference(q, k, v, mask, scale=1.0),
        "scores divided by d, not by its square root": reference(q, k, v, mask, scale=1 / d),
        "scores multiplied by sqrt(d), not divided": reference(q, k, v, mask, scale=math.sqrt(d)),
        "scores divided by sqrt(S), the number of places": reference(q, k, v, mask, scale=1 / math.sqrt(S)),
        "a softmax over the rows of q (axis -2), not over the places": (scores / math.sqrt(d)).softmax(-2) @ v,
        "a mask taken the wrong way round (True as: hidden)": reference(q, k, v, None if mask is None else ~mask),
        "no mask at all": reference(q, k, v),
    }


# -- attention


@points(2, step=13, hint="What are the four lines between q, k, v and the mix?")
def test_attention_is_the_formula(student, device):
    """softmax(q k^T / sqrt(d)) v, to many digits, for more places than rows, fewer, and as many; v wide and narrow."""
    for sizes in (
        {"T": 3, "S": 5, "d": 4, "d_v": 6},
        {"T": 4, "S": 2, "d": 3, "d_v": 1},
        {"T": 9, "S": 9, "d": 4, "d_v": 4},
        {"T": 1, "S": 1, "d": 1, "d_v": 2},
    ):
        q, k, v = _qkv(**sizes)
        did = f"attention(q, k, v) with {_sizes(**sizes)}, numbers drawn from N(0, 1), in float64."
        look = "q @ k.transpose(-2, -1), times 1 / sqrt(d), softmax over the last axis, @ v."
        _matches(
            attended(student, q, k, v, None, device),
            reference(q, k, v),
            did=did,
            look=look,
            slips=_attention_slips(q, k, v),
        )
        _matches(attended_with_none(student, q, k, v), reference(q, k, v), did=did + " With mask=None said.", look=look)


@points(2, step=13, hint="The square root of which size?")
def test_scores_are_scaled_by_one_over_the_root_of_d(student):
    """The scale is 1 / sqrt(d), d the last size of q: it keeps the scores' spread about 1 however wide a head is.

    Two places with v = (1, 0, ...) and (0, 1, ...) hand their weights over as they are; ln(w0 / w1) is
    scale * (s0 - s1).
    """
    for d in (2, 5, 16, 64):
        lead, T, d_v = (2, 3), 7, 11  # sizes whose roots are nobody else's
        q = torch.randn(*lead, T, d, dtype=torch.float64)
        k = torch.randn(*lead, 2, d, dtype=torch.float64) / d
        v = torch.eye(2, d_v, dtype=torch.float64).expand(*lead, 2, d_v).contiguous()
        did = f"attention with q of shape {(*lead, T, d)} and 2 places, v (1, 0, ...) and (0, 1, ...); the scale found:"
        look = "scores / math.sqrt(q.shape[-1]): the head's own width, not C, n_head, T or S; once, not twice."
        weights = expect_tensor(attended(student, q, k, v), (*lead, T, d_v), did=did, look=look).double()
        scores = q @ k.transpose(-2, -1)
        apart = (scores[..., 0] - scores[..., 1]).flatten()
        logs = weights.clamp(min=1e-300).log()
        told = (logs[..., 0] - logs[..., 1]).flatten()
        scale = float((told * apart).sum() / (apart * apart).sum())
        right = 1 / math.sqrt(d)
        wanted = f"1 / sqrt({d}) = {number(right)}"
        expect(abs(scale - right) < 1e-6 * right, did=did, wanted=wanted, got=_scale_named(scale, d), look=look)
        expect_close(told, apart * right, did=did + " in every row", look=look, rtol=1e-6, atol=1e-8)


def _scale_named(scale, d):
    known = {
        "no scale": 1.0,
        f"1 / {d}": 1 / d,
        f"sqrt({d})": math.sqrt(d),
        "1 / sqrt(2), the number of places": 0.5**0.5,
    }
    known |= {
        f"1 / sqrt(sqrt({d}))": d**-0.25,
        "1 / sqrt(3), the second axis": 3**-0.5,
        "1 / sqrt(7), the rows of q": 7**-0.5,
        "1 / sqrt(11), the width of v": 11**-0.5,
    }
    known |= {f"1 / sqrt(3 * {d}), all channels": (3 * d) ** -0.5}
    names = [name for name, value in known.items() if abs(scale - value) < 1e-6 * value]
    return number(scale) + (f" ({names[0]})" if names else "")


@points(0.5, step=13, hint="Over which axis is a weighted mean a mean?")
def test_every_row_of_weights_sums_to_one(student):
    """Each row's weights over the S places are positive and sum to 1, so the mix is a mean. v = identity shows them."""
    q, k, _ = _qkv(2, T=4, S=3, d=5)
    v = torch.eye(3, dtype=torch.float64).expand(2, 3, 3).contiguous()
    did = "attention(q, k, v) with 4 rows and 3 places, v the identity, which hands the weights over as they are."
    look = "softmax(dim=-1), the axis of the places, after the scale and the mask."
    weights = expect_tensor(attended(student, q, k, v), (2, 4, 3), did=did, look=look).double()
    sums, over_rows = weights.sum(-1), weights.sum(-2)
    got = "sums over the places: " + ", ".join(number(x) for x in sums[0].tolist())
    if torch.allclose(over_rows, torch.ones_like(over_rows)):
        got += "; but the sums over the rows are 1: softmax went over the wrong axis"
    ok = bool(torch.allclose(sums, torch.ones_like(sums), atol=1e-9)) and bool((weights > 0).all())
    expect(ok, did=did, wanted="positive weights, each row's sum 1", got=got, look=look)


@points(1, step=13, hint="Which axes does matmul leave alone?")
@given(data=st.data())
def test_any_axes_in_front(student, data):
    """q, k and v may have any number of axes in front (none, batch, batch and heads, more): each is on its own."""
    lead = tuple(data.draw(st.lists(st.integers(1, 3), max_size=3), "axes in front"))
    T, S = data.draw(st.integers(1, 4), "T"), data.draw(st.integers(1, 4), "S")
    d, d_v = data.draw(st.integers(1, 5), "d"), data.draw(st.integers(1, 5), "d_v")
    q, k, v = _qkv(*lead, T=T, S=S, d=d, d_v=d_v)
    did = f"attention with q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}."
    look = "transpose(-2, -1) and softmax(-1) count from the end; .T and dim=1 do not."
    _matches(attended(student, q, k, v), reference(q, k, v), did=did, look=look)


MASK_SHAPES = st.sampled_from(
    ["(T, S)", "(1, S)", "(S,)", "(B, 1, T, S)", "(B, H, T, S)", "(B, 1, 1, S)", "(1, H, T, S)"]
)


@points(2, step=13, hint="What must a forbidden place's score be before the softmax?")
@example(B=2, H=3, T=4, S=5, mask_shape="(B, H, T, S)")
@given(B=st.integers(1, 3), H=st.integers(1, 3), T=st.integers(1, 4), S=st.integers(2, 5), mask_shape=MASK_SHAPES)
def test_the_mask_says_who_may_attend(student, B, H, T, S, mask_shape):
    """True = may attend. A forbidden place has weight exactly 0; the others share 1. The mask broadcasts."""
    sizes = {"B": B, "H": H, "T": T, "S": S, "1": 1}
    shape = tuple(sizes[axis] for axis in mask_shape.strip("(),").split(", "))
    q, k, v = _qkv(B, H, T=T, S=S)
    mask = torch.rand(shape) < 0.6
    mask[..., int(torch.randint(S, ()))] = True  # somewhere to attend in every row
    did = f"attention with q {tuple(q.shape)}, S={S} places and a mask of shape {shape}: {_told(mask)}."
    look = "scores.masked_fill(~mask, something lower than any score) before the softmax; ~, because True means: may."
    slips = _attention_slips(q, k, v, mask) | {
        "a mask added to the scores as 0 and 1": _softmaxed(q, k, v, lambda s: s + mask),
        "a mask multiplied into the scores, where 0 is a score like any other": _softmaxed(q, k, v, lambda s: s * mask),
        "weights hidden after the softmax, so that the rest no longer sums to 1": _hidden_late(q, k, v, mask),
    }
    if bool(mask.all()):
        slips = {}
    wanted = reference(q, k, v, mask)
    _matches(attended(student, q, k, v, mask), wanted, did=did, look=look, slips=slips)
    did += " The same call once more, with the same tensors."
    look = "what the first call left changed in q, k, v or the mask: ~mask makes a new tensor, mask.logical_not_() not."
    _matches(attended_twice(student, q, k, v, mask), wanted, did=did, look=look)


def _softmaxed(q, k, v, change):
    return change(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v


def _hidden_late(q, k, v, mask):
    return ((q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) * mask) @ v


def _told(mask):
    rows = mask.reshape(-1, mask.shape[-1])[:6]
    drawn = " / ".join("".join("x" if allowed else "." for allowed in row) for row in rows.tolist())
    return drawn + (" / ..." if mask.numel() // mask.shape[-1] > 6 else "") + " (x: may attend)"


@points(1.5, step=13, hint="What is the softmax of a row with nothing in it?")
def test_a_row_that_may_attend_nowhere_gives_zeros(student):
    """Padding makes rows that may attend to no place at all: they give zeros, and change nobody else's row."""
    for dtype, tolerance in ((torch.float64, EXACT), (torch.float32, SINGLE)):
        q, k, v = _qkv(2, 2, T=4, S=3, dtype=dtype)
        mask = torch.tensor([[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=torch.bool)
        one_head = torch.ones(2, 2, 4, 3, dtype=torch.bool)
        one_head[1, 0, 2] = False
        nothing = torch.zeros(2, 1, 1, 3, dtype=torch.bool)
        kinds = {"rows 1 and 3 of 4": mask, "every row": nothing, "row 2 of one text's first head": one_head}
        kinds["rows 1 and 3 of 4, said in one column,"] = mask.any(-1, keepdim=True)
        for name, given_mask in kinds.items():
            did = f"attention in {str(dtype)[6:]} with a mask that lets {name} attend nowhere."
            look = "-inf everywhere in a row makes 0 / 0; a finite fill makes an even mix. Multiply the weights by the "
            look += "mask, or fill with the lowest finite number and set such rows to 0."
            got = attended(student, q, k, v, given_mask)
            expect_tensor(got, (2, 2, 4, 6), did=did, look=look)
            even = {"an even mix of all v in those rows": _even_where_nothing(q, k, v, given_mask)}
            wanted = reference(q.double(), k.double(), v.double(), given_mask)
            _matches(got, wanted, did=did, look=look, slips=even if dtype == torch.float64 else {}, tolerance=tolerance)


def _even_where_nothing(q, k, v, mask):
    nothing = ~mask.expand(*q.shape[:-1], k.shape[-2]).any(-1, keepdim=True)
    return torch.where(nothing, v.mean(-2, keepdim=True), reference(q, k, v, mask))


@points(1, step=13, hint="What does NaN times 0 give, on the way back?")
def test_gradients_are_right_and_never_nan(student):
    """Gradients of q, k and v are those of the formula; a row that may attend nowhere sends back zeros, not NaN."""
    masked = torch.tensor([[1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 1]], dtype=torch.bool)
    look = "fill with a finite number before the softmax; no .detach(), .item() or numpy on the way."
    for mask, said in ((masked, "with a mask (xx. / ... / .xx / x.x)"), (None, "without a mask")):
        q, k, v = _qkv(2, T=4, S=3)
        direction = torch.randn(2, 4, 6, dtype=torch.float64)
        found = attention_gradients(student, q, k, v, mask, direction)
        leaves = [x.clone().requires_grad_() for x in (q, k, v)]
        wanted = torch.autograd.grad((reference(*leaves, mask) * direction).sum(), leaves)
        did = f"backward through attention {said}, 4 rows and 3 places; the gradient of"
        for name, right in zip("qkv", wanted, strict=True):
            got = expect_tensor(_field(found, name), tuple(right.shape), did=f"{did} {name}:", look=look)
            expect_close(got, right, did=f"{did} {name}:", look=look, **EXACT)


@points(1.5, step=13, hint="How large may a number be before its exp does not fit?")
def test_large_scores_stay_finite(student):
    """Scores of some hundred thousand, with and without a mask: exp must not overflow, and hidden stays hidden.

    In the masked half the scores that a row may see are about -30,000 (then -300,000), those that it may not see as
    far above 0: a fill of -10,000 is higher than what is allowed.
    """
    look = (
        "torch.softmax subtracts each row's maximum first; a mask comes before it, filling with torch.finfo(dtype).min "
    )
    look += "or -inf, not with -1e4."
    for dtype in (torch.float64, torch.float32):
        # 16 channels, whole numbers, scale 1/4: exact in float32 too, in whatever order it is worked out
        q, v = torch.randint(2, (2, 3, 16)).to(dtype) * 2 - 1, torch.randn(2, 4, 6, dtype=dtype)
        k = torch.randint(-60_000, 60_001, (2, 4, 16)).to(dtype)
        did = f"attention in {str(dtype)[6:]} with scores of some hundred thousand."
        wanted = reference(q.double(), k.double(), v.double())
        tolerance = {"rtol": 1e-3, "atol": 1e-3}
        _matches(attended(student, q, k, v), wanted, did=did, look=look, tolerance=tolerance)
        q = torch.ones(2, 3, 16, dtype=dtype)
        mask = torch.tensor([True, False, True, False])
        for size, said in ((7_500, "30,000"), (75_000, "300,000")):
            k = torch.tensor([-size, size, 0.125 - size, size], dtype=dtype)[:, None].expand(2, 4, 16)
            did = f"attention in {str(dtype)[6:]}. Allowed scores are about -{said}, forbidden ones +{said}."
            wanted = reference(q.double(), k.double(), v.double(), mask)
            _matches(attended(student, q, k, v, mask), wanted, did=did, look=look, tolerance=tolerance)


@points(0.5, step=13, hint="Which of your lines makes a tensor, and of which type?")
def test_the_dtype_is_kept(student):
    """float32 in, float32 out; float64 in, float64 out, exact to its digits, with a mask and without."""
    mask = torch.ones(3, 5, dtype=torch.bool).tril(1)
    for dtype, tolerance in ((torch.float32, SINGLE), (torch.float64, EXACT)):
        q, k, v = _qkv(2, dtype=dtype)
        x, weights = torch.randn(2, 4, 6, dtype=dtype), _weights(6, dtype)
        name = str(dtype).removeprefix("torch.")
        look = "no .float() on the way, no numpy; tensors that you make yourself: dtype=q.dtype."
        for given_mask in (None, mask):
            did = f"attention in {name}" + (" with a mask." if given_mask is not None else ".")
            got = expect_tensor(attended(student, q, k, v, given_mask), (2, 3, 6), did=did, look=look, dtype=dtype)
            wanted = reference(q.double(), k.double(), v.double(), given_mask)
            _matches(got, wanted, did=did, look=look, tolerance=tolerance)
        for causal in (True, False):
            did = f"multi_head_attention in {name}, causal={causal}."
            got = multi_head(student, x, weights, 2, {"causal": causal})
            expect_tensor(got, (2, 4, 6), did=did, look=look, dtype=dtype)


# -- heads


@points(1, step=13, hint="Which channels belong to head 1?")
@example(B=2, T=4, n_head=3, d=2)
@given(B=st.integers(1, 3), T=st.integers(1, 4), n_head=st.integers(1, 4), d=st.integers(1, 4))
def test_split_heads_cuts_channels(student, B, T, n_head, d):
    """out[b, h, t] is x[b, t, h * d : (h + 1) * d], d = C / n_head: head h takes the h-th run of channels, in order."""
    x = torch.arange(B * T * n_head * d, dtype=torch.float64).view(B, T, n_head * d) + torch.rand(()).double()
    did = f"split_heads(x, {n_head}) with x of shape ({B}, {T}, {n_head * d}) that counts up."
    look = "view(B, T, n_head, d), then transpose(1, 2); view straight to (B, n_head, T, d) cuts time."
    wanted = torch.stack([x[:, :, h * d : (h + 1) * d] for h in range(n_head)], dim=1)
    slips = {
        "view(B, n_head, T, d), which cuts along time": x.view(B, n_head, T, d),
        "view(B, T, d, n_head): every n_head-th channel, not a run": x.view(B, T, d, n_head).permute(0, 3, 1, 2),
    }
    _matches(split(student, x, n_head), wanted, did=did, look=look, slips=slips)


@points(1, step=13, hint="Which axis must stand next to d before the two become one?")
@example(B=2, T=4, n_head=3, d=2, contiguous=False)
@given(
    B=st.integers(1, 3), T=st.integers(1, 4), n_head=st.integers(1, 4), d=st.integers(1, 4), contiguous=st.booleans()
)
def test_merge_heads_is_the_inverse(student, B, T, n_head, d, contiguous):
    """merge_heads lays heads side by side again, (B, n_head, T, d) -> (B, T, n_head * d): it undoes split_heads."""
    heads = torch.arange(B * T * n_head * d, dtype=torch.float64).view(B, T, n_head, d).transpose(1, 2)
    heads = heads.contiguous() if contiguous else heads  # or in memory as split_heads may leave it
    did = f"merge_heads(x) with x of shape {tuple(heads.shape)}."
    look = (
        "transpose(1, 2) first, so that the axes read (B, T, n_head, d), then join the last two (contiguous, reshape)."
    )
    wanted = torch.cat([heads[:, h] for h in range(n_head)], dim=-1)
    slips = {"a reshape without swapping heads and time back": heads.reshape(B, T, n_head * d)}
    _matches(merged(student, heads), wanted, did=did, look=look, slips=slips)
    x = torch.randn(B, T, n_head * d, dtype=torch.float64)
    did = f"merge_heads(split_heads(x, {n_head})) with x of shape {tuple(x.shape)}."
    _matches(there_and_back(student, x, n_head), x, did=did, look=look)


@points(2.5, step=13, hint="In which order do the five things happen, and which weights belong to which?")
@example(B=2, T=4, n_head=3, d=5)
@given(B=st.integers(1, 2), T=st.integers(1, 4), n_head=st.integers(1, 3), d=st.integers(1, 3))
def test_multi_head_attention_is_exact(student, B, T, n_head, d):
    """Project to q, k and v (stacked in this order), attend head by head, lay side by side, project; biases count."""
    x, weights = torch.randn(B, T, n_head * d, dtype=torch.float64), _weights(n_head * d)
    did = f"multi_head_attention(..., n_head={n_head}, causal=False) with x {tuple(x.shape)}, all weights drawn."
    look = "F.linear(x, w_qkv, b_qkv).chunk(3, -1) gives q, k, v; split, attend, merge; F.linear(..., w_out, b_out)."
    wanted = reference_heads(x, **weights, n_head=n_head, causal=False)
    slips = _multi_head_slips(x, weights, n_head)
    _matches(multi_head(student, x, weights, n_head, {"causal": False}), wanted, did=did, look=look, slips=slips)


def _multi_head_slips(x, weights, n_head):
    """What well-known slips would give, without a causal mask."""
    C = x.shape[-1]
    right = {"n_head": n_head, "causal": False}
    w, b = weights["w_qkv"].view(3, C, C), weights["b_qkv"].view(3, C)
    slips = {}
    for order, name in (([1, 0, 2], "k, q, v"), ([2, 1, 0], "v, k, q"), ([1, 2, 0], "k, v, q"), ([2, 0, 1], "v, q, k")):
        inverse = [order.index(part) for part in range(3)]
        changed = {"w_qkv": w[inverse].reshape(3 * C, C), "b_qkv": b[inverse].reshape(3 * C)}
        slips[f"weights read as {name} in place of q, k, v"] = reference_heads(x, **(weights | changed), **right)
    for name in ("b_qkv", "b_out"):
        without = weights | {name: torch.zeros_like(weights[name])}
        slips[f"a bias {name} that is never added"] = reference_heads(x, **without, **right)
    neither = {name: torch.zeros_like(weights[name]) for name in ("b_qkv", "b_out")}
    slips["both biases never added"] = reference_heads(x, **(weights | neither), **right)
    turned = weights | {"w_out": weights["w_out"].T}
    slips["x @ w_out where x @ w_out.T is meant"] = reference_heads(x, **turned, **right)
    slips["a causal mask, though causal=False"] = reference_heads(x, **weights, n_head=n_head, causal=True)
    return slips | _layout_slips(x, weights, n_head)


def _layout_slips(x, weights, n_head):
    B, T, C = x.shape
    d = C // n_head
    q, k, v = (x @ weights["w_qkv"].T + weights["b_qkv"]).view(B, T, 3, n_head, d).permute(2, 0, 3, 1, 4)

    def finished(mixed):
        return mixed @ weights["w_out"].T + weights["b_out"]

    def joined(heads):
        return finished(heads.transpose(1, 2).reshape(B, T, C))

    stacked = (x @ weights["w_qkv"].T + weights["b_qkv"]).view(B, T, n_head, 3, d).permute(3, 0, 2, 1, 4)
    return {
        "no last projection": reference(q, k, v).transpose(1, 2).reshape(B, T, C),
        "heads joined without swapping heads and time back": finished(reference(q, k, v).reshape(B, T, C)),
        "scores divided by sqrt(C), not by the root of a head's width": joined(reference(q, k, v, scale=C**-0.5)),
        "scores divided by sqrt(n_head)": joined(reference(q, k, v, scale=n_head**-0.5)),
        "scores that are not scaled at all": joined(reference(q, k, v, scale=1.0)),
        "one head of C channels, n_head ignored": reference_heads(x, **weights, n_head=1, causal=False),
        "q, k and v stacked head by head, in place of all heads' q, then k, then v": joined(reference(*stacked)),
    }


@points(1.5, step=13, hint="May position t attend to itself?")
def test_causal_attends_to_the_past_and_itself(student, device):
    """causal=True, the default: position t attends to 0..t, itself included, and to nothing later."""
    for B, T, C, n_head in ((2, 5, 6, 3), (1, 9, 4, 1)):
        _causal_in_one_size(student, device, B, T, C, n_head)


def _causal_in_one_size(student, device, B, T, C, n_head):
    x, weights = torch.randn(B, T, C, dtype=torch.float64), _weights(C)
    wanted = reference_heads(x, **weights, n_head=n_head, causal=True)
    look = "torch.ones(T, T, dtype=torch.bool).tril(): row t is True up to and including column t."
    slips = {
        "no causal mask": reference_heads(x, **weights, n_head=n_head, causal=False),
        "a mask off by one: t does not attend to itself": _with_mask(x, weights, n_head, -1),
        "a mask off by one: t attends to t + 1": _with_mask(x, weights, n_head, 1),
        "a mask the wrong way round: t attends to t and later": _with_mask(x, weights, n_head, None),
    }
    for options, said in (({"causal": True}, "causal=True"), ({}, "no word about causal")):
        did = f"multi_head_attention with x {tuple(x.shape)}, n_head={n_head} and {said}."
        got = multi_head(student, x, weights, n_head, options, device)
        _matches(got, wanted, did=did, look=look, slips=slips)
    free = reference_heads(x, **weights, n_head=n_head, causal=False)
    did = f"multi_head_attention with x {tuple(x.shape)}, n_head={n_head} and causal=False."
    slips = {"a causal mask all the same": wanted}
    _matches(multi_head(student, x, weights, n_head, {"causal": False}, device), free, did=did, look=look, slips=slips)


def _with_mask(x, weights, n_head, diagonal):
    B, T, C = x.shape
    ones = torch.ones(T, T, dtype=torch.bool)
    mask = ones.triu() if diagonal is None else ones.tril(diagonal)
    q, k, v = (x @ weights["w_qkv"].T + weights["b_qkv"]).view(B, T, 3, n_head, C // n_head).permute(2, 0, 3, 1, 4)
    return reference(q, k, v, mask).transpose(1, 2).reshape(B, T, C) @ weights["w_out"].T + weights["b_out"]


@points(1, step=13, hint="What could stand between a weight and the output?")
def test_gradients_reach_every_weight(student):
    """The gradients of x, both weights and both biases are those of the formula: all of it can be trained."""
    x, weights, n_head = torch.randn(2, 4, 6, dtype=torch.float64), _weights(6), 2
    direction = torch.randn(2, 4, 6, dtype=torch.float64)
    found = multi_head_gradients(student, x, weights, n_head, direction)
    leaves = {name: value.clone().requires_grad_() for name, value in ({"x": x} | weights).items()}
    out = reference_heads(**leaves, n_head=n_head, causal=True)
    wanted = dict(zip(leaves, torch.autograd.grad((out * direction).sum(), list(leaves.values())), strict=True))
    look = "no .detach(), .data, .item(), numpy or torch.no_grad() on the way."
    for name, right in wanted.items():
        did = f"backward through multi_head_attention, 4 positions, 2 heads; the gradient of {name}:"
        got = expect_tensor(_field(found, name), tuple(right.shape), did=did, look=look)
        expect_close(got, right, did=did, look=look, rtol=1e-8, atol=1e-9)


@points(1, step=13, hint="What happens to the channels that are left over?", observed=True)
def test_heads_must_divide_the_channels(student):
    """If C is not a multiple of n_head, split_heads and multi_head_attention raise ValueError naming both numbers."""
    for C, n_head in ((10, 4), (7, 2), (3, 5)):
        found = errors(student, torch.randn(2, 3, C), _weights(C, torch.float32), n_head)
        for name in ("split_heads", "multi_head_attention"):
            did = f"{name} with C={C} channels and n_head={n_head}."
            look = "if C % n_head != 0: raise ValueError with both numbers in its message."
            expect_raises(_field(found, name), did=did, look=look, mentions=[C, n_head])
    kept = split(student, torch.zeros(1, 2, 6), 6)
    did = "split_heads with C=6 channels and n_head=6, which is fine. The shape:"
    shape = list(kept.shape) if isinstance(kept, torch.Tensor) else show(kept)
    expect_equal(shape, [1, 6, 2, 1], did=did, look="the condition: only a remainder is refused.")
