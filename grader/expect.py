"""What the Assert of a graded test is written with. A failure is told in four parts, to a learner:

    We did:    what the test did with your code
    Expected:  what the contract says should come back
    Got:       what came back
    Look at:   where to begin

Every helper raises Mismatch for evidence of any kind, however odd: a suite must not crash on what a student returns.
"""

import math
import textwrap
from typing import Any

import torch

_WIDTH = 100
_ROWS = 4


class Mismatch(AssertionError):  # noqa: N818 - what is raised is a finding, not a fault of the program
    """The evidence is not what the contract asks for."""

    def __init__(self, *, did: str, wanted: str, got: str, look: str):
        parts = {"We did:": did, "Expected:": wanted, "Got:": got, "Look at:": look}
        super().__init__("\n".join(_part(label, text) for label, text in parts.items()))


def expect(ok: bool, *, did: str, wanted: str, got: str, look: str) -> None:
    """Raise Mismatch with the four texts unless `ok`."""
    __tracebackhide__ = True
    if not ok:
        raise Mismatch(did=did, wanted=wanted, got=got, look=look)


def expect_equal(actual: Any, wanted: Any, *, did: str, look: str) -> None:
    """The evidence equals `wanted`, in type and value (tensors: use expect_close or compare lists)."""
    __tracebackhide__ = True
    same = type(actual) is type(wanted) and not isinstance(actual, torch.Tensor) and _equals(actual, wanted)
    expect(same, did=did, wanted=show(wanted), got=show(actual), look=look)


def expect_tensor(
    value: Any, shape: tuple[int | None, ...], *, did: str, look: str, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """The evidence is a tensor of this shape (None: any size), of this dtype if one is given, finite; returns it."""
    __tracebackhide__ = True
    wanted = f"a tensor of shape {_shape(shape)}" + (f" and type {_name(dtype)}" if dtype else "")
    if not isinstance(value, torch.Tensor):
        raise Mismatch(did=did, wanted=wanted, got=show(value), look=look)
    fits = value.dim() == len(shape) and all(w in (None, n) for n, w in zip(value.shape, shape, strict=False))
    if not fits or (dtype is not None and value.dtype != dtype):
        got = f"a tensor of shape {_shape(tuple(value.shape))} and type {_name(value.dtype)}"
        raise Mismatch(did=did, wanted=wanted, got=got, look=look)
    bad = 0 if not value.is_floating_point() else int((~value.isfinite()).sum())
    if bad:
        got = f"{bad} of {value.numel()} values are NaN or infinite"
        raise Mismatch(did=did, wanted="finite numbers", got=got, look=look)
    return value


def expect_close(actual: Any, wanted: Any, *, did: str, look: str, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Numbers equal up to `atol + rtol * |wanted|`: a tensor, a float, or a list of floats, of the same shape."""
    __tracebackhide__ = True
    right = torch.as_tensor(wanted).double()
    try:
        left = torch.as_tensor(actual).double()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise Mismatch(did=did, wanted=show(wanted), got=show(actual), look=look) from None
    if left.shape != right.shape:
        got = f"{_count(left)} (shape {_shape(tuple(left.shape))})" if left.dim() else show(actual)
        wish = f"{_count(right)} (shape {_shape(tuple(right.shape))})" if right.dim() else show(wanted)
        raise Mismatch(did=did, wanted=wish, got=got, look=look)
    off = (left - right).abs()
    wrong = ~(off <= atol + rtol * right.abs()) & ~(left == right)  # written so that NaN is wrong
    if not wrong.any():
        return
    if not right.dim():
        wish, value = _told_apart(right.item(), left.item())
        raise Mismatch(did=did, wanted=wish, got=value, look=look)
    first = wrong.nonzero()[:_ROWS].tolist()
    pairs = [_told_apart(right[tuple(index)].item(), left[tuple(index)].item()) for index in first]
    wide = max(12, *(len(text) for pair in pairs for text in pair))
    table = [f"{'at':>12}  {'expected':>{wide}}  {'got':>{wide}}"]
    for index, (wish, value) in zip(first, pairs, strict=True):
        table.append(f"{', '.join(map(str, index)):>12}  {wish:>{wide}}  {value:>{wide}}")
    more = int(wrong.sum()) - len(first)
    got = f"{int(wrong.sum())} of {wrong.numel()} values differ, the first:\n" + "\n".join(table)
    got += f"\n{'...':>12}  and {more} more" if more else ""
    raise Mismatch(did=did, wanted="equal values (see the table)", got=got, look=look)


def expect_raises(evidence: Any, *, did: str, look: str, mentions: tuple[object, ...] | list[object] = ()) -> None:
    """The evidence of `lab.toys.calls.raised` shows a ValueError whose message has every item of `mentions`."""
    __tracebackhide__ = True
    wanted = "a ValueError" + (" whose message names " + " and ".join(map(str, mentions)) if mentions else "")
    kind = evidence.get("type") if isinstance(evidence, dict) else None
    if not isinstance(kind, str) or not kind:
        raise Mismatch(did=did, wanted=wanted, got="no error at all", look=look)
    got = f"{kind[:80]}: {str(evidence.get('message'))[:300]}"
    words = "".join(c if c.isalnum() or c in "._" else " " for c in str(evidence.get("message"))).split()
    found = {word.strip("._") for word in words} | {word.strip("._").replace("_", "") for word in words}
    named = all(str(item) in found for item in mentions)
    expect(evidence.get("value_error") is True and named, did=did, wanted=wanted, got=got, look=look)


def show(value: Any) -> str:
    """A value as a learner should see it: short, one line."""
    if isinstance(value, torch.Tensor):
        few = value.flatten()[:6].tolist()
        body = ", ".join(number(x) for x in few) + (", ..." if value.numel() > 6 else "")
        return f"a tensor of shape {_shape(tuple(value.shape))}, {_name(value.dtype)}: [{body}]"
    if isinstance(value, float):
        return number(value)
    if value is None:
        return "None"
    tensors = isinstance(value, list) and any(isinstance(item, torch.Tensor) and item.dim() for item in value)
    text = f"[{', '.join(map(show, value))}]" if tensors else repr(value)
    return text if len(text) <= 300 else text[:290] + " ..."


def number(x: float, digits: int = 6) -> str:
    """A number in up to six significant digits; integers whole."""
    if isinstance(x, bool | int):
        return str(x)
    if math.isfinite(x) and x == int(x) and abs(x) < 1e6:
        return str(int(x))
    return f"{x:.{digits}g}"


def _equals(actual: Any, wanted: Any) -> bool:
    try:
        return bool(actual == wanted)
    except RuntimeError:  # a list with a tensor in it, which has no single truth value
        return False


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Both numbers, in as many digits as show that they differ."""
    both = "", ""
    for digits in (6, 9, 12, 17):
        both = number(one, digits), number(other, digits)
        if both[0] != both[1]:
            break
    return both


def _part(label: str, text: str) -> str:
    lines: list[str] = []
    for line in str(text).splitlines() or [""]:
        folds = line != line.lstrip() or len(line) <= _WIDTH  # an indented line is a row of a table: leave it whole
        lines += [line] if folds else textwrap.wrap(line, _WIDTH)
    return f"{label:<11}" + "\n           ".join(lines)


def _shape(shape: tuple[int | None, ...]) -> str:
    inside = ", ".join("any" if n is None else str(n) for n in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def _name(dtype: torch.dtype | None) -> str:
    return str(dtype).removeprefix("torch.")


def _count(tensor: torch.Tensor) -> str:
    return f"{tensor.numel()} value" + ("" if tensor.numel() == 1 else "s")
