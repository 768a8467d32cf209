"""The catalogue: what learners get wrong, as edits of the solutions, and correct modules written another way.

grader/mistakes/step1_model.toml      [[mistake]] id, says, caught_by, message, old, new; source, if others tell of it
grader/variants/step1_model/*.py      whole modules, each of which must get full points
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from grader.steps import Step

HERE = Path(__file__).resolve().parent
SOLUTIONS = HERE.parent / "solutions"


class CatalogueError(ValueError):
    """An entry of the catalogue does not fit the solution that it edits."""


@dataclass(frozen=True)
class Mistake:
    """One mistake: an edit of the solution, what it is, the graded test that must catch it, words of its message."""

    id: str
    says: str
    caught_by: str
    message: str
    old: str
    new: str
    source: str = ""  # where somebody made it, or was warned of it: this mistake, or the same trap in other code

    def apply(self, source: str) -> str:
        """The solution's source with the mistake in it. Raises CatalogueError unless `old` is there exactly once."""
        if (found := source.count(self.old)) != 1:
            raise CatalogueError(f"mistake {self.id!r}: its old text occurs {found} times in the solution, not once")
        return source.replace(self.old, self.new)


def mistakes(step: Step) -> list[Mistake]:
    """The catalogued mistakes of a step. Raises CatalogueError if two have the same id, TypeError on odd keys."""
    path = HERE / "mistakes" / f"{step.module}.toml"
    if not path.exists():
        return []
    found = [Mistake(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["mistake"]]
    if len({mistake.id for mistake in found}) < len(found):
        raise CatalogueError(f"two mistakes of {step.module} have the same id")
    return found


def variants(step: Step) -> list[Path]:
    """The correct modules of a step that are written another way."""
    return sorted((HERE / "variants" / step.module).glob("*.py"))


def solution(step: Step) -> Path:
    """The file that the mistakes of a step edit."""
    return SOLUTIONS / f"{step.module}.py"
