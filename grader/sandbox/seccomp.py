"""The syscall filter of a probe's process: one short BPF program of our own, for Linux on x86-64 and aarch64.

Why not a library: `libseccomp` is a C library that slim images lack, and its PyPI binding (`pyseccomp`, last release
2021) only finds one already installed. What is needed here is a deny list and six checks of an argument, which is less
code than the fallback for a missing library would be. Layout of the program: seccomp(2), linux/bpf_common.h.

The filter closes what a namespace leaves open: other processes' memory, sockets, io_uring (which goes round any
filter), keyrings, new namespaces and mounts, memory that RLIMIT_AS does not count, signals to others, new programs, and
new processes where the probe needs none. `clone3` is answered "no such call", so that the C library starts its
threads with `clone`, whose flags a filter can read.
"""

import ctypes
import errno
import os
import platform
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000
CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020080  # every CLONE_NEW* flag: time, mount, cgroup, uts, ipc, user, pid, net
AF_UNIX = 1

# name: (x86-64, aarch64); never allowed
DENIED = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "syslog": (103, 116),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40),
    "umount2": (166, 39), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "personality": (135, 92),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "reboot": (169, 142), "swapon": (167, 224), "acct": (163, 89), "quotactl": (179, 60),
    "execve": (59, 221), "execveat": (322, 281),
}  # fmt: skip
FORK = {"x86_64": (57, 58), "aarch64": ()}  # fork and vfork, where they are calls of their own
CLONE, CLONE3, SOCKET, PRLIMIT64 = (56, 220), (435, 435), (41, 198), (302, 261)
KILL = {"kill": (62, 129), "tgkill": (234, 131)}

LOAD, JUMP_EQ, JUMP_GE, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; the low half of the first argument


def _instruction(code: int, k: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, k)


def _fail(number: int) -> bytes:
    return _instruction(RETURN, ERRNO | number)


def _deny(call: int, number: int) -> bytes:
    return _instruction(JUMP_EQ, call, 0, 1) + _fail(number)


def _check(call: int, test: int, value: int, *, allow: bool, number: int) -> bytes:
    """For this call, `test` the first argument against `value`: true means allowed, or denied if not `allow`."""
    jumps = (1, 0) if allow else (0, 1)
    return (
        _instruction(JUMP_EQ, call, 0, 4)
        + _instruction(LOAD, FIRST_ARGUMENT)
        + _instruction(test, value, *jumps)
        + _fail(number)
        + _instruction(RETURN, ALLOW)
    )


def program(machine: str, pid: int, *, processes: bool) -> bytes:
    """The filter for process `pid`; with `processes` it may fork workers, which talk over AF_UNIX sockets."""
    column = {"x86_64": 0, "aarch64": 1}[machine]
    parts = [
        _instruction(LOAD, ARCH),
        _instruction(JUMP_EQ, AUDIT_ARCH[machine], 1, 0),
        _instruction(RETURN, KILL_PROCESS),
        _instruction(LOAD, NUMBER),
    ]
    if machine == "x86_64":
        parts += [_instruction(JUMP_GE, X32_BIT, 0, 1), _fail(errno.ENOSYS)]
    parts += [_deny(numbers[column], errno.EPERM) for numbers in DENIED.values()]
    parts += [_deny(CLONE3[column], errno.ENOSYS)]
    parts += [_check(PRLIMIT64[column], JUMP_EQ, 0, allow=True, number=errno.EPERM)]  # pid 0: its own limits only
    if processes:
        parts += [_check(CLONE[column], JUMP_SET, CLONE_NEW, allow=False, number=errno.EPERM)]
        parts += [_check(SOCKET[column], JUMP_EQ, AF_UNIX, allow=True, number=errno.EPERM)]
    else:
        parts += [_deny(number, errno.EAGAIN) for number in FORK[machine]]
        parts += [_check(CLONE[column], JUMP_SET, CLONE_THREAD, allow=True, number=errno.EAGAIN)]
        parts += [_deny(SOCKET[column], errno.EPERM)]
        parts += [_check(n[column], JUMP_EQ, pid, allow=True, number=errno.EPERM) for n in KILL.values()]
    return b"".join(parts) + _instruction(RETURN, ALLOW)


def supported() -> bool:
    return platform.system() == "Linux" and platform.machine() in AUDIT_ARCH


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install(*, processes: bool) -> None:
    """Put the filter on this process, for good. Raises OSError if the kernel refuses it."""
    code = program(platform.machine(), os.getpid(), processes=processes)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privs, set_seccomp, mode_filter = 38, 22, 2
    if libc.prctl(no_new_privs, 1, 0, 0, 0) or libc.prctl(set_seccomp, mode_filter, ctypes.byref(filter_), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refused the syscall filter")
