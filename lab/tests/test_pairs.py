"""Parallel text and its pieces."""

import datasets
import pytest

from lab import pairs
from lab.problem import Problem
from lab.subwords import BOS_ID, EOS_ID, PAD_ID, Subwords, padded


def test_numbers_in_words():
    assert pairs.in_words(42) == ("forty-two", "zweiundvierzig")
    assert pairs.in_words(99_999)[1] == "neunundneunzigtausendneunhundertneunundneunzig"


def test_held_out_numbers_are_never_trained_on_and_the_seed_chooses_them():
    data = pairs.numbers(seed=3, drawn=200, held_out=50)
    assert len(data.held_out) == len(set(data.held_out)) == 50
    assert not {source for source, _ in data.train} & {source for source, _ in data.held_out}
    assert len(data.train) == len(set(data.train)) > 1_100  # 200, and nearly all below 1,000
    assert ("seven", "sieben") in data.train + data.held_out
    again, other = pairs.numbers(3, 200, 50), pairs.numbers(4, 200, 50)
    assert data == again
    assert data.held_out != other.held_out


def test_a_file_of_pairs_is_split_by_source(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("".join(f"word {i % 40}\tWort  {i} \t more\n\n" for i in range(80)), encoding="utf-8")
    data = pairs.load(str(path), seed=0)
    assert (len(data.train), len(data.held_out)) == (36, 4)
    assert len({source for source, _ in data.train + data.held_out}) == 40
    assert all(target == f"Wort {source.split()[1]}" for source, target in data.train)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a\tb\n" * 30, "holds 1 different pairs"),
        (b"a\tb\nno tab here\n", "line 2, is not a source, a tab and its translation"),
        (b"a\t \n", "line 1"),
        (b"\xff\t\xfe\n", "not UTF-8"),
    ],
)
def test_a_bad_file_is_named_in_one_line(tmp_path, text, said):
    path = tmp_path / "bad.tsv"
    path.write_bytes(text)
    with pytest.raises(Problem, match=said):
        pairs.load(str(path), seed=0)


def test_a_missing_file_says_what_there_is(tmp_path):
    with pytest.raises(Problem, match="give numbers, multi30k, or a file"):
        pairs.load(str(tmp_path / "nothing.tsv"), seed=0)
    with pytest.raises(Problem, match="cannot read"):
        pairs.load(str(tmp_path), seed=0)


def test_multi30k_offline_says_what_to_do(monkeypatch):
    def offline(name):
        raise ConnectionError(f"Couldn't reach {name} on the Hub")

    monkeypatch.setattr(pairs, "load_dataset", offline)
    with pytest.raises(Problem, match="connect once to cache it"):
        pairs.load("multi30k", seed=0)


def test_multi30k_takes_english_and_german(monkeypatch):
    rows = datasets.Dataset.from_list([{"en": "A dog.", "de": "Ein Hund."}])
    monkeypatch.setattr(pairs, "load_dataset", lambda name: {"train": rows, "validation": rows})
    assert pairs.load("multi30k", seed=0).train == [("A dog.", "Ein Hund.")]


TEXTS = [pairs.in_words(number)[1] for number in range(300)] + ["Ein Hund, der läuft."]


def test_pieces_give_the_text_back():
    pieces = Subwords(TEXTS, 90)
    assert len(pieces) == 90
    for text in TEXTS:
        ids = pieces.encode(text)
        assert (ids[0], ids[-1]) == (BOS_ID, EOS_ID)
        assert pieces.decode(ids) == pieces.decode([*ids, PAD_ID, 7]) == text
    assert "".join(pieces.pieces(pieces.encode("zwei"))).replace("␣", "") == "<s>zwei</s>"
    assert pieces.pieces([pieces.backend.token_to_id("▁")]) == ["␣"]


def test_rows_are_padded_at_their_ends():
    assert padded([[1, 5, 2], [1, 2]]).tolist() == [[1, 5, 2], [1, 2, PAD_ID]]
