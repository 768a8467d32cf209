"""A run's folder: what it was asked, what happened at every step, and where to go on.

config.json      the options, and a fingerprint of the corpus
log.jsonl        a line a step, and a line a validation
checkpoint.pt    the newest state to go on from (trainer/checkpoint-N with the Trainer)
tokenizer/       the tokenizer
samples.txt, curve.png, result.json     written at the end
"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from lab.options import Options
from lab.problem import Problem


class RunFolder:
    """Every file is written whole or not at all; the log grows by whole lines."""

    def __init__(self, path: Path):
        self.path = path
        self.tokenizer, self.trainer = path / "tokenizer", path / "trainer"
        self.checkpoint, self.log = path / "checkpoint.pt", path / "log.jsonl"
        self.curve, self.samples = path / "curve.png", path / "samples.txt"

    @classmethod
    def create(cls, out: Path, name: str) -> "RunFolder":
        """A new folder out/DATE-name. Raises Problem if it cannot be made."""
        stem = f"{datetime.now():%Y-%m-%d-%H%M%S}-{name}"
        try:
            out.mkdir(parents=True, exist_ok=True)
            path = next(path for i in range(1_000) if not (path := out / (f"{stem}-{i}" if i else stem)).exists())
            path.mkdir()
        except OSError as error:
            raise Problem(f"cannot write in {out} ({error.strerror}): give another folder with --out") from error
        return cls(path)

    def write_config(self, options: Options, digest: str) -> None:
        """Keep the options, for whoever looks and for `--resume`."""
        self.write_json("config.json", {**asdict(options), "corpus_digest": digest})

    def read_config(self) -> tuple[Options, str]:
        """The options and the corpus's fingerprint. Raises Problem if this is not a run's folder."""
        try:
            config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
            digest = config.pop("corpus_digest")
            return Options(**config), digest
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Problem(f"{self.path} is not the folder of a run: it has no config.json of the lab's") from error

    def write_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint; a kill at any moment leaves the old one or the new one."""
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def read_checkpoint(self) -> dict[str, Any]:
        """The newest state. Raises Problem if the run was stopped before its first step was over."""
        if not self.checkpoint.exists():
            raise Problem(f"{self.path} has no checkpoint: the run stopped before its first step; start it again")
        return torch.load(self.checkpoint, map_location="cpu", weights_only=True)

    def append(self, record: dict[str, Any]) -> None:
        """Add a line to the log, on disk at once."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def records(self) -> list[dict[str, Any]]:
        """The log; a last line that a kill cut short is not counted."""
        lines = self.log.read_text(encoding="utf-8").split("\n")[:-1] if self.log.exists() else []
        return [json.loads(line) for line in lines]

    def forget_after(self, step: int) -> None:
        """Drop what was logged after the checkpoint: those steps are about to be done again."""
        kept = [record for record in self.records() if record["step"] <= step and "bits_per_byte" not in record]
        self.write_text("log.jsonl", "".join(json.dumps(record) + "\n" for record in kept))

    def write_json(self, name: str, value: Any) -> None:
        """Write a readable JSON file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, whole or not at all."""
        fresh = self.path / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self.path / name)
