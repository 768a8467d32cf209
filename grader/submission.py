"""Opening a submission: a folder, a zip or a tar becomes a private folder that holds the course's files and no others.

Only plain files with the contract's names are taken, from the top of the submission, from its `exercises/`, or from
either of these inside one wrapping folder. Nothing else is ever written, so no path of the submission's becomes ours.

An archive is opened in a process of its own: a kilobyte can unpack to gigabytes, or keep a parser busy for days.

    python -m grader.submission SOURCE FOLDER     prints {"hash", "taken", "left_out"} or {"problem"}, as JSON
"""

import contextlib
import hashlib
import json
import lzma
import os
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from grader.sandbox.text import clean
from grader.steps import STEPS

try:
    import resource
except ModuleNotFoundError:  # Windows: only the wall clock bounds the opening of an archive
    resource = None  # type: ignore[assignment]

FILES = frozenset(f"{step.module}.py" for step in STEPS)
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MAX_FILE = 1 << 20  # bytes of one step; ours have a few thousand
MAX_ENTRIES = 10_000  # files and folders, taken or not
MAX_ARCHIVE = 64 << 20  # bytes of an archive as it was handed in
MAX_UNPACKED = 256 << 20  # bytes that reading an archive through may unpack: a tar has no table of contents
MAX_DEPTH = 3  # wrapping folder / exercises / file
OPENING_S, OPENING_MB = 20, 1024  # computing and memory for opening one archive; an honest one takes under 2 s
PATIENCE = 6  # times as long on the wall clock: the machine may be busy
SHOWN = 20  # lines of what was left out
LONGEST = 200  # characters of a path that are shown
ROOT = Path(__file__).resolve().parents[1]
UNREADABLE = (
    OSError, ValueError, EOFError, struct.error, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    RuntimeError,  # zipfile's word for an encrypted member and for an unknown compression
    MemoryError,  # a header that asks for more than OPENING_MB
)  # fmt: skip


class Problem(Exception):  # noqa: N818 - told to the instructor in one line
    """The submission as a whole cannot be read."""


@dataclass(frozen=True)
class Entry:
    """A file or folder. `fault`: why a file cannot be taken, or "". `read` gives at most that many bytes."""

    path: PurePosixPath
    fault: str
    read: Callable[[int], bytes]
    folder: bool = False


@dataclass
class Opened:
    """The private copy: `folder` holds the step files. `hash`: SHA-256 over their names and contents."""

    folder: Path
    hash: str
    taken: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def student_name(path: Path) -> str:
    """The student's name: that of the folder, or of the archive without its ending."""
    name = Path(os.path.abspath(path)).name  # noqa: PTH100 - a link keeps the name that it was handed in by
    ending = next((e for e in sorted(ARCHIVES, key=len, reverse=True) if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)] or name


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ARCHIVES)


def open_apart(source: Path, folder: Path) -> Opened:
    """`unpack`, an archive in a process of its own with bounds of its own."""
    if source.is_dir():
        return unpack(source, folder)
    words = [sys.executable, "-P", "-m", "grader.submission", os.path.abspath(source), str(folder)]  # noqa: PTH100
    told = b""
    with contextlib.suppress(subprocess.TimeoutExpired):  # then it has told nothing
        told = subprocess.run(
            words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE * OPENING_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ).stdout  # fmt: skip
    try:
        found = json.loads(told)
    except ValueError:
        raise Problem(
            f"{shown(source.name)} takes more than {OPENING_S} s or {OPENING_MB} MB to open: ask for the files alone"
        ) from None
    if "problem" in found:
        raise Problem(found["problem"])
    if "errno" in found:
        raise OSError(found["errno"], os.strerror(found["errno"]), str(folder))
    return Opened(folder, found["hash"], found["taken"], found["left_out"])


def _open_here(source: Path, folder: Path) -> None:
    """What the process of `open_apart` does: bound itself, unpack, and print what came of it."""
    if resource:
        for what, bound in ((resource.RLIMIT_CPU, OPENING_S), (resource.RLIMIT_AS, OPENING_MB << 20)):
            with contextlib.suppress(ValueError, OSError):  # a lower limit of the machine's stands; a Mac has no AS
                resource.setrlimit(what, (bound, bound))
    told: dict[str, Any]
    try:
        opened = unpack(source, folder)
        told = {"hash": opened.hash, "taken": opened.taken, "left_out": opened.left_out}
    except Problem as problem:
        told = {"problem": str(problem)}
    except OSError as error:  # the copy cannot be written: no fault of the archive's
        told = {"errno": error.errno}
    print(json.dumps(told))


