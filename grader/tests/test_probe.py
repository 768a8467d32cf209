"""What a sandbox is sent of a suite: the probe, what it calls, what it imports, and not a line more."""

import textwrap

import pytest

from grader.probe import ProbeError, probe, redact
from grader.suite import ROOT

SUITE = textwrap.dedent('''\
    """A suite."""
    import math
    import os.path
    from grader.probe import points, probe

    SECRET = 42

    @probe
    def inner(student, x):
        return math.sqrt(x)

    @probe(wall_s=3)
    def outer(student, xs, start=0):
        total = start
        for x in xs:
            total += inner(student, x)
        return [total for total in (total,)]

    @probe
    def leaky(student):
        return SECRET

    def test_outer(student):
        assert outer(student, [4]) == [2] and SECRET
    ''')


def test_only_the_probe_its_callees_and_their_imports_are_sent():
    sent = redact(SUITE, "outer")
    assert "def inner" in sent
    assert "import math" in sent
    for kept_back in ("SECRET", "test_outer", "os.path", "grader", "@probe", "leaky", "A suite"):
        assert kept_back not in sent
    scope: dict = {}
    exec(compile(sent, "suite.py", "exec"), scope)
    assert scope["outer"](None, [4, 9]) == [5.0]


def test_lines_keep_their_numbers():
    sent, whole = redact(SUITE, "outer").splitlines(), SUITE.splitlines()
    assert all(line in ("", original) for line, original in zip(sent, whole, strict=True))


def test_a_probe_that_names_anything_else_is_the_authors_error():
    with pytest.raises(ProbeError, match=r"'SECRET'.*pass it in"):
        redact(SUITE, "leaky")


def test_every_probe_of_every_suite_can_be_sent():
    import ast

    count = 0
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and any("probe" in ast.unparse(d) for d in node.decorator_list):
                sent = redact(source, node.name)
                compile(sent, path.name, "exec")
                assert "assert" not in sent
                assert "expect" not in sent.replace("unexpected", "")
                count += 1
    assert count > 0


def test_a_probe_knows_its_limits_and_source():
    @probe(wall_s=3)
    def act(student):
        return 1

    assert act.limits == {"wall_s": 3}
    assert act.file.name == "test_probe.py"
