"""The messages that learners read, kept for review: grader/mistakes/messages/<step>.txt, a section per mistake.

`grader check --write-messages` writes them; a change of a suite's words then shows in the diff.
"""

from collections.abc import Sequence
from pathlib import Path

from grader.catalogue import HERE, Mistake
from grader.diagnosis import REAL
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
    """The messages on file, by the mistake's id: apart from white space and real numbers, which machines round alike
    only almost."""
    path = path_of(step)
    if not path.exists():
        return {}
    sections = path.read_text(encoding="utf-8").split("\n\n")[1:]
    return {section.split("  (", 1)[0].strip(): plain(section.partition("\n")[2]) for section in sections}


def plain(message: str) -> str:
    return REAL.sub("#", " ".join(message.split()))
