"""Step 2, solved: texts in, batches of equally long blocks of tokens out."""

from itertools import chain

import torch
from datasets import Dataset
from torch.utils.data import DataLoader

MAP_BATCH = 10_000  # texts that are cut up together: each map batch loses its tail, so few and large ones lose least


def keep_long_texts(texts: Dataset, min_chars: int = 50) -> Dataset:
    """Keep the rows whose "text", without the white space around it, is longer than `min_chars` characters."""
    return texts.filter(lambda row: len(row["text"].strip()) > min_chars)


def tokenize_and_chunk(examples: dict[str, list[str]], tokenizer, block_size: int) -> dict[str, list[list[int]]]:
    """Lay the tokens of a map batch end to end, in order, and cut them into blocks.

    examples: {"text": [...]}. Returns {"input_ids": [...]}, lists of exactly `block_size` ids each; a shorter tail is
    dropped, so fewer than `block_size` tokens give no block. Raises ValueError if block_size < 1.
    """
    _check_block_size(block_size)
    tokens = list(chain.from_iterable(_token_ids(examples["text"], tokenizer)))
    end = len(tokens) - len(tokens) % block_size
    return {"input_ids": [tokens[start : start + block_size] for start in range(0, end, block_size)]}


def build_dataset(texts: Dataset, tokenizer, block_size: int = 256) -> Dataset:
    """Filter, tokenize and cut up a corpus.

    texts: has a "text" column; any other is left behind. Returns a dataset whose only column is "input_ids", an int64
    tensor (block_size,) a row. Raises ValueError if block_size < 1, and if there is no full block: the message then
    says how many tokens are left after filtering.
    """
    _check_block_size(block_size)
    kept = keep_long_texts(texts).select_columns("text")
    blocks = kept.map(
        tokenize_and_chunk,
        batched=True,
        batch_size=MAP_BATCH,
        fn_kwargs={"tokenizer": tokenizer, "block_size": block_size},
        remove_columns="text",  # the rows that come out are blocks, no longer texts
    )
    if len(blocks) == 0:
        count = sum(map(len, _token_ids(list(kept["text"]), tokenizer)))
        raise ValueError(f"no full block: {count} tokens are left after filtering, a block needs {block_size}")
    return blocks.with_format("torch")


def make_loader(dataset: Dataset, batch_size: int = 16, shuffle: bool = True, seed: int = 0) -> DataLoader:
    """Batches {"input_ids": (B, T)} int64, B = batch_size; the last one may be smaller.

    The same seed gives the same order, whatever else has drawn random numbers; every epoch is shuffled anew.
    """
    generator = torch.Generator().manual_seed(seed)  # its own: the global one is moved on by dropout and sampling
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, generator=generator)  # type: ignore[arg-type]


def _check_block_size(block_size: int) -> None:
    if block_size < 1:
        raise ValueError(f"block_size must be at least 1, not {block_size}")


def _token_ids(texts: list[str], tokenizer) -> list[list[int]]:
    """Every text's ids, whole. `verbose=False`: no warning that a text is longer than the model; it is cut up next."""
    return tokenizer(texts, verbose=False)["input_ids"] if texts else []
