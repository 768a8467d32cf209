"""The tokenizers: nothing lost, nothing added, cached, and clear words when there is none."""

import pytest
from transformers import AutoTokenizer

from lab import corpora, vocab
from lab.problem import Problem

TEXTS = ["the cat sat on the mat.\n", "a café, naïve: 日本\n"] * 5


@pytest.mark.parametrize("text", ["the cat  sat.\n\n", "日本 café \t", "never seen: Ω"])
def test_bpe_gives_every_text_back(text):
    tokenizer = vocab.bpe(300, TEXTS)
    assert len(tokenizer) <= 300
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.pad_token == tokenizer.eos_token == vocab.EOS


def test_bpe_is_trained_once_for_a_text_and_a_size(monkeypatch):
    first = vocab.bpe(300, TEXTS)
    with monkeypatch.context() as patch:
        patch.setattr(vocab.trainers, "BpeTrainer", None)  # a second training would fail
        assert vocab.bpe(300, TEXTS).get_vocab() == first.get_vocab()
    assert [path.suffix for path in vocab.cache_folder().iterdir()] == [".json"]
    vocab.bpe(290, TEXTS)
    vocab.bpe(300, TEXTS[:1])
    assert len(list(vocab.cache_folder().iterdir())) == 3


def test_char_has_a_token_a_character_and_one_for_the_unknown():
    tokenizer = vocab.char(TEXTS)
    text = "a cat, 日本\n"
    assert len(tokenizer.encode(text)) == len(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode("Ω") == [tokenizer.unk_token_id]


def test_a_folder_with_gpt2s_two_files_is_a_tokenizer(tmp_path):
    vocab.bpe(300, TEXTS).backend_tokenizer.model.save(str(tmp_path))
    tokenizer = vocab.from_folder(tmp_path)
    assert tokenizer.decode(tokenizer.encode("the cat, 日本")) == "the cat, 日本"


def test_gpt2_offline_says_what_to_do(monkeypatch):
    def offline(*_, **__):
        raise OSError("We couldn't connect")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", offline)
    with pytest.raises(Problem, match="--tokenizer DIR"):
        vocab.from_hub()


@pytest.mark.parametrize("name", ["bpe:", "bpe:x", "bpe:256", "nonsense"])
def test_a_wrong_name_is_one_clear_line(name):
    corpus = corpora.Corpus("c", TEXTS, TEXTS, [])
    with pytest.raises(Problem, match=name):
        vocab.load(name, corpus)


def test_a_folder_without_a_tokenizer_is_one_clear_line(tmp_path):
    with pytest.raises(Problem, match="holds no tokenizer"):
        vocab.from_folder(tmp_path)
