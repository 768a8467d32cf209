"""Text that a submission wrote, made harmless for terminals and reports."""

import re

ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
KEPT = "\n\t"


def clean(text: str) -> str:
    """`text` without terminal sequences; control and direction-changing characters become U+FFFD.

    A line that a progress bar rewrote keeps its last state only, as a terminal shows it.
    """
    text = ESCAPE.sub("", text).replace("\r\n", "\n")
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "".join(c if c in KEPT or c.isprintable() else _instead(c) for c in text)


def _instead(character: str) -> str:
    return (
        " "
        if character.isspace() and character not in "\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"
        else "\N{REPLACEMENT CHARACTER}"
    )