def shown(path: object) -> str:
    """A path in a submission on one line, without what a terminal or a report would take amiss."""
    text = " ".join(clean(str(path)).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def unpack(source: Path, folder: Path) -> Opened:
    """Copy the course's files of `source` into `folder`, which must be empty. Raises Problem if it cannot be read."""
    try:
        contents, left_out = _wanted(_entries(source))
    except UNREADABLE as error:
        raise Problem(f"{shown(source.name)} cannot be read ({_one_line(error)}): ask for it again") from None
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        (folder / name).write_bytes(content)
        digest.update(f"{name} {len(content)}\n".encode() + content)
    if not contents:
        there = f"; there are {', '.join(left_out[:3])}{', ...' * (len(left_out) > 3)}" if left_out else ""
        raise Problem(
            f"{shown(source.name)} holds none of the course's files (step1_model.py, ...) at its top, in exercises/, "
            f"or one folder further down: ask for it again{there}"
        )
    if len(left_out) > SHOWN:
        left_out = [*left_out[:SHOWN], f"... and {len(left_out) - SHOWN} more"]
    return Opened(folder, digest.hexdigest(), sorted(contents), left_out)


def _wanted(entries: Iterator[Entry]) -> tuple[dict[str, bytes], list[str]]:
    """The contents of the files to take, and a line for each file that is not taken."""
    found: list[tuple[Entry, bytes]] = []
    left_out = []
    for count, entry in enumerate(entries, 1):
        if count > MAX_ENTRIES:
            raise Problem(f"the submission has more than {MAX_ENTRIES} files and folders: ask for the step files alone")
        if entry.folder:
            continue
        content = b""
        fault = entry.fault or _misplaced(entry.path)
        if not fault:
            content = entry.read(MAX_FILE + 1)
            fault = f"larger than {MAX_FILE >> 20} MiB" if len(content) > MAX_FILE else ""
        if fault:
            left_out.append(f"{shown(entry.path)}: {fault}")
        else:
            found.append((entry, content))
    return _top_level(found, left_out)


def _misplaced(path: PurePosixPath) -> str:
    if path.is_absolute() or ".." in path.parts:
        return "leaves the submission"
    if path.name not in FILES:
        return "not one of the course's files"
    return "too deep in the submission" if len(path.parts) > MAX_DEPTH else ""


def _top_level(found: list[tuple[Entry, bytes]], left_out: list[str]) -> tuple[dict[str, bytes], list[str]]:
    """Of all places with step files take one: `exercises/`, else the top, else those of the one wrapping folder."""
    places = {entry.path.parent for entry, _ in found}
    if not places:
        return {}, left_out
    place = min(places, key=lambda p: (len(p.parts) - (p.name == "exercises"), p.name != "exercises", str(p)))
    wrapped = {p.parts[0] for p in places if p.parts and p.parts[0] != "exercises"}
    if len(place.parts) - (place.name == "exercises") > 1 or (
        place.parts[:1] != ("exercises",) and place.parts and len(wrapped) > 1
    ):
        raise Problem(
            f"step files lie in several folders ({', '.join(sorted(map(shown, places))[:3])}): ask which one counts"
        )
    times = Counter(entry.path for entry, _ in found)
    taken = {}
    for entry, content in found:
        if times[entry.path] > 1:
            left_out.append(f"{shown(entry.path)}: is in the archive {times[entry.path]} times")
        elif entry.path.parent != place:
            left_out.append(f"{shown(entry.path)}: the files of {shown(place)}/ are taken")
        else:
            taken[entry.path.name] = content
    return taken, left_out


# -- the three kinds


def _entries(source: Path) -> Iterator[Entry]:
    if source.is_dir():
        return _folder(source)
    if not is_archive(source):
        raise Problem(f"{shown(source.name)} is neither a folder nor a zip or tar: ask for it again")
    if source.stat().st_size > MAX_ARCHIVE:
        raise Problem(f"{shown(source.name)} is larger than {MAX_ARCHIVE >> 20} MiB: ask for the step files alone")
    return _zip(source) if source.name.lower().endswith(".zip") else _tar(source)


def _folder(source: Path) -> Iterator[Entry]:
    for folder, folders, files in os.walk(source):
        here = Path(folder)
        below = len(here.relative_to(source).parts)
        folders[:] = sorted(
            f for f in folders if below + 1 < MAX_DEPTH and not f.startswith(".") and f != "__pycache__"
        )
        for name in sorted(files):
            path = here / name
            plain = stat.S_ISREG(path.lstat().st_mode)
            yield Entry(
                PurePosixPath(path.relative_to(source).as_posix()),
                "" if plain else "not a plain file",
                lambda size, path=path: _read_plain(path, size),  # type: ignore[misc]
            )


def _read_plain(path: Path, size: int) -> bytes:
    """Never through a link, even one that was put there a moment ago; never waiting for a pipe."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        return file.read(size)


def _zip(source: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            mode = stat.S_IFMT(info.external_attr >> 16)
            fault = "" if mode in (0, stat.S_IFREG) else "not a plain file"
            yield Entry(
                PurePosixPath(info.filename.replace("\\", "/")),
                fault,
                lambda size, info=info: _read_member(archive.open(info), size),  # type: ignore[misc]
                info.is_dir(),
            )


def _tar(source: Path) -> Iterator[Entry]:
    unpacked = 0
    with tarfile.open(source, errorlevel=0) as archive:
        for member in archive:
            unpacked += member.size
            if unpacked > MAX_UNPACKED:
                raise Problem(
                    f"{shown(source.name)} unpacks to more than {MAX_UNPACKED >> 20} MiB: ask for the step files alone"
                )
            yield Entry(
                PurePosixPath(member.name),
                "" if member.isreg() else "not a plain file",
                lambda size, member=member: _read_member(archive.extractfile(member), size),  # type: ignore[misc]
                member.isdir(),
            )


def _read_member(file: object, size: int) -> bytes:
    with file as opened:  # type: ignore[attr-defined]
        return bytes(opened.read(size))


def _one_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it asks for too much memory"
    return shown(error) or type(error).__name__


if __name__ == "__main__":
    _open_here(Path(sys.argv[1]), Path(sys.argv[2]))
