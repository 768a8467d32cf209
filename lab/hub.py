"""The Hugging Face hub: asked where there is a network, its cache used where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager

from datasets.exceptions import DatasetNotFoundError
from huggingface_hub.utils import logging as hub_logging

from lab.problem import Problem


@contextmanager
def asked(what: str, otherwise: str) -> Iterator[None]:
    """The block loads `what`; raises Problem, saying what to do `otherwise`, if it is neither in reach nor cached."""
    hub_logging.set_verbosity_error()  # what it tries again is no news: it works, or the line below says what to do
    print(f"asking the Hugging Face hub for {what}, or its cache", flush=True)  # offline it tries for half a minute
    try:
        yield
    except (OSError, DatasetNotFoundError) as error:  # offline and not in the hub's cache: the library says either
        raise Problem(
            f"{what} cannot be fetched from the Hugging Face hub: connect once to cache it, {otherwise}"
        ) from error
