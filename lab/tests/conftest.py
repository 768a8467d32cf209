"""What the lab's tests share: a small corpus, and runs of the tiny size that keep out of the user's cache."""

import signal
from pathlib import Path

import pytest

from lab.cli import main
from lab.rundir import RunFolder

WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "saw",
    "how",
    "the",
    "dog",
    "ran",
    "after",
    "its",
    "own",
    "tail",
    "in",
    "the",
    "long",
    "warm",
    "grass",
]


@pytest.fixture(autouse=True)
def ctrl_c():
    """As at a terminal; in what a shell started in the background it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def text_file(tmp_path) -> Path:
    """120 distinct paragraphs."""
    paragraphs = (" ".join(WORDS[(i * k) % len(WORDS)] for k in range(1, 40)) + f" {i}." for i in range(120))
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join(paragraphs))
    return path


@pytest.fixture
def lab(tmp_path, text_file):
    """lab("--steps", "3") trains the solutions on the small corpus: (exit status, the run's folder)."""

    def run(*arguments: str) -> tuple[int, RunFolder]:
        out = tmp_path / "runs"
        before = set(out.glob("*"))
        common = ["--solutions", "--corpus", str(text_file), "--tokenizer", "bpe:300", "--size", "tiny"]
        status = main([*common, "--out", str(out), *arguments])
        (folder,) = set(out.glob("*")) - before
        return status, RunFolder(folder)

    return run
