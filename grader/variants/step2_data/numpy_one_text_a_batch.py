"""NumPy blocks, one text a map batch, a sampler of its own that seeds every epoch by its number."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler


def keep_long_texts(texts, min_chars=50):
    return texts.select([i for i, text in enumerate(texts["text"]) if len(text.strip()) >= min_chars + 1])


def tokenize_and_chunk(examples, tokenizer, block_size):
    _positive(block_size)
    ids = np.array([token for text in examples["text"] for token in tokenizer(text).input_ids], dtype=np.int64)
    n_blocks = ids.size // block_size
    return {"input_ids": ids[: n_blocks * block_size].reshape(n_blocks, block_size)}


def build_dataset(texts, tokenizer, block_size=256):
    _positive(block_size)
    kept = keep_long_texts(texts)
    total = sum(len(tokenizer(text).input_ids) for text in kept["text"])
    blocks = kept.map(
        tokenize_and_chunk,
        batched=True,
        batch_size=1,
        remove_columns=kept.column_names,
        fn_kwargs={"tokenizer": tokenizer, "block_size": block_size},
    )
    if blocks.num_rows == 0:
        raise ValueError(f"no chunk of {block_size} tokens: {total} tokens left")
    return blocks.with_format("torch", columns=["input_ids"])


class EpochSampler(Sampler):
    def __init__(self, size, seed):
        self.size, self.seed, self.epoch = size, seed, 0

    def __iter__(self):
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.size)
        self.epoch += 1
        return iter(order.tolist())

    def __len__(self):
        return self.size


def make_loader(dataset, batch_size=16, shuffle=True, seed=0):
    def collate(rows):
        return {"input_ids": torch.stack([row["input_ids"] for row in rows])}

    sampler = EpochSampler(len(dataset), seed) if shuffle else None
    return DataLoader(dataset, batch_size, sampler=sampler, collate_fn=collate)


def _positive(block_size):
    if block_size <= 0:
        raise ValueError(f"block_size {block_size}")
