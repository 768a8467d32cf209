"""The usual script's way: sum of lists, map's own batch size, set_format, a RandomSampler."""

import torch
from torch.utils.data import DataLoader, RandomSampler


def keep_long_texts(texts, min_chars=50):
    def long_enough(batch):
        return [len(text.strip()) > min_chars for text in batch["text"]]

    return texts.filter(long_enough, batched=True)


def tokenize_and_chunk(examples, tokenizer, block_size):
    if block_size < 1:
        raise ValueError("block_size must be positive")
    joined = sum((tokenizer.encode(text) for text in examples["text"]), [])  # noqa: RUF017 - as many write it
    blocks = []
    for i in range(len(joined) // block_size):
        blocks.append(joined[i * block_size : (i + 1) * block_size])
    return {"input_ids": blocks}


def build_dataset(texts, tokenizer, block_size=256):
    if block_size < 1:
        raise ValueError("block_size must be positive")
    long_texts = keep_long_texts(texts)
    dataset = long_texts.map(
        lambda batch: tokenize_and_chunk(batch, tokenizer, block_size),
        batched=True,
        remove_columns=long_texts.column_names,
    )
    if not len(dataset):
        n_tokens = sum(len(tokenizer.encode(row["text"])) for row in long_texts)
        raise ValueError(f"only {n_tokens} tokens after filtering: fewer than one block of {block_size}")
    dataset.set_format("torch")
    return dataset


def make_loader(dataset, batch_size=16, shuffle=True, seed=0):
    generator = torch.Generator()
    generator.manual_seed(seed)
    sampler = RandomSampler(dataset, generator=generator) if shuffle else None
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler)
