"""`python -m lab translate`: pairs and the learner's steps 9 to 12 in; a translator, its score and a picture out."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import torch
from rich.console import Console

from lab import pairs, translation_report
from lab.device import check_device
from lab.interrupt import Interrupt
from lab.pairs import Pairs
from lab.problem import Problem
from lab.progress import display
from lab.rundir import RunFolder
from lab.steps import Steps
from lab.subwords import PAD_ID, Subwords
from lab.translation import Options, Task, translate
from lab.translation_training import label_smoothing, loss_of, train

ENOUGH_FOR_NUMBERS = 1_000  # steps: held-out numbers came out right by then


def start(arguments: argparse.Namespace) -> bool:
    """A run, from the command line's arguments. Returns whether Ctrl-C ended it; raises Problem."""
    given = {name: value for name, value in vars(arguments).items() if name != "out"}
    options = Options(**given)
    if options.pairs == "numbers" and not {"steps", "minutes"} & given.keys():
        options.steps = ENOUGH_FOR_NUMBERS
    check_device(options.device)
    steps = Steps("solutions" if options.solutions else "exercises")
    data = pairs.load(options.pairs, options.seed)
    with steps.unfinished_named():
        torch.manual_seed(options.seed)
        task = _prepared(options, steps, data, getattr(arguments, "out", Path("runs")))
        with Interrupt() as interrupt, display(task.console) as shown:
            train(task, shown, interrupt)
            translation_report.conclude(task, interrupt.asked)
    return interrupt.asked


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
