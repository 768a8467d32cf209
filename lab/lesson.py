"""The lesson's run: a corpus, a tokenizer and the learner's code in; a trained model, its numbers and a picture out."""

import argparse
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from rich.console import Console
from torch import nn
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lab import corpora, evaluate, library, plots, training, vocab
from lab.corpora import Corpus
from lab.device import check_device
from lab.interrupt import Interrupt
from lab.options import SIZES, Options
from lab.problem import Problem
from lab.progress import clock, display
from lab.rundir import RunFolder
from lab.steps import Steps
from lab.training import Plan, Recorder

QUICK = 8  # batches in a validation along the way; the one at the end reads everything


@dataclass
class Lesson:
    """Everything that a run stands on."""

    options: Options
    steps: Steps
    corpus: Corpus
    tokenizer: PreTrainedTokenizerBase
    run: RunFolder
    console: Console

    def say(self, text: str) -> None:
        """A line for the reader."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def start(arguments: argparse.Namespace) -> bool:
    """A new run, from the command line's arguments. Returns whether Ctrl-C ended it; raises Problem."""
    lesson = prepare(options_of(vars(arguments)), out_of(arguments))
    with lesson.steps.unfinished_named():
        return carry_out(lesson)


def out_of(arguments: argparse.Namespace) -> Path:
    """The folder that gets the run's folder."""
    return getattr(arguments, "out", Path("runs"))


def prepare(options: Options, out: Path, what: str = "") -> Lesson:
    """A corpus, a tokenizer and a folder out/DATE-corpus-size (`what`: a word after it). Raises Problem."""
    check_device(options.device)
    _quiet()
    corpus = corpora.load(options.corpus)
    tokenizer = vocab.load(options.tokenizer, corpus)
    run = RunFolder.create(out, "-".join([corpus.name, options.size, *filter(None, [what])]))
    return Lesson(options, Steps(_package(options)), corpus, tokenizer, run, Console())


def resume(folder: Path, caps: dict[str, Any], refused: list[str]) -> bool:
    """Go on with the run in `folder`, with other caps if there are any. As `start`."""
    if refused:
        raise Problem(f"--resume keeps the run's own options: leave out {', '.join(refused)}")
    run = RunFolder(folder)
    options, digest = run.read_config()
    options = replace(options, **caps)
    _check_schedule(options)
    check_device(options.device)
    _quiet()
    corpus = corpora.load(options.corpus)
    if corpus.digest() != digest:
        raise Problem(f"the text of {options.corpus} is not what {folder} was trained on: start a new run")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(run.tokenizer)
    steps = Steps(_package(options))
    with steps.unfinished_named():
        return carry_out(Lesson(options, steps, corpus, tokenizer, run, Console()), resumed=True)


def options_of(given: dict[str, Any]) -> Options:
    """The defaults of the size, and what the user chose instead. Raises Problem if they are at odds."""
    size = SIZES[given.get("size", "small")]
    defaults: dict[str, Any] = {
        "corpus": "docs",
        "tokenizer": "bpe:2000",
        "size": "small",
        "epochs": size.epochs,
        "batch_size": size.batch_size,
        "lr": size.lr,
    }
    chosen = {name: value for name, value in given.items() if name not in ("out", "resume")}
    if not {"epochs", "steps", "minutes"} & chosen.keys():
        cosine = chosen.get("schedule") == "cosine"
        defaults |= {"steps": size.steps} if cosine else {"minutes": size.minutes}
    options = Options(**{**defaults, **chosen})
    _check_schedule(options)
    if Path(options.corpus).exists() and options.corpus not in ("docs", "wikitext-2"):
        options.corpus = str(Path(options.corpus).resolve())  # a run may be resumed from another folder
    return options


def _check_schedule(options: Options) -> None:
    if options.schedule == "cosine" and options.minutes:
        raise Problem("a cosine has to know its last step: give --steps or --epochs in place of --minutes")
    if options.schedule == "cosine" and options.trainer:
        raise Problem("step 5's Trainer keeps its rate constant: leave out --trainer or --schedule")


def _package(options: Options) -> str:
    return "solutions" if options.solutions else "exercises"


def _quiet() -> None:
    """The libraries' own bars and warnings would stand between ours."""
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")  # unset, it warns wherever a process forks


def carry_out(lesson: Lesson, *, resumed: bool = False, brief: bool = False) -> bool:
    """Train, validate, and draw; `brief`: without samples and the curve. Returns whether Ctrl-C ended it."""
    options, run = lesson.options, lesson.run
    torch.manual_seed(options.seed)
    model, block_size = _model(lesson)
    data, validation = (blocks(lesson, part, block_size) for part in ("train", "validation"))
    plan = Plan(len(data), options.batch_size, block_size, options.epochs, options.steps, options.minutes)
    _introduce(lesson, model, plan)
    if not brief:
        _rehearse_sampling(lesson, model, block_size)
    if not resumed:
        lesson.tokenizer.save_pretrained(run.tokenizer)
    run.write_config(options, lesson.corpus.digest())

    make_loader = lesson.steps[2].make_loader
    quick = make_loader(validation.select(range(min(len(validation), QUICK * options.batch_size))), shuffle=False)
    with torch.random.fork_rng():  # a fault of step 8's comes to light now, not minutes later
        evaluate.validation(lesson.steps, model, [next(iter(quick))], options.device)
    with Interrupt() as interrupt, display(lesson.console) as shown:
        recorder = FirstLossTold(
            run, plan, shown, interrupt, lambda: evaluate.mean_loss(model, quick, options.device), len(lesson.tokenizer)
        )
        if options.trainer:
            library.fit(lesson.steps, model, data, lesson.tokenizer, options, recorder, resumed)
        else:
            loader = make_loader(data, batch_size=options.batch_size, shuffle=True, seed=options.seed)
            training.fit(lesson.steps, model, loader, options, recorder, run.read_checkpoint() if resumed else None)
        result = _validate(lesson, model.eval(), make_loader(validation, shuffle=False), recorder)
        if not brief:
            _conclude(lesson, model, recorder, result)
    return interrupt.asked


