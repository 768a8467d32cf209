"""Asking the hub where there is no network: one line, whatever the library has to say."""

import pytest
from datasets.exceptions import DatasetNotFoundError
from huggingface_hub.utils import logging

from lab.hub import asked
from lab.problem import Problem


@pytest.mark.parametrize("error", [ConnectionError("no route"), OSError("offline"), DatasetNotFoundError("not cached")])
def test_out_of_reach_is_one_line_that_says_what_to_do(error, capfd):
    def load():
        logging.get_logger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise error

    with pytest.raises(Problem) as told, asked("a corpus", "or use another"):
        load()
    assert str(told.value).endswith("connect once to cache it, or use another")
    out, err = capfd.readouterr()
    assert out == "asking the Hugging Face hub for a corpus, or its cache\n"
    assert err == ""


def test_other_errors_pass_through():
    with pytest.raises(ZeroDivisionError), asked("a corpus", "or use another"):
        raise ZeroDivisionError
