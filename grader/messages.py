"""The messages that learners read, kept for review: grader/mistakes/messages/<step>.txt, a section per mistake.

`grader check --write-messages` writes them; a change of a suite's words then shows in the diff.
"""

from collections.abc import Sequence
from pathlib import Path

from grader.catalogue import HERE, Mistake
from grader.likeness import REAL
from grader.steps import Step

FOLDER = HERE / "mistakes" / "messages"
HEAD = "What a learner reads for every mistake of {title}. Written by `python -m grader check --write-messages`.\n"


def path_of(step: Step) -> Path:
    return FOLDER / f"{step.module}.txt"


def text(step: Step, told: Sequence[tuple[Mistake, str]]) -> str:
    """The file of a step; `told`: each mistake with its message."""
    return HEAD.format(title=f"step {step.number}") + "".join(map(_section, told))


def _section(one: tuple[Mistake, str]) -> str:
    mistake, message = one
    body = "".join(f"    {line}".rstrip() + "\n" for line in message.splitlines())
    return f"\n{mistake.id}  ({mistake.caught_by})\n{body}"


def kept(step: Step) -> dict[str, str]:
    """The messages on file, by the mistake's id, as `plain` leaves them."""
    path = path_of(step)
    found = dict[str, str]()
    for line in path.read_text(encoding="utf-8").splitlines()[1:] if path.exists() else []:
        if line and not line.startswith(" "):
            name = line.partition("  (")[0]
            found[name] = ""
        elif line:
            found[name] += line + "\n"
    return {name: plain(message) for name, message in found.items()}


def plain(message: str) -> str:
    """A message without white space and real numbers, which two machines round almost, but not quite, alike."""
    return REAL.sub("#", " ".join(message.split()))
