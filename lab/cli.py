"""The command line. Each command is a function of its own arguments; without a command, it is the lesson's run."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.options import SCHEDULES, SIZES
from lab.problem import Problem

INTERRUPTED = 128 + signal.SIGINT

EXAMPLES = """\
examples:
  python -m lab                                  your code on the Python reference's English, about three minutes
  python -m lab --solutions                      the same with the solved steps
  python -m lab --corpus notes/ --minutes 10     your own .txt and .md files
  python -m lab --corpus wikitext-2 --tokenizer gpt2 --size lesson     the lesson's 12.4 M parameters (hours on a CPU)
  python -m lab --schedule cosine                step 6's learning rate in place of a constant one
  python -m lab --resume runs/NAME --epochs 20   go on with a run, and further
  python -m lab compare                          the two learning rates side by side
  python -m lab scale --minutes 10               four sizes, and the power law of their losses
  python -m lab translate                        steps 9 to 12: numbers in English words to German words
"""


def main(argv: list[str]) -> int:
    """Run a command and return the exit status: 0 done, 2 something to mend (said in one line), 130 interrupted."""
    command, rest = (COMMANDS[argv[0]], argv[1:]) if argv and argv[0] in COMMANDS else (run, argv)
    try:
        return command(rest)
    except Problem as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lab: stopped", file=sys.stderr)
        return INTERRUPTED


def run(argv: list[str]) -> int:
    """The lesson's run: tokenize, train, validate, sample, draw the curve."""
    arguments = _run_parser().parse_args(argv)
    from lab import lesson  # torch and its friends take seconds to import: not for --help

    if "resume" in arguments:
        interrupted = lesson.resume(arguments.resume, _caps(arguments), _refused_on_resume(arguments))
    else:
        interrupted = lesson.start(arguments)
    return INTERRUPTED if interrupted else 0


def compare(argv: list[str]) -> int:
    """Step 3's constant rate against step 6's cosine."""
    arguments = _compare_parser().parse_args(argv)
    from lab import compare

    return INTERRUPTED if compare.start(arguments) else 0


def scale(argv: list[str]) -> int:
    """Several sizes, and the line through their losses."""
    arguments = _scale_parser().parse_args(argv)
    from lab import scale

    return INTERRUPTED if scale.start(arguments) else 0


def translate(argv: list[str]) -> int:
    """Steps 9 to 12 at work: train a translator, score it on pairs that it has never seen."""
    arguments = _translate_parser().parse_args(argv)
    from lab import translate

    return INTERRUPTED if translate.start(arguments) else 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "compare": compare,
    "scale": scale,
    "translate": translate,
}


def _run_parser() -> argparse.ArgumentParser:
    parser = _parser(
        "python -m lab",
        "Train the GPT of exercises/ on real text: tokenize, train, validate, sample, draw the loss curve.",
        epilog=EXAMPLES,
    )
    code, how = _add_choices(parser)
    code.add_argument("--trainer", action="store_true", help="train step 5's model with step 5's Trainer")
    how.add_argument("--schedule", choices=SCHEDULES, help="the learning rate: constant (default), or step 6's cosine")
    caps = parser.add_argument_group("when it stops (Ctrl-C stops it too, with everything kept)")
    caps.add_argument("--epochs", type=_count, metavar="N", help="passes over the training text")
    caps.add_argument("--steps", type=_count, metavar="N", help="at most N steps")
    caps.add_argument("--minutes", type=_positive, metavar="M", help="at most M minutes of training")
    runs = parser.add_argument_group("where it writes")
    runs.add_argument("--out", type=Path, metavar="DIR", help="the folder that gets the run's folder (runs)")
    runs.add_argument("--resume", type=Path, metavar="RUN", help="go on with this run; only its caps can be changed")
    return parser


def _compare_parser() -> argparse.ArgumentParser:
    parser = _parser(
        "python -m lab compare",
        "Train twice, from the same seed, on the same batches, for as many steps: once at step 3's constant rate, once "
        "with step 6's cosine. A table of two rows and a picture.",
    )
    _add_choices(parser)
    parser.add_argument("--steps", type=_count, metavar="N", help="of each training (default 600; size tiny: 60)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder that gets the runs' folders (runs)")
    return parser


def _scale_parser() -> argparse.ArgumentParser:
    parser = _parser(
        "python -m lab scale",
        "Train the model at a quarter, a half, once and twice its depth and width (step 7's double), all for as many "
        "steps as fit into the time, and fit a power law to their losses. A table and a picture.",
    )
    _add_choices(parser)
    parser.add_argument(
        "--minutes", type=_positive, required=True, metavar="M", help="for all trainings together (needed)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder that gets the results' folder (runs)")
    return parser


def _parser(name: str, description: str, epilog: str | None = None) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter if epilog else argparse.HelpFormatter,
        argument_default=argparse.SUPPRESS,  # what was not given is not there: --resume must tell the two apart
        allow_abbrev=False,
    )


def _add_choices(parser: argparse.ArgumentParser) -> tuple[Any, Any]:
    """Whose code, which text, which model: what every command asks. Returns two groups that may get more."""
    code = parser.add_argument_group("whose code")
    code.add_argument("--solutions", action="store_true", help="the solved steps instead of exercises/")
    text = parser.add_argument_group("what it reads")
    text.add_argument(
        "--corpus", metavar="C", help="docs (default), wikitext-2, or a text file or folder of .txt and .md files"
    )
    text.add_argument(
        "--tokenizer", metavar="T", help="bpe:N (default bpe:2000), char, gpt2, or a folder with a tokenizer"
    )
    how = parser.add_argument_group("the model and its training")
    how.add_argument(
        "--size", choices=SIZES, help="small (default), lesson (12.4 M with gpt2's tokens), tiny (seconds)"
    )
    how.add_argument("--batch-size", type=_count, metavar="N", help="texts in a step")
    how.add_argument("--lr", type=_positive, metavar="RATE", help="learning rate")
    how.add_argument("--seed", type=_seed, metavar="N", help="0 by default; the same seed gives the same run")
    how.add_argument("--device", metavar="D", help="cpu (default) or cuda")
    return code, how


def _translate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab translate",
        description="Train the translator of steps 9 to 12, and score it on pairs that it has never seen.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("--solutions", action="store_true", help="the solved steps instead of exercises/")
    parser.add_argument(
        "--pairs", metavar="P", help="numbers (default), multi30k (hub), or a file of lines: source, tab, translation"
    )
    parser.add_argument("--steps", type=_count, metavar="N", help="at most N steps")
    parser.add_argument("--minutes", type=_positive, metavar="M", help="at most M minutes of training")
    parser.add_argument("--batch-size", type=_count, metavar="N", help="pairs in a step")
    parser.add_argument("--seed", type=_seed, metavar="N", help="0 by default: which pairs are held out, and the run")
    parser.add_argument("--device", metavar="D", help="cpu (default) or cuda")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder that gets the run's folder (runs)")
    return parser


CAPS = ("epochs", "steps", "minutes")


def _caps(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(arguments).items() if name in CAPS}


def _refused_on_resume(arguments: argparse.Namespace) -> list[str]:
    names = [name for name in vars(arguments) if name not in (*CAPS, "resume")]
    return [f"--{name.replace('_', '-')}" for name in names]


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
