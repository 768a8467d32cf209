"""A generator over the whole corpus: no map batch at all, nothing lost but the very last tail."""

import torch
from datasets import Dataset, Features, Sequence, Value
from torch.utils.data import DataLoader


def keep_long_texts(texts, min_chars=50):
    return texts.filter(lambda text: len(text.strip()) > min_chars, input_columns="text")


def tokenize_and_chunk(examples, tokenizer, block_size):
    return {"input_ids": list(_blocks(examples["text"], tokenizer, block_size))}


def _blocks(texts, tokenizer, block_size):
    if block_size < 1:
        raise ValueError("a block needs at least one token")
    rest = []
    for text in texts:
        rest += tokenizer(text, add_special_tokens=False, truncation=False)["input_ids"]
        while len(rest) >= block_size:
            yield rest[:block_size]
            rest = rest[block_size:]


def build_dataset(texts, tokenizer, block_size=256):
    kept = list(keep_long_texts(texts)["text"])
    blocks = list(_blocks(kept, tokenizer, block_size))
    if not blocks:
        found = sum(len(tokenizer(text)["input_ids"]) for text in kept)
        raise ValueError(f"{found} tokens left, not enough for one block")
    features = Features({"input_ids": Sequence(Value("int64"))})
    return Dataset.from_dict({"input_ids": blocks}, features=features).with_format("torch")


def make_loader(dataset, batch_size=16, shuffle=True, seed=0):
    options = {"shuffle": True, "generator": torch.Generator().manual_seed(seed)} if shuffle else {}
    return DataLoader(dataset, batch_size=batch_size, drop_last=False, **options)
