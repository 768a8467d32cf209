"""`python -m lab translate`: pairs and the learner's steps 9 to 12 in; a translator, its score and a picture out."""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from lab import pairs, translation_report
from lab.interrupt import Interrupt
from lab.pairs import Pair, Pairs
from lab.problem import Problem
from lab.progress import Display, display
from lab.rundir import RunFolder
from lab.steps import Steps
from lab.subwords import BOS_ID, EOS_ID, PAD_ID, Subwords, padded

VALIDATIONS = 10  # along the way, each on the first QUICK held-out pairs
QUICK = 256
POOL = 20  # batches among which rows are sorted by length, so that little is padding
SMOOTHING = 0.05  # how much the newest loss moves the one that is shown
ENOUGH_FOR_NUMBERS = 1_000  # steps: held-out numbers came out right by then
SAVE_EVERY = 30.0  # seconds: what a kill can cost at most


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


def start(arguments: argparse.Namespace) -> bool:
    """A run, from the command line's arguments. Returns whether Ctrl-C ended it; raises Problem."""
    given = {name: value for name, value in vars(arguments).items() if name != "out"}
    options = Options(**given)
    if options.pairs == "numbers" and not {"steps", "minutes"} & given.keys():
        options.steps = ENOUGH_FOR_NUMBERS
    _check_device(options.device)
    steps = Steps("solutions" if options.solutions else "exercises")
    data = pairs.load(options.pairs, options.seed)
    with steps.unfinished_named():
        torch.manual_seed(options.seed)
        task = _prepared(options, steps, data, getattr(arguments, "out", Path("runs")))
        with Interrupt() as interrupt, display(task.console) as shown:
            train(task, shown, interrupt)
            translation_report.conclude(task, interrupt.asked)
    return interrupt.asked


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts; an unknown name is a RuntimeError
        raise Problem(f"there is no device {device!r} here: leave --device out to train on the CPU") from error


def _prepared(options: Options, steps: Steps, data: Pairs, out: Path) -> Task:
    source = Subwords([text for text, _ in data.train], data.vocab_size)
    target = Subwords([text for _, text in data.train], data.vocab_size)
    config = steps[10].TranslatorConfig(src_vocab=len(source), tgt_vocab=len(target), pad=PAD_ID)
    model = steps[10].Translator(config).to(options.device)
    run = RunFolder.create(out, f"translate-{data.name}")
    task = Task(options, steps, data, source, target, config, model, run, Console())
    train, held_out = ([pair for pair in part if task.fits(pair)] for part in (data.train, data.held_out))
    if not train or not held_out:
        raise Problem(f"the pairs of {data.name} are longer than {config.max_len} pieces: give shorter sentences")
    task.pairs = replace(data, train=train, held_out=held_out)
    _rehearse(task)
    run.write_json("config.json", {**asdict(options), "model": asdict(config)})
    for name, vocabulary in (("source", source), ("target", target)):
        vocabulary.backend.save(str(run.path / f"{name}-pieces.json"))
    _introduce(task, left_out=len(data.train) + len(data.held_out) - len(train) - len(held_out))
    return task


def _introduce(task: Task, left_out: int) -> None:
    options, data = task.options, task.pairs
    count = sum(parameter.numel() for parameter in task.model.parameters())
    cap = f"{options.steps:,} steps, " if options.steps else ""
    task.say(
        f"{task.steps.package}/ on {data.name}: {count:,} parameters; "
        f"{len(task.source):,} source and {len(task.target):,} target pieces"
    )
    task.say(
        f"{len(data.train):,} pairs to learn from, {len(data.held_out):,} held out; {options.batch_size} to a step, "
        f"{cap}at most {options.minutes:g} minutes on {options.device}"
        + (f"; {left_out:,} pairs longer than {task.config.max_len} pieces are left out" if left_out else "")
    )


def _rehearse(task: Task) -> None:
    """Every step once, before anything is trained: an unfinished step 12 must not come to light minutes later."""
    with torch.random.fork_rng():
        batch = task.batch(task.rows(task.pairs.train)[:2])
        task.model(batch).backward()
        loss_of(task, label_smoothing(task), batch)
        task.steps[11].noam_rate(1, d_model=8)
        translate(task, [task.pairs.held_out[0][0]], "greedy", max_len=3)
        translate(task, [task.pairs.held_out[0][0]], "beam", max_len=3)
        task.model.zero_grad()


