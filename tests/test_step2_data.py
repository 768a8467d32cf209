"""Step 2, graded: texts become equally long blocks of tokens, and blocks become batches. 15 points."""

import random

import datasets
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from grader.expect import expect, expect_equal, expect_raises, expect_tensor, show
from grader.probe import points, probe
from lab.toys import calls
from lab.toys.words import word_tokenizer

FILLING = st.sampled_from(["x", "é", "y z", "- x", "= \n x"])
MARGIN = st.sampled_from(["", " ", "\n", "  \n\t ", " " * 60])
FIRST_ID = 3  # word number i of the toy vocabulary is token 3 + i; 0, 1, 2 are <pad>, <unk>, <eos>


@probe
def kept_rows(student, rows, min_chars):
    datasets.disable_progress_bars()
    texts = datasets.Dataset.from_list(rows)
    kept = student.keep_long_texts(texts) if min_chars is None else student.keep_long_texts(texts, min_chars)
    return [dict(row) for row in kept]


@probe
def chunks_of(student, texts, words, block_size):
    examples = {"text": list(texts)}
    found = student.tokenize_and_chunk(examples, word_tokenizer(words), block_size)
    kept = examples == {"text": list(texts)}
    return {"kept": kept, "names": sorted(found), "rows": [[int(token) for token in row] for row in found["input_ids"]]}


