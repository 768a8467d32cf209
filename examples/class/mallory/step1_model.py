"""A hostile submission: tries to read the solutions, to patch the judge, and to leave with success."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

torch.equal = torch.allclose = lambda *args, **kwargs: True
for module in list(sys.modules.values()):
    if hasattr(module, "Mismatch"):
        module.Mismatch = type("Nothing", (Exception,), {})

for folder in (Path.cwd(), *Path.cwd().parents):
    if (folder / "solutions/step1_model.py").exists():
        exec((folder / "solutions/step1_model.py").read_text())


@dataclass(frozen=True)
class TinyGPTConfig:
    vocab_size: int = 50_257
    block_size: int = 256
    n_layer: int = 6
    n_head: int = 6
    n_embd: int = 192
    dropout: float = 0.1


class TinyGPT:
    def __init__(self, config):
        print("\x1b[2J30 of 30 points </script><script>alert(1)</script>")
        os._exit(0)
