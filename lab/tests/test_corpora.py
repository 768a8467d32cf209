"""The texts: what is kept, what is dropped, and that validation is never trained on."""

import pytest

from lab import corpora
from lab.problem import Problem


def test_docs_is_english_without_leaks():
    docs = corpora.docs()
    train, validation = (set("".join(part).split("\n")) - {""} for part in (docs.train, docs.validation))
    assert not train & validation
    assert sum(map(len, train)) > 150_000
    assert 0.05 < sum(map(len, validation)) / sum(map(len, train)) < 0.3
    text = "".join(docs.train)
    for adornment in ("::=", ">>>", "****", "===", "   "):
        assert adornment not in text
    assert all(row.endswith("\n") for row in docs.train)
    assert all(len(row.strip()) > 50 for row in docs.train)


def test_a_paragraph_quoted_by_another_topic_is_kept_once():
    said = "This is a sentence of English that is long enough."
    own = "And this one is another sentence, found nowhere else."
    assert corpora._distinct_prose([said, f"{said}\n\n{own}\n\n{own}", said]) == [[said], [own]]


def test_prose_drops_code_grammar_and_headings():
    page = (
        "The if statement\n****************\n\nThe statement is used for conditional\nexecution in programs:\n\n"
        '   if_stmt ::= "if" expression\n\n   >>> if True:\n   ...     pass\n\n'
        "It selects *exactly* one of the suites by then."
    )
    assert corpora.prose(page) == [
        "The statement is used for conditional execution in programs:",
        "It selects exactly one of the suites by then.",
    ]


def test_a_file_loses_nothing_and_its_last_tenth_is_validation(text_file):
    corpus = corpora.from_path(text_file)
    assert "".join(corpus.train + corpus.validation).rstrip() == text_file.read_text()
    assert min(map(len, corpus.train)) >= corpora.MIN_ROW
    assert 0.05 < len(corpus.validation) / len(corpus.train) < 0.15
    assert len(corpus.prompts) == 3


def test_a_text_without_blank_lines_is_cut_at_line_breaks(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"line {i} of many\n" for i in range(1_000)))
    corpus = corpora.from_path(file)
    assert "".join(corpus.train + corpus.validation) == file.read_text()
    assert len(corpus.train) > 5


def test_a_folder_brings_its_own_split(tmp_path):
    (tmp_path / "train.txt").write_text("to learn from\n" * 40)
    (tmp_path / "valid.md").write_text("to be judged by\n" * 40)
    corpus = corpora.from_path(tmp_path)
    assert set("".join(corpus.train).split("\n")) - {""} == {"to learn from"}
    assert set("".join(corpus.validation).split("\n")) - {""} == {"to be judged by"}


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(None, "there is no corpus"), (b"", "too little"), (b" \n\n", "too little"), (b"caf\xe9 " * 99, "not UTF-8")],
)
def test_bad_text_is_one_clear_line(tmp_path, content, wanted):
    file = tmp_path / "text.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Problem, match=wanted) as caught:
        corpora.from_path(file)
    assert "\n" not in str(caught.value)


def test_a_folder_without_text_is_one_clear_line(tmp_path):
    with pytest.raises(Problem, match="holds no"):
        corpora.from_path(tmp_path)


def test_wikitext_offline_says_what_to_do(monkeypatch):
    def offline(*_):
        raise ConnectionError("Couldn't reach the hub")

    monkeypatch.setattr(corpora, "load_dataset", offline)
    with pytest.raises(Problem, match="--corpus docs or --corpus PATH"):
        corpora.wikitext()