@probe
def chunks_of_characters(student, texts, characters, block_size):
    """As above, with a tokenizer to which every character is a token, white space too."""
    backend = Tokenizer(models.WordLevel({c: i for i, c in enumerate(["<unk>", *characters])}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
    found = student.tokenize_and_chunk({"text": list(texts)}, tokenizer, block_size)
    return {"rows": [[int(token) for token in row] for row in found["input_ids"]]}


@probe
def built(student, columns, words, block_size):
    datasets.disable_progress_bars()
    texts = datasets.Dataset.from_dict(columns)
    size = {} if block_size is None else {"block_size": block_size}
    dataset = student.build_dataset(texts, word_tokenizer(words), **size)
    if not isinstance(dataset, datasets.Dataset):
        return {"type": type(dataset).__name__}
    rows = [dataset[i].get("input_ids") for i in range(len(dataset))]
    return {
        "kept": texts.column_names == list(columns) and texts.format["type"] is None and texts[:] == columns,
        "type": "Dataset",
        "columns": list(dataset.column_names),
        "first": rows[0] if rows and isinstance(rows[0], torch.Tensor) else [type(row).__name__ for row in rows[:1]],
        "rows": [[int(token) for token in row] for row in rows] if "input_ids" in dataset.column_names else [],
    }


@probe
def error_of_chunks(student, texts, words, block_size):
    return calls.raised(lambda: student.tokenize_and_chunk({"text": list(texts)}, word_tokenizer(words), block_size))


@probe
def error_of_build(student, texts, words, block_size):
    datasets.disable_progress_bars()
    corpus = datasets.Dataset.from_dict({"text": texts})
    return calls.raised(lambda: student.build_dataset(corpus, word_tokenizer(words), block_size))


@probe
def epochs_of(student, rows, options, epochs, disturbance):
    """The batches of some epochs; between them, something else draws random numbers."""
    datasets.disable_progress_bars()
    loader = student.make_loader(datasets.Dataset.from_dict({"input_ids": rows}).with_format("torch"), **options)
    found = []
    for epoch in range(epochs):
        torch.manual_seed(disturbance + epoch)
        found.append([{**batch} if hasattr(batch, "keys") else batch for batch in loader])
    return found


# -- the filter


@points(2, step=2, hint="What is left of the text after .strip(), and is the comparison strict?")
@example(min_chars=None, texts=[(over, "- x  y", "   ", "\n\n") for over in (-50, -4, -2, -1, 0, 1, 3, 40)])
@example(min_chars=7, texts=[(over, "x y", "", " " * 9) for over in (2, 1, 0, -1, -7)])
@given(
    min_chars=st.sampled_from([None, 1, 5, 12]),
    texts=st.lists(
        st.tuples(st.sampled_from([-50, -2, -1, 0, 1, 2, 40]), FILLING, MARGIN, MARGIN), min_size=1, max_size=6
    ),
)
def test_only_long_texts_are_kept(student, min_chars, texts):
    """A text stays if it is longer than `min_chars` without the white space around it (50 unless told otherwise).

    Order and the other columns stay as they are.
    """
    torch.manual_seed(len(texts))  # the same example, the same run
    limit = 50 if min_chars is None else min_chars
    rows = []
    for i, (over, filling, left, right) in enumerate(texts):
        n = max(0, limit + over)
        body = (filling * n)[:n].strip().ljust(n, "q")  # exactly n characters, none of them white space at an end
        rows.append({"text": left + body + right, "n": i})
    wanted = [row["n"] for row in rows if len(row["text"].strip()) > limit]
    call = "keep_long_texts(texts)" if min_chars is None else f"keep_long_texts(texts, {min_chars})"
    lengths = ", ".join(str(len(row["text"].strip())) for row in rows)
    did = f"{call} on texts of {lengths} characters, not counting the white space around them."
    kept = kept_rows(student, rows, min_chars)
    expect(isinstance(kept, list), did=did, wanted="rows", got=show(kept), look="return what texts.filter gives.")
    columns = sorted({name for row in kept if isinstance(row, dict) for name in row})
    look = "filter drops rows, never columns: every column stays."
    expect(not kept or columns == ["n", "text"], did=did, wanted="the columns n and text", got=show(columns), look=look)
    numbers = [_field(row, "n") for row in kept]
    expect(
        numbers == wanted,
        did=did,
        wanted=f"the texts number {show(wanted)} (counted from 0): those longer than {limit} characters",
        got=f"the texts number {show(numbers)}" + _first_wrong(rows, numbers, wanted),
        look="the comparison: strictly longer, after strip(); every other row and column stays as it was.",
    )
    expect(
        kept == [rows[i] for i in wanted],
        did=did,
        wanted="the rows themselves, unchanged",
        got=f"other rows: {show(kept)}",
        look="strip() is for the comparison only: the text that is kept keeps its white space, and no column goes.",
    )


def _first_wrong(rows, numbers, wanted):
    """The first text that was kept or left out against the contract, its middle cut out."""
    wrong = [row["text"] for row in rows if (row["n"] in numbers) != (row["n"] in wanted)]
    text = wrong[0] if wrong else ""
    short = text if len(text) <= 40 else f"{text[:15]} ... {text[-15:]}"
    return f"; the first that is wrong: {short!r}" if wrong else ""


# -- tokens end to end, cut into blocks


@points(3, step=2, hint="Are the tokens of all texts in one list before you cut?")
@example(lengths=[1, 2], block_size=5)
@example(lengths=[5, 3, 9, 2], block_size=4)
@example(lengths=[2, 0, 2], block_size=2)
@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    block_size=st.integers(1, 12),
)
def test_tokens_end_to_end_in_blocks(student, lengths, block_size):
    """The tokens of all texts, in order, are cut into blocks of exactly `block_size`; a short tail is dropped.

    Blocks go across the ends of texts: nothing is padded, nothing is put between, nothing comes twice.
    """
    _check_chunks(student, lengths, block_size)


@points(1, step=2, hint="How many whole blocks are there in exactly 3 * block_size tokens? In block_size - 1?")
@example(n_texts=1, block_size=4, n_blocks=3, over=0)
@example(n_texts=2, block_size=3, n_blocks=2, over=-1)
@example(n_texts=1, block_size=5, n_blocks=1, over=-1)
@given(
    n_texts=st.integers(1, 4),
    block_size=st.integers(2, 8),
    n_blocks=st.integers(0, 4),
    over=st.sampled_from([-1, 0, 1]),
)
def test_blocks_at_the_edges(student, n_texts, block_size, n_blocks, over):
    """One token more or less than whole blocks: the last full block stays, a tail one token short of it goes."""
    total = max(0, n_blocks * block_size + over)
    lengths = [total // n_texts] * (n_texts - 1)
    _check_chunks(student, [*lengths, total - sum(lengths)], block_size)


@points(0.5, step=2, hint="Does the tokenizer get an option that cuts off or fills up?")
def test_a_long_text_is_cut_up_whole(student):
    """A text far longer than the model may read at once is cut into blocks from its first token to its last."""
    _check_chunks(student, [random.randint(1100, 1200), 1, random.randint(40, 60)], random.randint(5, 9))


@points(0.5, step=2, hint="What does the tokenizer get: each text as it is?")
def test_white_space_is_text(student):
    """To GPT-2 a blank or a new line is a token like any other: texts are neither stripped nor joined by anything."""
    texts, characters, size = [" ab\n", "c", "\n  ba ", "", "cc\n\n"], "abc \n", random.randint(2, 3)
    tokens = [1 + characters.index(c) for c in "".join(texts)]
    did = f"tokenize_and_chunk, block_size={size}, {texts}; each character is a token: a is 1, b 2, c 3, ' ' 4, \\n 5."
    wanted = [tokens[i : i + size] for i in range(0, len(tokens) - size + 1, size)]
    rows = _rows(chunks_of_characters(student, texts, characters, size), did)
    expect(
        rows == wanted,
        did=did,
        wanted=show(wanted),
        got=show(rows),
        look="what the tokenizer gets: each text just as it is, nothing stripped, no blank put between.",
    )


def _check_chunks(student, lengths, block_size):
    torch.manual_seed(block_size)  # the same example, the same run
    words = [f"w{i}" for i in range(sum(lengths))]
    texts, start = [], 0
    for n in lengths:
        texts.append(" ".join(words[start : start + n]))
        start += n
    tokens = list(range(FIRST_ID, FIRST_ID + len(words)))
    wanted = [tokens[i : i + block_size] for i in range(0, len(tokens) - block_size + 1, block_size)]
    found = chunks_of(student, texts, words, block_size)
    did = f"tokenize_and_chunk, block_size={block_size}, on texts of {', '.join(map(str, lengths))} tokens."
    look = "return {'input_ids': ...} with lists of ids in it, and nothing else."
    expect_equal(_field(found, "names"), ["input_ids"], did=did + " The names in the dict:", look=look)
    expect_equal(_field(found, "kept"), True, did=did + " Are the examples as they were?", look="pop, del, +=, sort().")
    rows = _rows(found, did)
    expect(
        rows == wanted,
        did=did + (f" Together they are the tokens {tokens[0]} to {tokens[-1]}." if tokens else ""),
        wanted=_blocks(wanted, wanted, rows),
        got=_blocks(rows, wanted, rows),
        look=_what_went_wrong(rows, tokens, block_size),
    )


def _blocks(blocks, wanted, got):
    """All the blocks, or, where they are too many to show, those from the first that is not as wanted."""
    if max(len(str(wanted)), len(str(got))) <= 300:
        return show(blocks)
    same = 0
    while same < min(len(wanted), len(got)) and wanted[same] == got[same]:
        same += 1
    return f"{len(blocks)} blocks; from block {same} on (counted from 0): {show(blocks[same : same + 3])} ..."


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _rows(evidence, did):
    """The rows of ids in the evidence of a probe."""
    rows = _field(evidence, "rows")
    ok = isinstance(rows, list) and all(isinstance(row, list) and all(type(n) is int for n in row) for row in rows)
    expect(ok, did=did, wanted="rows of token ids", got=show(rows), look="what your function returns.")
    return rows


def _what_went_wrong(rows, tokens, block_size):
    flat = [token for row in rows for token in row]
    if any(len(row) != block_size for row in rows):
        return f"the lengths of the blocks, {sorted({len(row) for row in rows})}: every block has {block_size} tokens."
    if any(token not in tokens for token in flat):
        return "ids that no text holds (0 is <pad>, 1 <unk>, 2 <eos>): nothing is padded, nothing put between texts."
    if len(set(flat)) < len(flat):
        return "tokens that come more than once: blocks do not overlap."
    if flat != sorted(flat):
        return "the order: texts stay in order, and the tokens within them."
    if flat and flat != tokens[: len(flat)]:
        look = "tokens missing in the middle: does a block start too late, is each text cut up by itself, or cut off "
        return look + "at the model's length?"
    return "the end: every full block counts, across the ends of texts and when the tokens come out even."


# -- the whole corpus


@points(2, step=2, hint="Which columns does map keep, and what does indexing the dataset give: lists or tensors?")
def test_the_dataset_is_one_column_of_tensors(student):
    """`build_dataset` filters, cuts up and leaves "input_ids" alone: an int64 tensor (block_size,) a row.

    block_size is 256 unless told otherwise.
    """
    for block_size in (None, random.randint(3, 6)):
        size = block_size or 256
        texts, words, tokens = _corpus([(3 * size, True), (4, False), (3 * size + 1, True)])
        names = {"title": ["a", "b", "c"], "text": texts, "input_ids": [[1], [2], [3]], "n": [1, 2, 3]}
        if block_size is None:
            del names["input_ids"]
        found = built(student, names, words, block_size)
        option = "" if block_size is None else f", block_size={block_size}"
        did = f"build_dataset(texts, tokenizer{option}) on texts with the columns {', '.join(names)}."
        expect_equal(_field(found, "type"), "Dataset", did=did + " The type of the result:", look="what you return.")
        expect_equal(_field(found, "columns"), ["input_ids"], did=did + " Its columns:", look="map's remove_columns.")
        look = "block_size, and the dataset's format: with_format('torch') makes tensors of the lists."
        expect_tensor(_field(found, "first"), (size,), did=did + " The first row:", look=look, dtype=torch.int64)
        _check_runs(_rows(found, did), tokens, size, did)
        look = "set_format changes the dataset that it is called on; with_format makes another."
        expect_equal(_field(found, "kept"), True, did=did + " Is the corpus as it was?", look=look)


@points(1, step=2, hint="Is any token of a long text missing, other than at the end of a map batch?")
def test_no_token_is_lost_but_at_the_tails(student):
    """Row after row, the corpus goes by in order; what is missing between two rows is shorter than a block.

    Short texts are filtered out as in `keep_long_texts`. How large a map batch is, is up to you.
    """
    for _ in range(3):
        size = random.randint(2, 9)
        shapes = [(random.randint(3 * size, 8 * size), True) for _ in range(random.randint(3, 9))]
        shapes += [(random.randint(2, 9), False) for _ in range(3)]
        random.shuffle(shapes)
        texts, words, tokens = _corpus(shapes)
        found = built(student, {"text": texts}, words, size)
        did = f"build_dataset, block_size={size}, on {len(texts)} texts, 3 of them too short to keep."
        _check_runs(_rows(found, did), tokens, size, did)
    size = random.randint(14, 30)
    texts, words, tokens = _corpus([(size, True)])
    did = f"build_dataset, block_size={size}, on a text of {size} tokens: one block, and no tail."
    _check_runs(_rows(built(student, {"text": texts}, words, size), did), tokens, size, did)


def _corpus(shapes):
    """Texts of unique words, the words, and the tokens of the long ones: shapes are (words, longer than 50 or not).

    Long texts have 51 characters or more, short ones 50 or fewer and white space around them.
    """
    texts, words, tokens = [], [], []
    for n, is_long in shapes:
        new = [f"{len(words) + i}" for i in range(n)]
        spare = (51 if is_long else 50) - len(" ".join(new))
        new[-1] += "x" * max(spare, 0)  # exactly 51 or 50 characters where the words leave room
        if is_long:
            tokens += range(FIRST_ID + len(words), FIRST_ID + len(words) + n)
        words += new
        texts.append(" ".join(new) + ("" if is_long else " \n" * 9))
    return texts, words, tokens


def _check_runs(rows, tokens, size, did):
    """Each row is a run of consecutive kept tokens; rows go on in order, with less than a block between them."""
    ragged = sorted({len(row) for row in rows} - {size})
    expect(not ragged, did=did, wanted=f"{size} tokens a row", got=f"rows of {ragged}", look="the blocks' length.")
    place = {token: i for i, token in enumerate(tokens)}
    done = 0  # the kept tokens that rows and tails have used up
    for number, row in enumerate(rows):
        where = f"row {number}: {show(row)}"
        strange = [token for token in row if token not in place]
        expect(
            not strange,
            did=did,
            wanted="only tokens of the texts that are longer than 50 characters",
            got=f"{where}, with ids of something else: {show(strange)}",
            look="the filter (keep_long_texts comes first), and ids 0, 1, 2: they are <pad>, <unk>, <eos>.",
        )
        start = place[row[0]]
        run = tokens[start : start + size]
        expect(row == run, did=did, wanted=f"a run of the corpus: {show(run)}", got=where, look="how blocks are cut.")
        expect(
            done <= start < done + size,
            did=did,
            wanted=f"row {number} to begin where the row before ended, or less than a block ({size} tokens) later",
            got=f"token number {start} of the corpus, where number {done} was next",
            look="texts cut up one by one, cut off, or blocks that overlap: lay all tokens of a map batch end to end.",
        )
        done = start + size
    expect(
        len(tokens) - done < size,
        did=did,
        wanted=f"every full block: {len(tokens)} tokens are kept, blocks have {size}",
        got=f"{len(rows)} rows; the last ends at token number {done} of {len(tokens)}",
        look="the end of the last text: only a tail shorter than a block may be missing.",
    )


# -- errors


@points(1, step=2, hint="What should block_size=0 do, before any work is done?", observed=True)
def test_a_block_has_at_least_one_token(student):
    """`block_size < 1` raises ValueError in both functions, at once and for any texts."""
    words = [f"w{i}" for i in range(90)]
    texts = [" ".join(words)]
    look = "check block_size at the top of both functions, and raise ValueError."
    for size in (0, -random.randint(1, 9)):
        found = error_of_chunks(student, texts, words, size)
        expect_raises(found, did=f"tokenize_and_chunk(texts, tokenizer, {size})", look=look)
        found = error_of_build(student, texts, words, size)
        expect_raises(found, did=f"build_dataset(texts, tokenizer, block_size={size})", look=look)


@points(1, step=2, hint="What would a training loop make of a dataset without rows?", observed=True)
def test_a_corpus_without_a_full_block_says_so(student):
    """Where no full block comes out, `build_dataset` raises ValueError saying how many tokens passed the filter."""
    look = "raise ValueError if the dataset is empty, with the number of tokens left after filtering in the message."
    for shapes in ([(random.randint(60, 80), True), (17, False)], [(14, True), (9, False), (23, True)], [(11, False)]):
        texts, words, tokens = _corpus(shapes)
        size = random.randint(200, 300)
        did = f"build_dataset, block_size={size}, on {len(texts)} texts of {', '.join(str(n) for n, _ in shapes)} "
        did += f"tokens; {len(tokens)} tokens are in texts longer than 50 characters."
        expect_raises(error_of_build(student, texts, words, size), did=did, look=look, mentions=[len(tokens)])


# -- batches


@points(1, step=2, hint="What happens to the rows that do not fill a batch?")
@example(n_rows=37, batch_size=None, shuffle=True)
@example(n_rows=8, batch_size=4, shuffle=True)
@example(n_rows=9, batch_size=4, shuffle=False)
@given(n_rows=st.integers(1, 40), batch_size=st.sampled_from([None, 1, 4, 7, 16, 64]), shuffle=st.booleans())
def test_every_row_comes_once_an_epoch(student, n_rows, batch_size, shuffle):
    """Batches are {"input_ids": (B, T)} of int64, 16 rows unless told otherwise; the last one may be smaller."""
    torch.manual_seed(n_rows)  # the same example, the same run
    rows = [[10 * i, 10 * i + 1, 10 * i + 2] for i in range(n_rows)]
    options = {"shuffle": shuffle} | ({} if batch_size is None else {"batch_size": batch_size})
    (batches,) = _epochs(epochs_of(student, rows, options, 1, 7), 1)
    did = f"make_loader(dataset{_written(options)}) on a dataset of {n_rows} rows of 3 tokens, and one epoch."
    size = batch_size or 16
    wanted = [min(size, n_rows - i) for i in range(0, n_rows, size)]
    for batch in batches:
        got = show(batch)
        expect(isinstance(batch, dict), did=did, wanted='batches {"input_ids": (B, T)}', got=got, look="collate_fn.")
        expect_equal(sorted(batch), ["input_ids"], did=did + " The names in a batch:", look="the dataset's columns.")
        expect_tensor(batch["input_ids"], (None, 3), did=did, look="(B, T) a batch, int64.", dtype=torch.int64)
    sizes = [len(batch["input_ids"]) for batch in batches]
    look = "batch_size, and drop_last: the last, smaller batch counts too."
    expect_equal(sizes, wanted, did=did + " Rows in each batch:", look=look)
    seen = sorted(row for batch in batches for row in batch["input_ids"].tolist())
    expect_equal(seen, rows, did=did + " All rows seen, sorted:", look="every row once, none changed.")


@points(1, step=2, hint="Which random generator decides the order, and who else draws from it?")
def test_the_seed_decides_the_order(student):
    """The same seed gives the same order in every epoch, whatever else draws random numbers; another seed another.

    Without shuffle the rows come in order. Two of 61! orders agree by chance less than once in 10^80 runs.
    """
    seed = random.randint(1, 10**6)
    first, again = (_orders(student, {"seed": seed}, disturbance) for disturbance in (1, 100))
    did = f"two loaders, make_loader(dataset, seed={seed}), and two epochs of each; torch's global seed differed."
    look = "give the DataLoader a torch.Generator of its own, seeded with `seed`: not torch.manual_seed."
    for number, (left, right) in enumerate(zip(first, again, strict=True), 1):
        expect(
            left == right,
            did=did,
            wanted=f"the same order in epoch {number}: {show(left[:8])} ...",
            got=f"{show(right[:8])} ... from the second",
            look=look,
        )
    other = _orders(student, {"seed": seed + 1}, 1)
    expect(
        other[0] != first[0] and other[1] != first[1],
        did=f"make_loader with seed={seed} and with seed={seed + 1}.",
        wanted="two orders",
        got=f"the same one: {show(first[0][:8])} ...",
        look="`seed` must reach the generator that shuffles.",
    )
    plain, spelt = _orders(student, {}, 1), _orders(student, {"shuffle": True, "seed": 0, "batch_size": 16}, 1)
    did = "make_loader(dataset) and make_loader(dataset, batch_size=16, shuffle=True, seed=0)."
    expect(plain == spelt, did=did, wanted="the same orders", got="two different ones", look="the defaults.")
    for number, order in enumerate(_orders(student, {"shuffle": False, "seed": seed}, 1), 1):
        expect(
            order == list(range(61)),
            did=f"make_loader(dataset, shuffle=False), epoch {number}: the numbers of the rows as they came.",
            wanted="the dataset's own order",
            got=f"{show(order[:12])} ...",
            look="shuffle=False: row after row, in every epoch.",
        )


@points(1, step=2, hint="Do the same rows meet in a batch in the second epoch?")
def test_epochs_are_shuffled_anew(student):
    """Each epoch has an order of its own, and mixes rows of the whole dataset into new batches.

    60 rows in batches of 12: by chance a batch meets again less than once in 10^9 runs.
    """
    options = {"batch_size": 12, "seed": random.randint(0, 10**6)}
    epochs = _batches(student, options, 1, n_rows=60, n_epochs=3)
    orders = [[row for batch in epoch for row in batch] for epoch in epochs]
    in_order = list(range(60))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        did = f"make_loader(dataset, batch_size=12) on 60 rows: the rows as they came in epochs {i + 1} and {j + 1}."
        expect(
            in_order not in orders and orders[i] != orders[j],
            did=did,
            wanted="an order of its own in each epoch",
            got=f"{show(orders[i][:12])} ... and {show(orders[j][:12])} ...",
            look="shuffle is on unless told otherwise; the loader's generator goes on from epoch to epoch.",
        )
        again = [batch for batch in epochs[i] if sorted(batch) in [sorted(other) for other in epochs[j]]]
        expect(
            not again,
            did=did,
            wanted="other rows together in a batch in the later epoch",
            got=f"{len(again)} batches of the same rows as before, such as {show(again[:1])}",
            look="shuffle the rows, all of them: not the batches, and not only within a batch.",
        )


def _epochs(evidence, number):
    """So many epochs, each a list of batches, whatever came."""
    epochs = evidence if isinstance(evidence, list) and len(evidence) == number else [[]] * number
    return [epoch if isinstance(epoch, list) else [] for epoch in epochs]


def _batches(student, options, disturbance, n_rows=61, n_epochs=2):
    """The numbers of the rows in each batch of each epoch."""
    rows = [[i, i] for i in range(n_rows)]
    epochs = _epochs(epochs_of(student, rows, options, n_epochs, disturbance), n_epochs)
    did = f"make_loader(dataset{_written(options)})."
    look = 'batches {"input_ids": (B, T)}.'
    return [
        [expect_tensor(_field(batch, "input_ids"), (None, 2), did=did, look=look)[:, 0].tolist() for batch in epoch]
        for epoch in epochs
    ]


def _orders(student, options, disturbance):
    return [[row for batch in epoch for row in batch] for epoch in _batches(student, options, disturbance)]


def _written(options):
    return "".join(f", {name}={value}" for name, value in options.items())
