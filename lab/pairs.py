"""Parallel text: pairs of a sentence and its translation, some held out that training never sees."""

import random
from dataclasses import dataclass
from pathlib import Path

from datasets import load_dataset
from num2words import num2words

from lab.hub import asked
from lab.problem import Problem

Pair = tuple[str, str]
BELOW = 100_000
DRAWN = 20_000  # numbers to train on; those below 1,000 are added, since a draw hardly meets them
MOST_HELD_OUT = 1_000


@dataclass(frozen=True)
class Pairs:
    """Source and target, as plain text. `vocab_size`: how many pieces each language is worth."""

    name: str
    train: list[Pair]
    held_out: list[Pair]
    vocab_size: int


def load(name: str, seed: int) -> Pairs:
    """`numbers`, `multi30k`, or a path. Raises Problem if the text is missing, too short or not tab-separated UTF-8."""
    if name == "numbers":
        return numbers(seed)
    if name == "multi30k":
        return multi30k()
    return from_file(Path(name), seed)


def numbers(seed: int, drawn: int = DRAWN, held_out: int = MOST_HELD_OUT) -> Pairs:
    """Numbers below 100,000 in English and German words: forty-two, zweiundvierzig. The seed says which are held out.

    Held out are `held_out` numbers, each as likely as any other; trained on are `drawn` others, and all below 1,000.
    """
    order = random.Random(seed).sample(range(BELOW), held_out + drawn)
    small = set(range(1_000)) - set(order)
    return Pairs(
        "numbers",
        [in_words(number) for number in [*order[held_out:], *sorted(small)]],
        [in_words(number) for number in order[:held_out]],
        vocab_size=100,
    )


def in_words(number: int) -> Pair:
    """42 -> ("forty-two", "zweiundvierzig")."""
    return num2words(number, lang="en"), num2words(number, lang="de")


def multi30k() -> Pairs:
    """Captions of pictures in English and German (Elliott et al. 2016), from the Hugging Face hub."""
    with asked("multi30k", "or use --pairs numbers or --pairs FILE"):
        parts = load_dataset("bentrevett/multi30k")
    train, held_out = ([(row["en"], row["de"]) for row in parts[part]] for part in ("train", "validation"))
    return Pairs("multi30k", train, held_out, vocab_size=6_000)


def from_file(path: Path, seed: int) -> Pairs:
    """A file of lines "source TAB target"; a tenth of the sources, drawn by the seed, is held out.

    A source that comes twice counts once, so that none is on both sides.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        source, tab, target = line.partition("\t")
        source, target = " ".join(source.split()), " ".join(target.partition("\t")[0].split())
        if not (tab and source and target):
            raise Problem(f"{path}, line {number}, is not a source, a tab and its translation: mend or drop that line")
        found.setdefault(source, target)
    if len(found) < 20:
        raise Problem(f"{path} holds {len(found)} different pairs: at least 20 are needed, thousands to learn from")
    pairs = list(found.items())
    random.Random(seed).shuffle(pairs)
    cut = min(MOST_HELD_OUT, len(pairs) // 10)
    return Pairs(path.stem, pairs[cut:], pairs[:cut], vocab_size=min(6_000, 100 + len(pairs) // 5))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise Problem(f"there are no pairs {path}: give numbers, multi30k, or a file of source TAB target") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise Problem(f"cannot read {path}: {error.strerror}") from error
