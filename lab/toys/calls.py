"""Seeing what a call does: the error that it raises, what it prints."""

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any


def raised(call: Callable[[], Any]) -> dict[str, Any]:
    """Call it, and tell which error came: {"type": str or None, "value_error": bool, "message": str}.

    A stub's NotImplementedError passes through: "not started" is not a wrong error.
    """
    try:
        call()
    except NotImplementedError:
        raise
    except Exception as error:  # the error is the evidence
        return {"type": type(error).__name__, "value_error": isinstance(error, ValueError), "message": str(error)}
    return {"type": None, "value_error": False, "message": ""}


@contextlib.contextmanager
def printed() -> Iterator[io.StringIO]:
    """Collect what is printed to stdout and stderr within the block."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        yield out
