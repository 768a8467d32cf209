"""Opening submissions: only the course's plain files come in, whatever the folder or archive holds."""

import bz2
import contextlib
import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from grader import submission
from grader.submission import Problem, open_apart, student_name, unpack

CODE = b"x = 1\n"


def opened(source, tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    return unpack(source, into)


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tarred(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            member.size = len(CODE) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(CODE) if member.isreg() else None)
    return path


@pytest.mark.parametrize("place", ["", "exercises", "work", "work/exercises"])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_the_step_files_are_found(tmp_path, kind, place):
    name = f"{place}/step1_model.py".lstrip("/")
    if kind == "folder":
        source = tmp_path / "ada"
        (source / place).mkdir(parents=True)
        (source / name).write_bytes(CODE)
    elif kind == "zip":
        source = zipped(tmp_path / "ada.zip", (name, CODE))
    else:
        source = tarred(tmp_path / "ada.tar.gz", tarfile.TarInfo(name))
    found = opened(source, tmp_path)
    assert found.taken == ["step1_model.py"]
    assert (found.folder / "step1_model.py").read_bytes() == CODE
    assert found.left_out == []


def test_the_hash_tells_contents_and_nothing_else(tmp_path):
    hashes = []
    for n, (name, code) in enumerate([("a/step1_model.py", CODE), ("step1_model.py", CODE), ("step1_model.py", b"y")]):
        (tmp_path / str(n)).mkdir()
        hashes.append(opened(zipped(tmp_path / f"{n}.zip", (name, code)), tmp_path / str(n)).hash)
    assert hashes[0] == hashes[1] != hashes[2]


def test_other_files_stay_out_and_are_listed(tmp_path):
    names = ("step1_model.py", "conftest.py", "pytest.ini", "../step2_data.py", "/step3_train.py", "torch.py")
    found = opened(zipped(tmp_path / "a.zip", *((name, CODE) for name in names)), tmp_path)
    assert [p.name for p in found.folder.iterdir()] == found.taken == ["step1_model.py"]
    assert len(found.left_out) == 5
    assert "../step2_data.py: leaves the submission" in found.left_out


def test_links_and_devices_stay_out(tmp_path):
    link, device = tarfile.TarInfo("step1_model.py"), tarfile.TarInfo("step2_data.py")
    link.type, link.linkname, device.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.FIFOTYPE
    found = opened(tarred(tmp_path / "a.tar.gz", link, device, tarfile.TarInfo("step3_train.py")), tmp_path)
    assert found.taken == ["step3_train.py"]
    assert found.left_out == ["step1_model.py: not a plain file", "step2_data.py: not a plain file"]


def test_links_and_pipes_in_a_folder_stay_out(tmp_path):
    source = tmp_path / "eve"
    source.mkdir()
    (source / "step1_model.py").symlink_to("/etc/passwd")
    os.mkfifo(source / "step2_data.py")
    (source / "step3_train.py").write_bytes(CODE)
    assert opened(source, tmp_path).taken == ["step3_train.py"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(tmp_path):
    twice = [("step1_model.py", CODE), ("step1_model.py", b"other"), ("step2_data.py", CODE)]
    found = opened(zipped(tmp_path / "a.zip", *twice), tmp_path)
    assert found.taken == ["step2_data.py"]
    assert "in the archive 2 times" in found.left_out[0]


def test_a_bomb_is_not_unpacked(tmp_path):
    found = opened(zipped(tmp_path / "a.zip", ("step1_model.py", bytes(50 << 20)), ("step2_data.py", CODE)), tmp_path)
    assert found.taken == ["step2_data.py"]
    assert found.left_out == ["step1_model.py: larger than 1 MiB"]


def test_a_tar_bomb_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "MAX_UNPACKED", 3)
    with pytest.raises(Problem, match="unpacks to more"):
        opened(tarred(tmp_path / "a.tar.gz", tarfile.TarInfo("step1_model.py")), tmp_path)


def test_too_many_files_are_a_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "MAX_ENTRIES", 3)
    with pytest.raises(Problem, match="more than 3 files"):
        opened(zipped(tmp_path / "a.zip", *((f"{n}.txt", b"") for n in range(4))), tmp_path)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.txt"])
def test_rubbish_is_a_problem_in_one_line(tmp_path, name):
    source = tmp_path / name
    source.write_bytes(b"PK\3\4 rubbish")
    with pytest.raises(Problem) as problem:
        opened(source, tmp_path)
    assert "\n" not in str(problem.value)
    assert name in str(problem.value)


def test_an_empty_submission_is_a_problem(tmp_path):
    with pytest.raises(Problem, match="none of the course's files"):
        opened(zipped(tmp_path / "a.zip", ("notes.txt", CODE)), tmp_path)


def test_names():
    assert [student_name(Path(p)) for p in ("c/ada", "c/Ben B.tar.gz", "c/x.zip", "c/v1.2")] == [
        "ada",
        "Ben B",
        "x",
        "v1.2",
    ]


