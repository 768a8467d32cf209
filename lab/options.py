"""What a run is made of: every choice, in one record that config.json keeps and `--resume` reads back."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Size:
    """A model and the pace at which it is trained. `model` holds fields of step 1's TinyGPTConfig."""

    model: dict[str, Any]
    batch_size: int
    lr: float
    epochs: int
    minutes: float | None = None  # of training, unless the user sets a cap
    steps: int | None = None  # what takes about that long: for a schedule, which has to know its end


SCHEDULES = ("constant", "cosine")
SIZES = {
    "tiny": Size({"n_layer": 1, "n_head": 2, "n_embd": 16, "block_size": 32}, batch_size=4, lr=3e-3, epochs=1),
    "small": Size(
        {"n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 128},
        batch_size=8,
        lr=1e-3,
        epochs=20,
        minutes=2.5,
        steps=600,
    ),
    "lesson": Size({}, batch_size=16, lr=3e-4, epochs=2),  # TinyGPTConfig's own defaults
}


@dataclass
class Options:
    """One run. `epochs`, `steps` and `minutes` are caps on all of it, resumed parts included."""

    corpus: str
    tokenizer: str
    size: str
    epochs: int
    batch_size: int
    lr: float
    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "cpu"
    schedule: str = "constant"
    trainer: bool = False
    solutions: bool = False
