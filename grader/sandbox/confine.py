"""What a probe's process gives up before the submission's code is loaded: resources, files, its user id, system calls.

Standard library only: the rungs are tried out with this module alone, before anything heavy is imported.
Landlock: landlock(7), linux/landlock.h. Capabilities: capabilities(7), linux/capability.h.
"""

import contextlib
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grader.sandbox import seccomp

try:
    import resource
except ModuleNotFoundError:  # Windows has no resource limits: only the wall clock bounds a probe there
    resource = None  # type: ignore[assignment]

LINUX = platform.system() == "Linux"
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same numbers on x86-64 and aarch64
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
BITS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15}  # how many access rights a version knows; 16 from version 5
SCOPE_SOCKETS_AND_SIGNALS = 3
DAC_READ_SEARCH = 1 << 2


def limit_resources(limits: Mapping[str, Any]) -> None:
    """Bound memory, CPU time, files and processes of this process and of those that it starts."""
    if resource is None:
        return
    bounds = {
        "RLIMIT_CPU": int(limits["cpu_s"]),  # soft = hard: the kernel kills, a handler cannot put it off
        "RLIMIT_FSIZE": int(limits["file_mb"]) << 20,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_NPROC": int(limits["threads"]),  # counts threads; says nothing to the real root
        "RLIMIT_CORE": 0,
        "RLIMIT_MSGQUEUE": 0,
    }
    if LINUX:
        bounds["RLIMIT_AS"] = _address_space() + (int(limits["memory_mb"]) << 20)
    for name, bound in bounds.items():
        number = getattr(resource, name, None)  # a Mac lacks RLIMIT_MSGQUEUE
        if number is not None:
            _, hard = resource.getrlimit(number)
            bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(number, (bound, bound))


def _address_space() -> int:
    """Bytes of address space in use: with torch imported that is gigabytes, most of it never touched."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def landlock_version() -> int:
    """The version of Landlock that the kernel has, 0 for none."""
    if not LINUX:
        return 0
    return max(0, ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, 1))


def restrict_files(readable: Sequence[str], writable: Sequence[str]) -> None:
    """Landlock: no file but these trees exists for reading or writing, no signal leaves this domain. For good."""
    version = landlock_version()
    libc = ctypes.CDLL(None, use_errno=True)
    handled = (1 << BITS_OF_ABI.get(version, 16)) - 1
    fields = [handled, *([0] if version >= 4 else []), *([SCOPE_SOCKETS_AND_SIGNALS] if version >= 6 else [])]
    attributes = struct.pack(f"<{len(fields)}Q", *fields)
    ruleset = _checked(libc, libc.syscall(CREATE_RULESET, attributes, len(attributes), 0))
    for paths, access in ((readable, READ_FILE | READ_DIR), (writable, handled & ~EXECUTE)):
        for path in paths:
            if not os.path.exists(path):  # noqa: PTH110 - /lib64 and the like differ between systems
                continue
            allowed = access & handled & (0xFFFF if os.path.isdir(path) else OF_A_FILE)  # noqa: PTH112
            tree = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("<Qi", allowed, tree)
            _checked(libc, libc.syscall(ADD_RULE, ruleset, 1, rule, 0))
            os.close(tree)
    _checked(libc, libc.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
    _checked(libc, libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def become(uid: int, *, read_all: bool) -> None:
    """Give up root for `uid`. `read_all` keeps the right to search folders closed to others (behind Landlock only)."""
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc, libc.prctl(8, 1, 0, 0, 0))  # PR_SET_KEEPCAPS
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kept = DAC_READ_SEARCH if read_all else 0
    header = struct.pack("<Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _checked(libc, libc.capset(header, struct.pack("<6I", kept, kept, 0, 0, 0, 0)))


def _checked(libc: Any, result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def confine(place: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
    """Give up everything that a probe does not need, in an order that each step still can be taken."""
    os.chdir(place["scratch"])
    if hasattr(os, "setsid"):
        with contextlib.suppress(PermissionError):  # already the leader of its own session
            os.setsid()
    limit_resources(limits)
    if place["landlock"]:
        restrict_files(place["readable"], [place["scratch"], "/dev/null"])
    if place["uid"] is not None:
        become(place["uid"], read_all=place["read_all"])
    if seccomp.supported():
        seccomp.install(processes=limits["processes"])


def readable_trees(*ours: str) -> list[str]:
    """What Python needs to read to run: the system, the interpreter, the environment, and the folders in `ours`."""
    system = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime"]
    devices = ["/dev/null", "/dev/zero", "/dev/urandom", "/proc/self", "/proc/cpuinfo", "/proc/meminfo"]
    return [*system, *devices, "/sys/devices/system/cpu", sys.prefix, sys.base_prefix, *ours]


def closed_to_others(path: str) -> bool:
    """Whether another user cannot reach `path`: some folder on the way to it lacks the search bit for others."""
    whole = Path(path).resolve()
    return any(not folder.stat().st_mode & 0o001 for folder in (whole, *whole.parents))
