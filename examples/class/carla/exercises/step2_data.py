"""Step 2: the data. Texts in, batches of equally long blocks of tokens out.

What it does. A model does not read texts, it reads a rectangle of numbers, (B, T): B rows of T token ids each. A
corpus is nothing like that: headings, empty lines, paragraphs of every length. Four functions turn one into the other.

    texts                  {"text": str}, any length
      -> keep_long_texts   headings and blank lines thrown out
      -> tokenize_and_chunk   ids end to end, cut every `block_size` ids: "input_ids", (block_size,) a row
      -> build_dataset     the two above over a whole corpus, as tensors
      -> make_loader       {"input_ids": (B, T)} for the training loop, in a new order every epoch

Why blocks, and why no padding. The usual way for sentences is a row a text: long ones cut off, short ones filled
up with a padding token. For pretraining that wastes twice. What is cut off is never learnt from, and every padding
token costs as much time as a real one and teaches nothing (or teaches the model to write padding). Text is what we
have plenty of, so lay it all end to end and cut: every position of every row is a real token, and only one short
tail is lost. A block may begin in the middle of a sentence. That does no harm: so does every prompt.

Why the map batch matters. `Dataset.map(..., batched=True)` hands over a number of texts at a time, and the function
may give back another number of rows. It sees nothing of the batch before, so *each* batch loses its own tail: on
average half a block. With 1,000 texts a batch that is next to nothing; with one text a batch it is half a block for
every text, and a text shorter than a block is lost altogether. Choose large batches (memory is the limit).

Why a seed. Shuffling keeps neighbouring rows, cut from one text, from sharing a batch; a new order every epoch keeps
the batches from repeating. But an experiment must be repeatable, and the global random state is moved on by whatever
draws from it first (the weights' start, dropout, sampling). So the loader gets a torch.Generator of its own.

What is checked: the filter at its boundary; the blocks, exactly, for any texts and any block size; that no token of
a long text is missing and none comes twice; column, type and shape of the dataset; that every row comes once an
epoch; who decides the order; the errors.

What usually goes wrong: `truncation=True` or `padding=True` handed to the tokenizer; special tokens put between the
texts; each text cut up by itself, so that its tail goes too; the last block lost when the tokens come out even; the
old "text" column still there (its length no longer fits, and `map` complains); the last batch dropped; the same
order in every epoch.

Hint: the end of the last block is at `len(tokens) - len(tokens) % block_size`. And `tokenizer(list_of_texts)` takes
many texts at once; a warning that a text is longer than the model may read is no matter here: it is cut up next.
"""

from datasets import Dataset
from torch.utils.data import DataLoader


def keep_long_texts(texts: Dataset, min_chars: int = 50) -> Dataset:
    """Keep the rows whose "text", without the white space around it, is longer than `min_chars` characters."""
    raise NotImplementedError("step 2: write keep_long_texts: filter by the length of the stripped text")


def tokenize_and_chunk(examples: dict[str, list[str]], tokenizer, block_size: int) -> dict[str, list[list[int]]]:
    """Lay the tokens of a map batch end to end, in order, and cut them into blocks.

    examples: {"text": [...]}. Returns {"input_ids": [...]}, lists of exactly `block_size` ids each; a shorter tail is
    dropped, so fewer than `block_size` tokens give no block. Raises ValueError if block_size < 1.
    """
    raise NotImplementedError("step 2: write tokenize_and_chunk: ids end to end, cut into blocks")


def build_dataset(texts: Dataset, tokenizer, block_size: int = 256) -> Dataset:
    """Filter, tokenize and cut up a corpus.

    texts: has a "text" column; any other is left behind. Returns a dataset whose only column is "input_ids", an int64
    tensor (block_size,) a row. Raises ValueError if block_size < 1, and if there is no full block: the message then
    says how many tokens are left after filtering.
    """
    raise NotImplementedError("step 2: write build_dataset: filter, map, torch format")


def make_loader(dataset: Dataset, batch_size: int = 16, shuffle: bool = True, seed: int = 0) -> DataLoader:
    """Batches {"input_ids": (B, T)} int64, B = batch_size; the last one may be smaller.

    The same seed gives the same order, whatever else has drawn random numbers; every epoch is shuffled anew.
    """
    raise NotImplementedError("step 2: write make_loader: a DataLoader with a generator of its own")
