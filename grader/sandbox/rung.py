"""A rung: one kind of sandbox, as it was found to work on this machine (see `grader.sandbox.rungs`)."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Rung:
    """One kind of sandbox. `warning` is what every report says of it, "" for the wall itself."""

    name: str
    title: str
    warning: str = ""
    bwrap: str | None = None
    landlock: bool = False
    other_uid: bool = False
    forks: bool = True  # one process with torch imported, a fork per probe; otherwise an interpreter per probe