class FirstLossTold(Recorder):
    """Says what the untrained model's loss was beside what pure guessing would give."""

    def __init__(self, *arguments: Any):
        *rest, self._vocab_size = arguments
        super().__init__(*rest)

    def record(self, loss: float) -> None:
        """See Recorder."""
        super().record(loss)
        if self.step == 1:
            self.display.say(f"first loss {loss:.2f}, ln V = {math.log(self._vocab_size):.2f}")


def _model(lesson: Lesson) -> tuple[nn.Module, int]:
    """The learner's model, on the device, and its block size."""
    steps, size, vocab_size = lesson.steps, SIZES[lesson.options.size], len(lesson.tokenizer)
    if lesson.options.trainer:
        inner = steps[5].build_hf_model(vocab_size, **size.model)
        model, block_size = library.Pairs(inner), inner.config.n_positions
    else:
        config = steps[1].TinyGPTConfig(vocab_size=vocab_size, **size.model)
        model, block_size = steps[1].TinyGPT(config), config.block_size
    return model.to(lesson.options.device), block_size


def blocks(lesson: Lesson, part: str, block_size: int) -> datasets.Dataset:
    texts = lesson.corpus.texts(getattr(lesson.corpus, part))
    try:
        return lesson.steps[2].build_dataset(texts, lesson.tokenizer, block_size)
    except ValueError as error:
        raise Problem(f"the {part} part of {lesson.corpus.name} is too small ({error}): give more text") from error


def _rehearse_sampling(lesson: Lesson, model: nn.Module, block_size: int) -> None:
    """One token, before anything is trained: an unfinished step 4 must not come to light minutes later."""
    with torch.random.fork_rng():
        lesson.steps[4].complete(
            model, lesson.tokenizer, lesson.corpus.prompts[0], max_new_tokens=1, block_size=block_size
        )


def _introduce(lesson: Lesson, model: nn.Module, plan: Plan) -> None:
    options, package = lesson.options, lesson.steps.package
    count = sum(parameter.numel() for parameter in model.parameters())
    trained_by = "step 5's Trainer" if options.trainer else "step 3's loop"
    trained_by = "step 6's cosine" if options.schedule == "cosine" else trained_by
    cap = f", at most {options.minutes:g} minutes" if options.minutes else ""
    lesson.say(
        f"{package}/ on {lesson.corpus.name}: {count:,} parameters, {len(lesson.tokenizer):,} tokens in the vocabulary"
    )
    lesson.say(
        f"{plan.rows:,} blocks of {plan.block_size} tokens, {options.batch_size} to a step; "
        f"{plan.total_steps:,} steps with {trained_by} on {options.device}{cap}"
    )


def _validate(lesson: Lesson, model: nn.Module, validation: Any, recorder: Recorder) -> dict[str, Any]:
    """The numbers of a run, kept and told; a run that Ctrl-C ended gets them too."""
    options, run = lesson.options, lesson.run
    loss, measured_by = evaluate.validation(lesson.steps, model, validation, options.device)
    per_byte = evaluate.tokens_per_byte(lesson.tokenizer, lesson.corpus.validation)
    result = {
        "step": recorder.step,
        "validation": loss,
        "perplexity": math.exp(loss),
        "bits_per_byte": evaluate.bits_per_byte(loss, per_byte),
        "measured_by": measured_by,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": round(recorder.seconds, 1),
    }
    run.append(result)
    run.write_json("result.json", result)
    stopped = "interrupted" if recorder.interrupt.asked else "trained"
    lesson.say(
        f"\n{stopped} after {recorder.step:,} steps, {clock(recorder.seconds)}; training loss {recorder.mean:.2f}"
    )
    lesson.say(
        f"validation: {loss:.3f} nats per token, perplexity {result['perplexity']:.1f}, "
        f"{result['bits_per_byte']:.3f} bits per byte; measured by {measured_by}"
    )
    return result


def _conclude(lesson: Lesson, model: nn.Module, recorder: Recorder, result: dict[str, Any]) -> None:
    """The picture, what the model writes, and where everything is."""
    options, run, tokenizer = lesson.options, lesson.run, lesson.tokenizer
    title = f"{lesson.corpus.name}, {result['parameters']:,} parameters, {recorder.step:,} steps"
    plots.loss_curve(run.curve, run.records(), untrained=math.log(len(tokenizer)), title=title)
    texts = evaluate.samples(
        lesson.steps, model, tokenizer, lesson.corpus.prompts, block_size=recorder.plan.block_size, seed=options.seed
    )
    run.write_text("samples.txt", "\n\n---\n\n".join(texts) + "\n")
    for text in texts:
        lesson.say(f"\n> {text.strip()}")
    lesson.say(f"\neverything is in {run.path}: {run.curve.name}, {run.samples.name}, {run.log.name}, result.json")
    if recorder.plan.done(recorder.step, recorder.seconds) < 1:
        lesson.say(f"go on with: python -m lab --resume {run.path}")
