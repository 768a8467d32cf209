"""File names and anchors from the names of students: safe on every file system, readable, no two alike."""

import hashlib
import re
from collections import Counter

LONGEST = 60
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)  # device names on Windows
DIGITS = 12
DIGESTED = re.compile(rf"-[0-9a-f]{{{DIGITS}}}$", re.IGNORECASE)


def file_names(students: list[str]) -> list[str]:
    """One name per student, of ASCII letters, digits, `-`, `_` and `.` only.

    A plain name stays as it is. One that had to be changed, or that a file system without upper and lower case would
    take for another's, gets twelve digits of its SHA-256 appended; so does one that looks as if it had them already,
    or a student could choose the name of somebody else's file.
    """
    safe = [_safe(student) for student in students]
    alike = Counter(name.casefold() for name in safe)
    times: Counter[str] = Counter()
    names = []
    for student, name in zip(students, safe, strict=True):
        plain = name == student and alike[name.casefold()] == 1 and not DIGESTED.search(name)
        names.append(name if plain else f"{name}-{_digest(student, times[student])}")
        times[student] += 1
    return names


def _safe(student: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", student)[:LONGEST].strip("-.")
    return f"student-{name}".rstrip("-") if not name or RESERVED.match(name) else name


def _digest(student: str, time: int) -> str:
    told = f"{student}\0{time}" if time else student
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
