"""`python -m grader`: see `grader.cli`."""

import sys

from grader.cli import main

if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a name that the terminal lacks
    sys.exit(main(sys.argv[1:]))