@pytest.mark.parametrize("kind", ["w:", "w:gz", "w:bz2", "w:xz", "zip", "lzma"])
def test_a_damaged_archive_is_opened_or_a_problem_and_never_a_crash(tmp_path, kind):
    """Every byte position in steps, overwritten; and the archive cut off there."""
    whole = io.BytesIO()
    if kind in ("zip", "lzma"):
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_LZMA if kind == "lzma" else zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("step1_model.py", bytes(range(256)) * 8)
    else:
        with tarfile.open(fileobj=whole, mode=kind) as archive:
            member = tarfile.TarInfo("step1_model.py")
            member.size = 2048
            archive.addfile(member, io.BytesIO(bytes(range(256)) * 8))
    good = whole.getvalue()
    ending = {"w:": ".tar", "w:gz": ".tar.gz", "w:bz2": ".tar.bz2", "w:xz": ".tar.xz"}.get(kind, ".zip")
    source = tmp_path / f"a{ending}"
    into = tmp_path / "into"
    into.mkdir()
    for at in range(0, len(good), max(1, len(good) // 150)):
        for damaged in (good[:at] + b"\xff\x00\xa5" + good[at + 3 :], good[:at]):
            source.write_bytes(damaged)
            with contextlib.suppress(Problem):
                unpack(source, into)


def test_an_archive_is_opened_apart_with_the_same_result(tmp_path):
    source = zipped(tmp_path / "ada.zip", ("exercises/step1_model.py", CODE), ("exercises/notes.txt", b""))
    here = opened(source, tmp_path)
    apart = open_apart(source, tmp_path)
    assert (apart.hash, apart.taken, apart.left_out) == (here.hash, here.taken, here.left_out)
    assert (tmp_path / "step1_model.py").read_bytes() == CODE
    with pytest.raises(Problem, match="none of the course's files"):
        open_apart(zipped(tmp_path / "ben.zip", ("notes.txt", b"")), tmp_path)


def header(kind: bytes, size: int) -> bytes:
    member = tarfile.TarInfo("step1_model.py")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not kept elsewhere")
def test_a_header_of_gigabytes_fills_no_memory(tmp_path):
    """tarfile reads an extended header whole, as long as the header says that it is: here 4 GB from 3 kB."""
    source = tmp_path / "ada.tar.bz2"
    with bz2.open(source, "wb") as file:
        file.write(header(tarfile.XHDTYPE, 4 << 30) + bytes(256 << 20))
    with pytest.raises(Problem, match=r"ada\.tar\.bz2 cannot be read"):
        open_apart(source, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of computing there")
def test_a_header_that_keeps_the_parser_busy_is_given_up(tmp_path, monkeypatch):
    """Digits without an end cost the square of their number in Python 3.11.7 (CVE-2024-6232)."""
    source = tmp_path / "ada.tar"
    source.write_bytes(header(tarfile.XHDTYPE, 1 << 20) + b"1" * (1 << 20) + header(tarfile.REGTYPE, 0) + bytes(1024))
    monkeypatch.setattr(submission, "OPENING_S", 0.2)
    monkeypatch.setattr(submission, "PATIENCE", 5)  # on the wall clock: the process has its own, longer limit
    with pytest.raises(Problem, match=r"to open|none of the course's files"):  # a mended Python reads it
        open_apart(source, tmp_path)


def test_folders_count_as_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(submission, "MAX_ENTRIES", 3)
    folders = [tarfile.TarInfo(f"d{n}") for n in range(5)]
    for one in folders:
        one.type = tarfile.DIRTYPE
    for source in (
        tarred(tmp_path / "a.tar.gz", *folders),
        zipped(tmp_path / "b.zip", *((f"d{n}/", b"") for n in "12345")),
    ):
        with pytest.raises(Problem, match="more than 3 files and folders"):
            unpack(source, tmp_path)


def test_names_of_files_are_harmless_wherever_they_are_shown(tmp_path):
    """Bytes that are no text, escapes and line ends, in the names of the submission and of what is in it."""
    folder = tmp_path / os.fsdecode(b"ada\xff\x1b[2J\nben: 100 of 100")
    (folder / "exercises").mkdir(parents=True)
    (folder / "exercises" / os.fsdecode(b"odd\xff\x1b[31m\n.py")).write_bytes(CODE)
    with pytest.raises(Problem) as problem:
        unpack(folder, tmp_path)
    (folder / "exercises/step1_model.py").write_bytes(CODE)
    for text in (str(problem.value), *opened(folder, tmp_path).left_out):
        assert text.isprintable()
        text.encode()


def test_a_copy_that_cannot_be_written_is_no_fault_of_the_archive(tmp_path):
    source = zipped(tmp_path / "ada.zip", ("step1_model.py", CODE))
    with pytest.raises(FileNotFoundError):
        open_apart(source, tmp_path / "nowhere")
