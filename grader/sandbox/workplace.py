"""What stands where inside a sandbox: our support files, the submission, the scratch folder.

Behind bubblewrap these are mounts (see `grader.sandbox.bwrap`); on the other rungs copies in a folder of their own:

    STAGE/trusted      our own support files
    STAGE/submission   the submission's plain files
    STAGE/scratch      the only place that a probe can write to; emptied after every probe
"""

import dataclasses
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.sandbox import bwrap, confine
from grader.sandbox.rung import Rung

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "grader-sandbox-"
GRADER_FILES = ("__init__.py", "evidence.py", "sandbox/__init__.py")
SANDBOX_FILES = ("child.py", "confine.py", "seccomp.py", "zygote.py")
FIRST_UID = 40_000  # 20,000 ids from here on, one per sandbox, none of which needs to exist
_NUMBER = itertools.count()


@dataclasses.dataclass(frozen=True)
class Workplace:
    """`inside` is what the sandbox is told of its surroundings; `stage` the folder on this side, or None."""

    inside: dict[str, Any]
    mounts: list[tuple[Path, str]]
    environment: dict[str, str]
    stage: str | None = None

    def remove(self) -> None:
        if self.stage:
            _remove(self.stage)

    def empty_scratch(self) -> None:
        for entry in os.scandir(self.inside["scratch"]):
            _remove(entry.path)


def prepare(submission: Path, rung: Rung) -> Workplace:
    """Where things stand on this rung; copies them where there are no mounts."""
    ours = [(ROOT / "grader" / name, f"grader/{name}") for name in GRADER_FILES]
    ours += [(ROOT / "grader/sandbox" / name, f"grader/sandbox/{name}") for name in SANDBOX_FILES]
    ours += [(ROOT / "lab/__init__.py", "lab/__init__.py")]
    ours += [(path, f"lab/toys/{path.name}") for path in sorted((ROOT / "lab/toys").glob("*.py"))]
    if rung.name == "bwrap":
        mounts = [*((path, f"/trusted/{name}") for path, name in ours), (submission, "/submission")]
        return Workplace(_inside("", rung, bwrap.SCRATCH), mounts, {"PATH": "/usr/bin:/bin"})
    stage = tempfile.mkdtemp(prefix=PREFIX)
    for path, name in ours:
        _copy(path, Path(stage, "trusted", name))
    for path in submission.rglob("*"):
        if stat.S_ISREG(path.lstat().st_mode):
            _copy(path, Path(stage, "submission", path.relative_to(submission)))
    inside = _inside(stage, rung, os.path.join(stage, "scratch"))  # noqa: PTH118
    os.makedirs(inside["submission"], exist_ok=True)  # noqa: PTH103
    os.mkdir(inside["scratch"], 0o700)  # noqa: PTH102
    if inside["uid"] is not None:
        os.chmod(stage, 0o711)  # noqa: PTH101
        os.chown(inside["scratch"], inside["uid"], inside["uid"])
    return Workplace(inside, [], bwrap.environment(inside["scratch"]) | _needed_on_windows(), stage)


def _inside(base: str, rung: Rung, scratch: str) -> dict[str, Any]:
    walled = rung.name == "bwrap"
    submission, trusted = f"{base}/submission", f"{base}/trusted"
    return {
        "submission": submission,
        "trusted": trusted,
        "scratch": scratch,
        "emptied": [scratch, "/dev/shm"] if walled else [scratch],
        "stage": base or None,
        "own_namespace": walled,
        "landlock": rung.landlock,
        "uid": FIRST_UID + (os.getpid() + next(_NUMBER) * 7919) % 20_000 if rung.other_uid else None,
        "read_all": rung.landlock and confine.closed_to_others(sys.base_prefix),
        "readable": confine.readable_trees(submission, trusted),
    }


def boot(what: str, *arguments: Any) -> list[str]:
    """The command that starts `grader.sandbox.WHAT.main` inside: no user site, no folder of ours on the path."""
    place = next(word for word in arguments if isinstance(word, dict))
    texts = [as_json(word) for word in arguments]
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); "
        f"from grader.sandbox.{what} import main; main(*map(json.loads, sys.argv[2:]))"
    )
    return [sys.executable, "-s", "-P", "-B", "-c", code, place["trusted"], *texts]


def as_json(value: Any) -> str:
    return json.dumps(value)


def command(rung: Rung, place: Workplace, start: Sequence[str], scratch_mb: int) -> list[str]:
    if rung.bwrap:
        return bwrap.command_line(rung.bwrap, start, mounts=place.mounts, scratch_mb=scratch_mb)
    return list(start)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target, follow_symlinks=False)
    target.chmod(0o644)


def _needed_on_windows() -> dict[str, str]:
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


def _remove(path: str) -> None:
    """Remove a tree that its owner may have made as deep, wide or closed as it could."""
    if not os.path.isdir(path) or os.path.islink(path):  # noqa: PTH112, PTH114
        Path(path).unlink(missing_ok=True)
    elif os.name == "nt":
        shutil.rmtree(path, ignore_errors=True)
    elif subprocess.run(["rm", "-rf", "--", path], stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["chmod", "-R", "u+rwx", "--", path], stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", "--", path], check=True)
