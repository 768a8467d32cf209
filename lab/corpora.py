"""Real text, as rows of a "text" column: a training part, and a validation part that shares none of it."""

import hashlib
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset, load_dataset

from lab.hub import asked
from lab.problem import Problem

MIN_ROW = 200  # characters: well above the 50 under which step 2 drops a text, so that no text of ours is lost
MAX_ROW = 2_000  # a text without blank lines is cut at the next line break after this many
SPLIT = 10  # every tenth topic, or the last tenth of a file, is for validation
DOCS_PROMPTS = ["The value of", "When a class", "If the object"]
WIKITEXT_PROMPTS = ["The film was", "In the early", "He was born in"]


@dataclass(frozen=True)
class Corpus:
    """Rows of text that read well end to end, and three beginnings to sample from."""

    name: str
    train: list[str]
    validation: list[str]
    prompts: list[str]

    def texts(self, part: list[str]) -> Dataset:
        """A part as step 2 takes it: a dataset with the column "text"."""
        return Dataset.from_dict({"text": part})

    def digest(self) -> str:
        """A fingerprint of every character, so that a run is only resumed on the text that it began with."""
        return hashlib.sha256("\0".join([*self.train, "\0", *self.validation]).encode()).hexdigest()


def load(name: str) -> Corpus:
    """`docs`, `wikitext-2`, or a path. Raises Problem if the text is missing, empty, too short or not UTF-8."""
    if name == "docs":
        return docs()
    if name == "wikitext-2":
        return wikitext()
    return from_path(Path(name))


def docs() -> Corpus:
    """The English of the Python reference, which every CPython carries for help()."""
    from pydoc_data.topics import topics

    kept = _distinct_prose(topics[topic] for topic in sorted(topics))
    train: list[str] = []
    validation: list[str] = []
    for i, paragraphs in enumerate(kept, start=1):
        rows = _joined((f"{paragraph}\n" for paragraph in paragraphs), MIN_ROW)
        (train if i % SPLIT else validation).extend(rows)
    return Corpus("docs", train, validation, DOCS_PROMPTS)


def _distinct_prose(texts: Iterable[str]) -> list[list[str]]:
    """Each text's paragraphs of English. Topics quote each other at length: a paragraph stays where it is met first."""
    seen: set[str] = set()
    kept = []
    for text in texts:
        fresh = [paragraph for paragraph in dict.fromkeys(prose(text)) if paragraph not in seen]
        seen.update(fresh)
        if fresh:
            kept.append(fresh)
    return kept


def prose(text: str) -> list[str]:
    """The paragraphs of English in a reST page shown as plain text, each on one line: no code, grammar or headings."""
    blocks = (" ".join(textwrap.dedent(block).split()) for block in re.split(r"\n\s*\n", text))
    paragraphs = (re.sub(r"^(\* |\d+\. |Note: )|\*+(?=\w)|(?<=\w)\*+", "", block) for block in blocks)
    return [paragraph for paragraph in paragraphs if _is_english(paragraph)]


def _is_english(paragraph: str) -> bool:
    """Sentences begin with a capital, end with a full stop or colon, and are nearly all words."""
    words = paragraph.split()
    plain = sum(bool(re.fullmatch(r"[(\"']*[A-Za-z][a-z'-]*[)\"'.,:;]*", word)) for word in words)
    return (
        len(words) >= 6
        and paragraph[0].isupper()
        and paragraph[-1] in ".:)"
        and plain >= 0.75 * len(words)
        and not re.search(r"::=|>>>|\*\*\*|===", paragraph)
    )


def wikitext() -> Corpus:
    """WikiText-2 (Merity et al. 2016) with its own validation split, from the Hugging Face hub."""
    with asked("wikitext-2", "or use --corpus docs or --corpus PATH"):
        parts = load_dataset("Salesforce/wikitext", "wikitext-2-raw-v1")
    train, validation = ([text for text in parts[part]["text"] if text.strip()] for part in ("train", "validation"))
    return Corpus("wikitext-2", train, validation, WIKITEXT_PROMPTS)


def from_path(path: Path) -> Corpus:
    """A text file, or a folder of .txt and .md files; files named train* and valid* are taken as the split."""
    if not path.exists():
        raise Problem(f"there is no corpus {path}: give docs, wikitext-2, or the path of a text file or folder")
    files = sorted(file for file in path.rglob("*") if file.suffix in {".txt", ".md"}) if path.is_dir() else [path]
    if not files:
        raise Problem(f"the folder {path} holds no .txt or .md file")
    train = [row for file in files if file.name.startswith("train") for row in _rows(file)]
    validation = [row for file in files if file.name.startswith("valid") for row in _rows(file)]
    if not (train and validation):
        train, validation = _last_tenth_apart(path, [row for file in files for row in _rows(file)])
    return Corpus(path.stem, train, validation, _beginnings(validation))


def _last_tenth_apart(path: Path, rows: list[str]) -> tuple[list[str], list[str]]:
    if len(rows) < 2:
        size = sum(map(len, rows))
        raise Problem(f"{path} holds {size} characters in {len(rows)} texts: too little to train and validate on")
    cut = len(rows) - max(1, len(rows) // SPLIT)
    return rows[:cut], rows[cut:]


def _rows(file: Path) -> Iterator[str]:
    """A file's paragraphs, short ones joined, with their line breaks."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Problem(f"{file} is not UTF-8 text (byte {error.start}): save it as UTF-8, or leave it out") from error
    except OSError as error:
        raise Problem(f"cannot read {file}: {error.strerror}") from error
    paragraphs = re.findall(r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+(?:[^\S\n]*\n)*", text)
    for row in _joined((piece for paragraph in paragraphs for piece in _lines(paragraph)), MIN_ROW):
        yield row if row.endswith("\n") else f"{row}\n\n"


def _lines(paragraph: str) -> Iterator[str]:
    """A paragraph whole, or in pieces at line breaks where it is very long."""
    if len(paragraph) <= MAX_ROW:
        yield paragraph
    else:
        yield from _joined(paragraph.splitlines(keepends=True), MAX_ROW)


def _joined(pieces: Iterable[str], least: int) -> list[str]:
    """Neighbours joined until each row has at least `least` characters; what is left at the end joins the last row."""
    rows: list[str] = []
    row = ""
    for piece in pieces:
        row += piece
        if len(row) >= least:
            rows.append(row)
            row = ""
    if row and rows:
        rows[-1] += row
    elif row:
        rows.append(row)
    return rows


def _beginnings(rows: list[str], count: int = 3, words: int = 3) -> list[str]:
    """The first words of rows spread over a text it was not trained on; fewer rows give the same one again."""
    rows = [row for row in rows if row.lstrip()[:1].isalpha()] or rows  # no headings
    picked = [rows[i * len(rows) // count] for i in range(count)]
    return [" ".join(row.split()[:words]) for row in picked]
