"""Evidence: what a probe brings back, as plain data.

None, bool, int, float, str, bytes, lists, dicts with string keys, and tensors. A frame is

    b"EVD1" | u32 length of the JSON | u64 length of the tensor block | JSON | safetensors block

In the JSON a list is ["l", ...], a dict ["d", [[key, value], ...]], a float ["f", "repr"], a tensor ["t", i] and
bytes ["b", i]; None, booleans, integers and strings stand for themselves. A frame cannot name a class or a function,
so decoding builds plain data or raises BadEvidence: it never runs anything that the frame chose.
"""

import json
import struct
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

MAGIC = b"EVD1"
HEAD = struct.Struct("<4sIQ")
DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
)  # fmt: skip


class BadEvidence(ValueError):  # noqa: N818 - the noun that the reports use
    """The value cannot be evidence, or the frame is malformed or larger than allowed."""


@dataclass(frozen=True)
class Limits:
    """What a frame may hold at most: bytes of JSON and of tensors, items, nesting, tensors, dimensions."""

    tree_bytes: int = 4 << 20
    tensor_bytes: int = 256 << 20
    items: int = 200_000
    depth: int = 32
    tensors: int = 2_000
    dimensions: int = 8


def encode(value: Any, limits: Limits = Limits()) -> bytes:
    """Pack plain data into a frame. Raises BadEvidence for anything that is not plain data."""
    tensors: dict[str, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> int:
        tensors[str(len(tensors))] = tensor
        return len(tensors) - 1

    def pack(v: Any, depth: int) -> Any:
        if depth > limits.depth:
            raise BadEvidence(f"evidence nested deeper than {limits.depth}")
        if v is None or v is True or v is False:
            return v
        if isinstance(v, torch.Tensor):
            return ["t", keep(_plain(v))]
        if isinstance(v, int):
            return int.__index__(v)
        if isinstance(v, float):
            return ["f", float.__repr__(v)]
        if isinstance(v, str):
            return str.__str__(v)
        if isinstance(v, bytes | bytearray):
            return ["b", keep(torch.tensor(list(v), dtype=torch.uint8))]
        if isinstance(v, list | tuple):
            return ["l", *(pack(x, depth + 1) for x in v)]
        if isinstance(v, dict):
            if not all(isinstance(k, str) for k in v):
                raise BadEvidence("the keys of an evidence dict must be strings")
            return ["d", [[str.__str__(k), pack(x, depth + 1)] for k, x in v.items()]]
        raise BadEvidence(f"evidence cannot hold {type(v).__name__}: return numbers, strings or tensors")

    tree = json.dumps(pack(value, 0), separators=(",", ":")).encode("ascii")
    block = save(tensors) if tensors else b""
    return HEAD.pack(MAGIC, len(tree), len(block)) + tree + block


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dtype not in DTYPES or tensor.layout != torch.strided:
        raise BadEvidence(f"evidence cannot hold a tensor of {tensor.dtype}, {tensor.layout}")
    plain = tensor.detach().as_subclass(torch.Tensor)  # type: ignore[arg-type]
    return plain.cpu().clone(memory_format=torch.contiguous_format)  # safetensors refuses shared storage


def decode(frame: bytes, limits: Limits = Limits()) -> Any:
    """Unpack a frame from an untrusted process. Raises BadEvidence; never runs anything that the frame chose."""
    if len(frame) < HEAD.size:
        raise BadEvidence("no evidence came back")
    magic, n_tree, n_block = HEAD.unpack_from(frame)
    if magic != MAGIC or n_tree > limits.tree_bytes or n_block > limits.tensor_bytes:
        raise BadEvidence("malformed or oversized evidence")
    if len(frame) != HEAD.size + n_tree + n_block:
        raise BadEvidence("truncated evidence")
    tree = _json(frame[HEAD.size : HEAD.size + n_tree], limits)
    tensors = _tensors(frame[HEAD.size + n_tree :], limits) if n_block else []
    return _Unpacker(tensors, limits).unpack(tree, 0)


def _json(text: bytes, limits: Limits) -> Any:
    depth = deepest = 0
    for byte in text:  # a cheap guard before the parser recurses; brackets inside strings only make it stricter
        depth += (byte == 0x5B) - (byte == 0x5D)
        deepest = max(deepest, depth)
    if deepest > 4 * limits.depth:
        raise BadEvidence("evidence nested too deep")
    try:
        return json.loads(text.decode("ascii"))
    except (ValueError, RecursionError):
        raise BadEvidence("evidence is not valid JSON") from None


def _tensors(block: bytes, limits: Limits) -> list[torch.Tensor]:
    if len(block) < 8 or int.from_bytes(block[:8], "little") > 256 * limits.tensors:
        raise BadEvidence("tensor header too long")
    try:
        found = load(block)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:  # KeyError: a dtype torch lacks
        raise BadEvidence(f"bad tensor block: {str(error)[:80]!r}") from None
    if len(found) > limits.tensors or set(found) != {str(i) for i in range(len(found))}:
        raise BadEvidence("bad tensor names")
    for tensor in found.values():
        if tensor.dtype not in DTYPES or tensor.dim() > limits.dimensions:
            raise BadEvidence("bad tensor type or shape")
    return [found[str(i)] for i in range(len(found))]


class _Unpacker:
    def __init__(self, tensors: list[torch.Tensor], limits: Limits):
        self.tensors, self.limits, self.items = tensors, limits, 0

    def unpack(self, v: Any, depth: int) -> Any:
        self.items += 1
        if depth > self.limits.depth or self.items > self.limits.items:
            raise BadEvidence("evidence nested too deep or with too many items")
        if v is None or type(v) in (bool, int):
            return v
        if type(v) is str:
            return v.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate would break the reports
        if type(v) is list and v:
            return self._tagged(v[0], v[1:], depth)
        raise BadEvidence("unknown item in evidence")

    def _tagged(self, tag: Any, rest: list[Any], depth: int) -> Any:
        if tag == "l":
            return [self.unpack(x, depth + 1) for x in rest]
        if len(rest) == 1:
            content = rest[0]
            if tag == "d" and type(content) is list:
                return dict(self._pair(pair, depth) for pair in content)
            if tag == "f" and type(content) is str and len(content) < 40:
                return self._float(content)
            if tag in ("t", "b") and type(content) is int and 0 <= content < len(self.tensors):
                tensor = self.tensors[content]
                return tensor if tag == "t" else self._bytes(tensor)
        raise BadEvidence("unknown item in evidence")

    def _pair(self, pair: Any, depth: int) -> tuple[str, Any]:
        if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
            raise BadEvidence("bad dict in evidence")
        return self.unpack(pair[0], depth), self.unpack(pair[1], depth + 1)

    @staticmethod
    def _float(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise BadEvidence("bad number in evidence") from None

    @staticmethod
    def _bytes(tensor: torch.Tensor) -> bytes:
        if tensor.dtype != torch.uint8 or tensor.dim() != 1:
            raise BadEvidence("bad bytes in evidence")
        return bytes(tensor.tolist())
