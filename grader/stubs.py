"""Stubs as they were handed out: the only step files for which our own copy runs, outside the sandbox."""

import ast
from pathlib import Path

EXERCISES = Path(__file__).resolve().parents[1] / "exercises"
LIBRARIES = {"collections", "dataclasses", "math", "pathlib", "torch", "typing", "datasets", "transformers"}
CALLS = {"dataclass(frozen=True)", "super().__init__()", "super()"}


def untouched(file: Path) -> bool:
    """Whether the file is, line by line, our own stub of that name."""
    ours = EXERCISES / file.name
    return ours.is_file() and _lines(file) == _lines(ours) and only_raises(_lines(ours))


def _lines(file: Path) -> bytes:
    return file.read_bytes().replace(b"\r\n", b"\n")  # git on Windows


def only_raises(source: bytes) -> bool:
    """Whether a module imports the course's libraries and defines what raises NotImplementedError, and does no more.

    Somebody may have put a submission into exercises/ to look at it: that must not run beside the judge.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    top = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
    return _plain(tree.body, *top) and all(map(_harmless, ast.walk(tree)))


def _plain(body: list[ast.stmt], *kinds: type[ast.stmt]) -> bool:
    return all(isinstance(statement, (ast.Expr, *kinds)) for statement in body)


def _harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return all(_known(alias.name, alias) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return not node.level and all(_known(node.module or "", alias) for alias in node.names)
    if isinstance(node, ast.FunctionDef):
        *before, last = node.body
        return _plain(before) and isinstance(last, ast.Raise) and not node.decorator_list
    if isinstance(node, ast.ClassDef):
        called = all(isinstance(decorator, ast.Call) for decorator in node.decorator_list)
        return called and not node.keywords and _plain(node.body, ast.AnnAssign, ast.FunctionDef)
    if isinstance(node, ast.Call):
        error = ast.unparse(node.func) == "NotImplementedError" and not node.keywords
        return ast.unparse(node) in CALLS or (error and all(isinstance(arg, ast.Constant) for arg in node.args))
    return not isinstance(node, ast.Lambda | ast.NamedExpr | ast.Await | ast.Yield | ast.comprehension)


def _known(module: str, imported: ast.alias) -> bool:
    return module.partition(".")[0] in LIBRARIES and imported.asname is None
