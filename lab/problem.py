"""What can go wrong outside the code: told in one line, never as a traceback."""


class Problem(Exception):  # noqa: N818 - it reads as what it is
    """Something that the user can mend. Its text says in one line what is wrong and what to do next."""