def label_smoothing(task: Task) -> nn.Module:
    """Step 11's criterion for the target language."""
    return task.steps[11].LabelSmoothing(len(task.target), pad=PAD_ID).to(task.options.device)


def loss_of(task: Task, criterion: nn.Module, batch: Any) -> Tensor:
    """The label-smoothed loss per target token: step 10's log-probabilities, step 11's criterion."""
    memory = task.model.encode(batch.src, batch.src_mask)
    log_probs = task.model.decode(memory, batch.src_mask, batch.tgt, batch.tgt_mask)  # (B, T, V)
    return criterion(log_probs.flatten(0, 1), batch.tgt_y.flatten())


def train(task: Task, shown: Display, interrupt: Interrupt) -> None:
    """Adam with Noam's rate (Vaswani et al. 2017, section 5.3) until the steps or minutes are over, or Ctrl-C."""
    options, model = task.options, task.model
    criterion = label_smoothing(task)
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    watch = Watch(task, shown, lambda: _held_out_loss(task, criterion))
    rate = task.steps[11].noam_rate
    model.train()
    for step, batch in enumerate(_batches(task), start=1):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, d_model=task.config.d_model, factor=options.factor, warmup=options.warmup)
        loss = loss_of(task, criterion, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch.record(loss.item(), batch.n_tokens, optimizer.param_groups[0]["lr"])
        if interrupt.asked or watch.done >= 1:
            break
    watch.save()
    model.eval()


def _batches(task: Task) -> Iterator[Any]:
    """Batches for ever, shuffled anew in every epoch; rows of about the same length come together."""
    rows, size = task.rows(task.pairs.train), task.options.batch_size
    order = random.Random(task.options.seed)
    while True:
        order.shuffle(rows)
        pools = (
            sorted(rows[i : i + POOL * size], key=lambda row: len(row[1])) for i in range(0, len(rows), POOL * size)
        )
        batches = [pool[i : i + size] for pool in pools for i in range(0, len(pool), size)]
        order.shuffle(batches)
        yield from map(task.batch, batches)


@torch.no_grad()
def _held_out_loss(task: Task, criterion: nn.Module) -> float:
    task.model.eval()
    loss = loss_of(task, criterion, task.batch(task.rows(task.pairs.held_out)[:QUICK])).item()
    task.model.train()
    return loss


class Watch:
    """Told of every step: logs it, shows it, validates now and then, saves, and knows when it is enough.

    `seconds` counts training alone.
    """

    def __init__(self, task: Task, shown: Display, validate: Callable[[], float]):
        self.task, self.shown, self.validate = task, shown, validate
        self.step, self.tokens, self.seconds, self.mean = 0, 0, 0.0, 0.0
        self._since = self._saved = time.monotonic()

    @property
    def done(self) -> float:
        """How much of the run is behind us, 0 to 1."""
        options = self.task.options
        by_steps = self.step / options.steps if options.steps else 0.0
        return min(1.0, max(by_steps, self.seconds / (60 * options.minutes)))

    def record(self, loss: float, tokens: int, rate: float) -> None:
        """A step is over; loss: per target token; rate: the learning rate that it used."""
        before = self.done
        self.seconds += time.monotonic() - self._since
        self.step, self.tokens = self.step + 1, self.tokens + int(tokens)
        self.mean = loss if self.step == 1 else self.mean + SMOOTHING * (loss - self.mean)
        run, seconds = self.task.run, round(self.seconds, 3)
        run.append({"step": self.step, "loss": loss, "rate": rate, "tokens": self.tokens, "seconds": seconds})
        left = self.seconds / self.done * (1 - self.done)
        self.shown.update(self.done, step=self.step, loss=self.mean, rate=self.tokens / self.seconds, left=left)
        if int(self.done * VALIDATIONS) > int(before * VALIDATIONS):
            run.append({"step": self.step, "validation": self.validate()})
        if time.monotonic() - self._saved > SAVE_EVERY:
            self.save()
        self._since = time.monotonic()

    def save(self) -> None:
        """The model's weights, into the run's folder."""
        self.task.run.write_checkpoint({"model": self.task.model.state_dict(), "step": self.step})
        self._saved = time.monotonic()


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
