"""The attention that is seen, however it is written."""

import importlib.util
import sys

import pytest
import torch
from torch import nn

from lab.attention_map import cross_attention, seen
from lab.steps import ROOT

BUILDS = sorted((ROOT / "grader/variants/step10_translator").glob("*.py"))


@pytest.mark.parametrize("path", [ROOT / "solutions/step10_translator.py", *BUILDS], ids=lambda path: path.stem)
def test_every_build_of_the_translator_shows_its_attention(path):
    torch.manual_seed(0)
    spec = importlib.util.spec_from_file_location("translator", path)
    module = sys.modules["translator"] = importlib.util.module_from_spec(spec)  # dataclasses look it up there
    spec.loader.exec_module(module)
    model = module.Translator(module.TranslatorConfig(src_vocab=30, tgt_vocab=30)).eval()
    src, tgt = torch.randint(1, 30, (1, 9)), torch.randint(1, 30, (1, 5))
    src[0, -2:] = 0
    src_mask, tgt_mask = (src != 0)[:, None], torch.ones(1, 5, 5, dtype=torch.bool).tril()
    plain = model.decode(model.encode(src, src_mask), src_mask, tgt, tgt_mask)
    memory, said = model.encode(src, src_mask), []
    shares = cross_attention(lambda: said.append(model.decode(memory, src_mask, tgt, tgt_mask)), 5, 9)
    torch.testing.assert_close(said[0], plain)  # looking changes nothing
    assert shares.shape == (5, 9)
    torch.testing.assert_close(shares.sum(-1), torch.ones(5))
    assert not shares[:, -2:].any()


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("asked", [True, False])
def test_the_librarys_attention_returns_what_it_was_asked_for(asked, average):
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(1, 3, 8)
    wanted = layer(x, x, x, need_weights=asked, average_attn_weights=average)
    with seen() as tables:
        got = layer(x, x, x, need_weights=asked, average_attn_weights=average)
    torch.testing.assert_close(got[0], wanted[0])
    assert (got[1] is None) == (wanted[1] is None)
    if asked:
        torch.testing.assert_close(got[1], wanted[1])
    assert [table.shape for table in tables] == [(1, 2, 3, 3)]


def test_attention_from_exp_and_sum_is_not_seen():
    scores = torch.randn(1, 3, 4)
    assert cross_attention(lambda: scores.exp() / scores.exp().sum(-1, keepdim=True), 3, 4) is None


def test_two_sides_of_one_size_are_refused():
    with pytest.raises(ValueError, match="pad one side"):
        cross_attention(lambda: None, 4, 4)
