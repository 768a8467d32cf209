"""The sandbox's first process: imports torch once, forks a child per probe, parses nothing of a submission's.

    b"G" + descriptors   run a probe         b"K"   end it now         end of file   the grader is gone: leave
    b"I" + names         import these too

The descriptors are the request, the evidence pipe, the output pipe. The reply, sent when the child has ended and
everything that it left behind is gone, is three numbers: the wait status, milliseconds of CPU time, and what was wrong
besides: 0 nothing, 1 too many threads, 2 leftovers that would not go. Imports are answered by b"ready".

In a process namespace (bubblewrap) this is process 1: whatever else runs there is the submission's, and signals without
a handler do not reach it. Elsewhere it adopts orphans and ends its descendants.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

GO, KILL, IMPORT = b"G", b"K", b"I"
READY, MESSAGE = b"ready", 4096
NOTHING, THREADS, LEFTOVERS = 0, 1, 2
MADV_COLLAPSE = 25
MAX_TASKS = 256
SWEEP_S = 2.0


def main(control_fd: int, place: Mapping[str, Any], preload: Sequence[str]) -> None:
    """Serve until the control socket closes."""
    control = socket.socket(fileno=control_fd)
    try:
        _harden()
        _import(preload)
        from grader.sandbox import child

        child.warm_up()
        control.send(READY)
        while True:
            message, fds, _, _ = socket.recv_fds(control, MESSAGE, 3)
            if not message:
                return
            if message.startswith(IMPORT):
                _import(message.removeprefix(IMPORT).decode().split())
                control.send(READY)
            if message == GO:
                clean = _serve(control, fds, place, child.run)
                if not clean:
                    return  # a new sandbox is cheaper than cleaning this one
    finally:
        _end_everyone(place)
        if place["stage"]:
            shutil.rmtree(place["stage"], ignore_errors=True)


def _import(names: Sequence[str]) -> None:
    """Import modules once for all children, and make the forks to come cheap."""
    gc.disable()  # hardly any of it is garbage, and looking for that takes a fifth of the time
    for name in names:
        importlib.import_module(name)
    gc.freeze()  # the children's collections then leave these pages shared
    gc.enable()
    _gather_in_huge_pages()


def _gather_in_huge_pages() -> None:
    """Collapse this process's own memory to 2 MB pages, where Linux 6.1 or later can: a fork then takes half as long.

    Each process that a fork makes gets a copy of the page tables; torch and its like fill a hundred thousand entries.
    """
    madvise = ctypes.CDLL(None).madvise
    for line in Path("/proc/self/maps").read_text().splitlines():
        where, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights == "rw-p" and name in ([], ["[heap]"]):
            start, end = (int(word, 16) for word in where.split("-"))
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_COLLAPSE)  # what cannot be, stays


def _harden() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no child may look into this memory
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # by default the kernel keeps these from process 1


def _serve(control: socket.socket, fds: Sequence[int], place: Mapping[str, Any], run: Any) -> bool:
    """Run one probe and report; False if it left something behind that could not be cleared away in time."""
    pid = os.fork()
    if pid == 0:
        try:
            control.close()
            run(place, *fds)
        except BaseException:  # before the submission was loaded: our own fault, and the client can tell
            traceback.print_exc()
        finally:
            os._exit(70)
    for fd in fds:
        os.close(fd)
    status, cpu_ms, ended_for = _watch(control, pid, place)
    _end_everyone(place)
    clean = _empty(place["emptied"])
    with contextlib.suppress(BrokenPipeError):  # the grader is gone
        control.send(b"%d %d %d" % (status, cpu_ms, ended_for if clean else LEFTOVERS))
    return clean


def _watch(control: socket.socket, pid: int, place: Mapping[str, Any]) -> tuple[int, int, int]:
    """Wait for the child, for the order to end it, or for too many threads (no limit bounds them for the real root)."""
    ended_for = NOTHING
    watched = os.pidfd_open(pid)
    waiting: list[Any] = [watched, control]
    while watched not in (ready := select.select(waiting, [], [], 0.2)[0]):
        if control in ready:
            control.recv(1)  # an order to end it, or the end of the grader
            waiting = [watched]
            os.kill(pid, signal.SIGKILL)
        elif _tasks(pid, place) > MAX_TASKS:
            ended_for = THREADS
            os.kill(pid, signal.SIGKILL)
    os.close(watched)
    _, status, used = os.wait4(pid, 0)
    return status, round(1000 * (used.ru_utime + used.ru_stime)), ended_for


def _tasks(pid: int, place: Mapping[str, Any]) -> int:
    """Threads of the child, and in a namespace of all that it started."""
    which = "[0-9]*" if place["own_namespace"] else str(pid)
    count = 0
    with contextlib.suppress(OSError):  # a process that ends meanwhile
        count = sum(1 for _ in Path("/proc").glob(f"{which}/task/*"))
    return count


def _end_everyone(place: Mapping[str, Any]) -> None:
    """End every process that the probe left behind."""
    while True:
        if place["own_namespace"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)  # from process 1: everyone else in this namespace
        else:
            for pid in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Children and adopted orphans: killing one hands its own children to us for the next round."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _empty(folders: Sequence[str]) -> bool:
    """Empty the scratch folders; False if that takes too long or a folder resists."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, SWEEP_S)
    try:
        for folder in folders:
            with os.scandir(folder) as entries:
                for entry in entries:
                    shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else Path(entry.path).unlink()
    except (OSError, RecursionError):
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return True


def _too_long(*_: Any) -> NoReturn:
    raise TimeoutError
