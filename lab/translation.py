"""A translator at work: the learner's model between two languages, cut into pieces."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from lab.pairs import Pair, Pairs
from lab.rundir import RunFolder
from lab.steps import Steps
from lab.subwords import BOS_ID, EOS_ID, PAD_ID, Subwords, padded


@dataclass
class Options:
    """One run. `steps` (None: no end) and `minutes` are caps; Noam's rate times `factor` rises for `warmup` steps."""

    pairs: str = "numbers"
    steps: int | None = None
    minutes: float = 8.0
    batch_size: int = 128
    warmup: int = 400
    factor: float = 0.3
    seed: int = 0
    device: str = "cpu"
    solutions: bool = False


@dataclass
class Task:
    """Everything that a run stands on. Rows are (source ids, target ids), from begin to end."""

    options: Options
    steps: Steps
    pairs: Pairs
    source: Subwords
    target: Subwords
    config: Any  # step 10's TranslatorConfig
    model: Any  # step 10's Translator
    run: RunFolder
    console: Console

    def say(self, text: str) -> None:
        """A line for the reader."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def rows(self, part: list[Pair]) -> list[tuple[list[int], list[int]]]:
        """A part in ids."""
        return [(self.source.encode(source), self.target.encode(target)) for source, target in part]

    def fits(self, pair: Pair) -> bool:
        """Whether the model takes sentences as long as these."""
        (source, target), longest = self.rows([pair])[0], self.config.max_len
        return len(source) <= longest and len(target) <= longest

    def batch(self, rows: list[tuple[list[int], list[int]]]) -> Any:
        """Step 9's Batch of some rows, on the device."""
        source, target = (padded(list(side)).to(self.options.device) for side in zip(*rows, strict=True))
        return self.steps[9].Batch(source, target, pad=PAD_ID)

    def sources(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """(N, S) ids and their (N, 1, S) mask, by step 9."""
        batch = self.steps[9].Batch(padded([self.source.encode(t) for t in texts]).to(self.options.device), pad=PAD_ID)
        return batch.src, batch.src_mask


def translate(task: Task, texts: list[str], how: str, *, max_len: int | None = None, beam: int = 4) -> list[str]:
    """Each text in the target language, by step 12: all at once (`greedy`), or one by one (`beam`)."""
    limit = max_len or task.config.max_len
    was_training = task.model.training
    task.model.eval()
    with one_thread():
        if how == "greedy":
            decode = task.steps[12].greedy_decode
            ids = decode(task.model, *task.sources(texts), max_len=limit, bos=BOS_ID, eos=EOS_ID, pad=PAD_ID).tolist()
        else:
            search = task.steps[12].beam_search
            ids = [
                search(task.model, *task.sources([text]), max_len=limit, bos=BOS_ID, eos=EOS_ID, beam=beam)
                for text in texts
            ]
    task.model.train(was_training)
    return [task.target.decode(row) for row in ids]


@contextmanager
def one_thread() -> Iterator[None]:
    """Decoding multiplies small matrices: two threads took 40 times as long on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
