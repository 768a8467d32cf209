"""Step 4, graded: a model that scores the next token becomes a model that writes. 15 points."""

import math
import random

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from grader.expect import expect, expect_equal, expect_raises, expect_tensor, number, show
from grader.probe import points, probe
from lab.toys import calls, oracles
from lab.toys.words import character_tokenizer, word_tokenizer

SPECIAL = 3  # ids 0, 1, 2 of the toy tokenizer are <pad>, <unk>, <eos>; word number i is token 3 + i


@probe
def written(student, model, ids, options, device="cpu"):
    """model: the name of a toy and its arguments. Returns the text, and the prompt's tensor as it is afterwards."""
    name, arguments = model
    prompt = ids.clone().to(device)
    output = student.generate(getattr(oracles, name)(**arguments).to(device), prompt, **options)
    return {"output": output, "device": output.device.type, "prompt": prompt}


@probe
def sampled(student, table, ids, options, seeds):
    """One call after another, with the seeded generators in turn (None: no generator)."""
    model = oracles.BigramLM(table)
    generators = {seed: torch.Generator().manual_seed(seed) for seed in seeds if seed is not None}
    return [student.generate(model, ids.clone(), generator=generators.get(seed), **options) for seed in seeds]


@probe
def watched(student, table, ids, options, training, gradients=True):
    model = oracles.Observer(oracles.BigramLM(table)).train(training)
    with torch.set_grad_enabled(gradients):  # puts back what it found, whatever happens inside
        output = student.generate(model, ids.clone(), **options)
        gradients_after = torch.is_grad_enabled()
    return {
        "calls": model.calls,
        "modes": [part.training for part in model.modules()],
        "gradients_after": gradients_after,
        "frozen": sum(not weights.requires_grad for weights in model.parameters()),
        "tracked": output.requires_grad,
    }


@probe
def completed(student, words, factor, prompt, options, device):
    tokenizer = oracles.EncodeOnly(word_tokenizer(words))
    model = oracles.ChecksumLM(len(words) + 3, factor, limit=options["block_size"]).to(device)
    return student.complete(model, tokenizer, prompt, **options)


@probe
def completed_in_characters(student, characters, factor, prompt, options):
    tokenizer = character_tokenizer(characters)
    model = oracles.ChecksumLM(len(characters) + 3, factor, limit=options["block_size"])
    return student.complete(model, tokenizer, prompt, **options)


@probe
def completed_twice(student, words, table, prompt, options, seeds):
    """`complete` with its own defaults but for `options`, with freshly seeded generators."""
    model, tokenizer = oracles.BigramLM(table), word_tokenizer(words)
    return [
        student.complete(model, tokenizer, prompt, generator=torch.Generator().manual_seed(seed), **options)
        for seed in seeds
    ]


@probe
def lengths_seen_by_complete(student, words, prompt):
    size = len(words) + 3
    table = torch.zeros(size, size)
    table[:, :3] = -1e4  # never a special token: every token written is a word
    model = oracles.Observer(oracles.BigramLM(table))
    text = student.complete(model, word_tokenizer(words), prompt)
    return {"text": text, "lengths": [call["length"] for call in model.calls]}


@probe
def error_of_generate(student, ids, options):
    model = oracles.BigramLM(torch.eye(9))
    return {"error": calls.raised(lambda: student.generate(model, ids, **options)), "train": model.training}


@probe
def error_of_complete(student, words, prompt, options):
    model, tokenizer = oracles.BigramLM(torch.eye(len(words) + 3)), word_tokenizer(words)
    return {
        "error": calls.raised(lambda: student.complete(model, tokenizer, prompt, **options)),
        "train": model.training,
    }


def _prompt(batch, length, vocab_size):
    return torch.randint(vocab_size, (batch, length))


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


# -- the text


@points(3, step=4, hint="What do you crop: the text, or what the model is shown of it?", timeout=60)
@example(prompts=[[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], block_size=3, new=6, factor=31)
@example(prompts=[[4, 7]], block_size=9, new=3, factor=17)
@example(prompts=[[3], [8]], block_size=2, new=0, factor=5)
@given(
    prompts=st.integers(1, 12).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 10), min_size=n, max_size=n), min_size=1, max_size=3)
    ),
    block_size=st.integers(1, 10),
    new=st.integers(0, 9),
    factor=st.integers(2, 999),
)
def test_greedy_text_is_exact(student, device, prompts, block_size, new, factor):
    """At temperature 0 the likeliest token follows, for a model shown exactly the last `block_size` tokens.

    The result is the whole prompt and the new tokens after it, also where the prompt is longer than the model reads.
    """
    torch.manual_seed(factor)  # the same example, the same run
    batch, length = len(prompts), len(prompts[0])
    options = {"max_new_tokens": new, "temperature": 0, "block_size": block_size}
    model = ["ChecksumLM", {"vocab_size": 11, "factor": factor, "limit": block_size}]
    found = written(student, model, torch.tensor(prompts), options, device)
    wanted = [_greedy(row, new, block_size, factor) for row in prompts]
    did = f"generate from {show(prompts)}, {_written(options)}."
    look = "the prompt stays whole in the result, and max_new_tokens tokens follow it, int64: crop only what the model "
    look += "is shown, input_ids[:, -block_size:]."
    output = expect_tensor(_field(found, "output"), (batch, length + new), did=did, look=look, dtype=torch.int64)
    expect_equal(output[:, :length].tolist(), prompts, did=did + " The prompts in the result:", look=look)
    look = "the last position's logits, logits[:, -1], their argmax, and the window: the last block_size tokens."
    expect_equal(output[:, length:].tolist(), [r[length:] for r in wanted], did=did + " The new tokens:", look=look)
    look = "the new tokens belong where the prompt is."
    expect_equal(_field(found, "device"), device, did=did + " The result is on:", look=look)


def _greedy(row, new, block_size, factor):
    row = list(row)
    for _ in range(new):
        row.append(oracles.checksum(row[-block_size:], 11, factor))
    return row


@points(0.5, step=4, hint="Do you write into the caller's tensor?")
def test_the_prompt_is_left_alone(student):
    """The caller's tensor is the same afterwards, and with max_new_tokens=0 the result equals it."""
    prompt = _prompt(2, 5, 7)
    for new in (0, 6):
        model = ["ChecksumLM", {"vocab_size": 7, "factor": 31, "limit": 4}]
        found = written(student, model, prompt, {"max_new_tokens": new, "block_size": 4})
        did = f"generate from {show(prompt.tolist())}, max_new_tokens={new}, block_size=4."
        after = expect_tensor(
            _field(found, "prompt"), (2, 5), did=did + " input_ids afterwards:", look="in-place changes."
        )
        look = "make a new tensor with torch.cat; do not write into input_ids."
        expect_equal(after.tolist(), prompt.tolist(), did=did + " input_ids afterwards:", look=look)
        look = "T + max_new_tokens tokens, int64, the prompt first."
        output = expect_tensor(_field(found, "output"), (2, 5 + new), did=did, look=look, dtype=torch.int64)
        expect_equal(output[:, :5].tolist(), prompt.tolist(), did=did + " The prompts in the result:", look=look)


@points(0.5, step=4, hint="Should generate know what an end-of-text token is?")
def test_it_never_stops_early(student):
    """Whatever token comes, `generate` writes on: it always gives max_new_tokens tokens."""
    for token in (0, 1, 2, 50_256):
        model = ["FavouriteLM", {"vocab_size": 50_257, "token": token}]
        found = written(student, model, torch.tensor([[5, 6]]), {"max_new_tokens": 20, "temperature": 0})
        did = f"generate, max_new_tokens=20, temperature=0, from a model that always thinks token {token} likeliest."
        look = "no token ends the text: leave out any check for an end-of-text token."
        output = expect_tensor(_field(found, "output"), (1, 22), did=did, look=look)
        expect_equal(output[0, 2:].tolist(), [token] * 20, did=did + " The new tokens:", look=look)


# -- chance


ROWS = 5_000  # prompts that end in each token of the vocabulary
MANY = 600  # tokens: more than any usual top-k keeps
ALLOWED = math.log(410 / 1e-8)  # see _check_shares


@points(2.5, step=4, hint="softmax of what, exactly: logits times the temperature, or divided by it?", timeout=120)
def test_tokens_come_as_often_as_they_should(student):
    """Each row draws from softmax(last logits / temperature), its own logits: the shares are checked.

    Very low and very high temperatures count in full too, and of a large vocabulary no token is left out.
    By chance a share is off far enough less than once in 10^8 runs (Chernoff's bound for every share).
    """
    table, prompt = _world()
    for temperature in (0.5, 1.0, 2.0):
        _check_one_draw(student, table, prompt, temperature)
    for temperature in (0.02, 50.0):
        _check_one_draw(student, table * temperature, prompt, temperature)
    logits = torch.linspace(-0.5, 0.5, MANY)[torch.randperm(MANY)]
    options = {"max_new_tokens": 1, "temperature": 1.0}
    (output,) = _sampled(student, logits.expand(MANY, MANY), _prompt(ROWS, 2, MANY), options, [None])
    rare = logits < logits.topk(MANY // 2).values[-1]
    q, p = float(rare[output[:, -1]].double().mean()), float(logits.double().softmax(-1)[rare].sum())
    did = f"generate, temperature=1.0, from {ROWS} prompts; all of {MANY} tokens are about as likely. The share of "
    did += "new tokens from the less likely half:"
    look = "draw from the whole of softmax(logits / temperature): no top-k, no top-p."
    wanted, got = f"{number(p, 3)}, up to chance", number(q, 3)
    expect(ROWS * _divergence(q, p) <= ALLOWED, did=did, wanted=wanted, got=got, look=look)


def _check_one_draw(student, table, prompt, temperature):
    options = {"max_new_tokens": 1, "temperature": temperature}
    (output,) = _sampled(student, table, prompt, options, [None])
    did = f"generate, temperature={temperature}, from {len(prompt)} prompts at once, {ROWS} ending in each of "
    did += f"{len(table)} tokens (logits up to {number(table.max().item(), 2)}); which tokens came next?"
    _check_shares(output[:, -2], output[:, -1], (table / temperature).softmax(-1), did)


@points(1.5, step=4, hint="Where does the token that was drawn go?", timeout=120)
def test_each_row_goes_on_from_its_own_token(student):
    """What a row drew is what the model sees next: the second and third new tokens follow the one before them.

    By chance a share is off far enough less than once in 10^8 runs (Chernoff's bound for every share).
    """
    table, prompt = _world()
    (output,) = _sampled(student, table, prompt, {"max_new_tokens": 3, "temperature": 1.5}, [random.randrange(10**6)])
    for step in (2, 3):
        did = f"generate, max_new_tokens=3, temperature=1.5, from {len(prompt)} prompts at once, with a generator; "
        did += f"new token {step}, after each token that came before it:"
        at = prompt.size(1) + step - 1
        _check_shares(output[:, at - 1], output[:, at], (table / 1.5).softmax(-1), did)
    first, third = output[:, prompt.size(1)], output[:, -1]
    did = "generate as above; the third new token, after each first new token:"
    _check_shares(first, third, torch.matrix_power((table / 1.5).softmax(-1), 2), did)


def _world():
    """A table of logits that spread from -1.5 to 1.5 in every row, and prompts (5 * ROWS, 2)."""
    table = torch.stack([torch.linspace(-1.5, 1.5, 5, dtype=torch.float64)[torch.randperm(5)] for _ in range(5)])
    table += 0.2 * torch.rand(5, 5)
    last = torch.arange(5).repeat(ROWS)
    return table.float(), torch.stack([(last + 1 + torch.randint(4, last.shape)) % 5, last], 1)


def _sampled(student, table, prompt, options, seeds):
    """The texts of one call for each seed, checked for shape and for tokens that there are."""
    shape = (len(prompt), prompt.size(1) + options.get("max_new_tokens", 100))
    did = f"generate({_written(options)}) from {len(prompt)} prompts of {prompt.size(1)} tokens."
    found = sampled(student, table, prompt, options, seeds)
    found = found if isinstance(found, list) and len(found) == len(seeds) else [None] * len(seeds)
    for output in found:
        look = "one new token a row and step: (B, T) becomes (B, T + max_new_tokens)."
        expect_tensor(output, shape, did=did, look=look, dtype=torch.int64)
        strange = output[(output < 0) | (output >= len(table))].tolist()[:3]
        look = "the axis: the last one of the logits is the vocabulary."
        expect(not strange, did=did, wanted=f"tokens below {len(table)}", got=f"the tokens {strange}", look=look)
    return found


def _check_shares(before, after, wanted, did):
    """Of the rows with `before` = i, a share of wanted[i, j] has `after` = j.

    P(a share q of n draws where p is true) <= exp(-n KL(q, p)) on either side (Hoeffding 1963, theorem 1). There are
    25 shares a check, 8 such checks a run of this suite and one of a single share: each gets 10^-8 / 410, counting
    both sides.
    """
    wanted, rows = wanted.double(), []
    for i, j in torch.cartesian_prod(torch.arange(5), torch.arange(5)).tolist():
        n = int((before == i).sum())
        if n == 0:
            continue
        q, p = float((after[before == i] == j).double().mean()), float(wanted[i, j])
        if n * _divergence(q, p) > ALLOWED:
            rows.append(f"{f'{i} then {j}':>12}  {p:>12.3f}  {q:>12.3f}")
    head = f"{'':>12}  {'expected':>12}  {'got':>12}"
    expect(
        not rows,
        did=did,
        wanted="shares of softmax(logits / temperature), up to chance",
        got="\n".join([f"{len(rows)} of 25 shares are off by more than chance can do:", head, *rows[:5]]),
        look="softmax over the vocabulary of each row's last logits / temperature, and one draw for each row.",
    )


def _divergence(q, p):
    """KL(q, p) of two coins, in nats."""
    return sum(a * math.log(a / b) for a, b in ((q, p), (1 - q, 1 - p)) if a > 0)


@points(1.5, step=4, hint="Which random generator does the draw use?")
def test_a_generator_makes_it_repeatable(student):
    """The same generator state gives the same text, whatever torch's global seed; another seed gives another.

    A generator moves on from call to call, and without one the global state decides.
    120 tokens agree by chance less than once in 10^20 runs.
    """
    table, prompt = torch.rand(8, 8), _prompt(3, 2, 8)
    seed, options = random.randint(1, 10**6), {"max_new_tokens": 40, "temperature": 2.0}
    first, second = _sampled(student, table, prompt, options, [seed, seed])
    (again,) = _sampled(student, table, prompt, options, [seed])
    (other,) = _sampled(student, table, prompt, options, [seed + 1])
    plain = _sampled(student, table, prompt, options, [None, None])
    did = f"generate with torch.Generator().manual_seed({seed}), twice from the start, at other global seeds."
    look = "hand `generator` to torch.multinomial; do not seed anything yourself."
    expect_equal(again[0].tolist(), first[0].tolist(), did=did + " Row 0 of the other:", look=look)
    expect_equal(again.tolist(), first.tolist(), did=did, look=look)
    for left, right, what in (
        (first, other, f"two generators, seeded with {seed} and {seed + 1}"),
        (first, second, "one generator, used for two calls"),
        (*plain, "no generator, for two calls"),
    ):
        got = f"the same text twice: {show(left[0].tolist())}"
        same = left.tolist() == right.tolist()
        expect(not same, did=f"generate with {what}.", wanted="two different texts", got=got, look=look)


# -- housekeeping


@points(2, step=4, hint="In which mode was the model when you got it?", observed=True)
def test_no_gradients_no_dropout_and_the_mode_restored(student):
    """While it writes, dropout is off and no gradients are tracked; afterwards everything is as it was.

    Sampling happens in the middle of a training run: a model left in eval mode trains on without dropout.
    """
    for training, new in ((True, 5), (False, 5), (True, 0)):
        mode = "train" if training else "eval"
        found = watched(student, torch.rand(6, 6), _prompt(2, 3, 6), {"max_new_tokens": new}, training, training)
        did = f"generate, max_new_tokens={new}, with a model in {mode} mode."
        seen = _field(found, "calls") or []
        for name, look in (
            ("dropout", "model.eval() before you ask the model."),
            ("gradients", "torch.no_grad(), around the loop or as a decorator."),
        ):
            times = sum(bool(_field(call, name)) for call in seen)
            got = f"{name} in {times} of {len(seen)} calls"
            good = bool(seen or not new) and not times
            expect(good, did=did, wanted=f"no {name} while it writes", got=got, look=look)
        modes = _field(found, "modes")
        expect(
            isinstance(modes, list) and set(modes) == {training},
            did=did,
            wanted=f"the model and all its parts in {mode} mode afterwards",
            got=f"the other mode in {sum(m is not training for m in modes or [])} of {len(modes or [])} parts",
            look="keep model.training before model.eval(), and give it to model.train(...) at the end.",
        )
        did += f" Before the call, gradients {'are' if training else 'are not'} tracked. Are they afterwards?"
        look = "torch.no_grad() as a block or decorator puts things back by itself."
        expect_equal(_field(found, "gradients_after"), training, did=did, look=look)
        expect_equal(_field(found, "tracked"), False, did="generate: output.requires_grad", look="torch.no_grad().")
        did = "generate: weights of the model that can no longer be trained afterwards."
        expect_equal(_field(found, "frozen"), 0, did=did, look="leave requires_grad alone: torch.no_grad() is enough.")


@points(1, step=4, hint="What are the defaults in the contract?")
def test_the_defaults(student):
    """By default: 100 new tokens, temperature 0.8, and 256 tokens shown to the model; the same for `complete`."""
    table, seed = torch.rand(11, 11) * 3, random.randint(1, 10**6)
    prompt = _prompt(2, 3, 11)
    (plain,) = _sampled(student, table, prompt, {}, [seed])
    given = {"max_new_tokens": 100, "temperature": 0.8}
    (spelt,) = _sampled(student, table, prompt, given, [seed])
    did = "generate with the defaults, and with max_new_tokens=100, temperature=0.8, from the same generator state."
    look = "the defaults of generate: max_new_tokens=100, temperature=0.8, block_size=256."
    expect_equal(plain.tolist(), spelt.tolist(), did=did + " The first text:", look=look)
    length = random.randint(240, 260)
    found = watched(student, table, _prompt(1, length, 6), {"max_new_tokens": 20}, False)
    seen = [_field(call, "length") for call in _field(found, "calls") or []]
    did = f"generate, max_new_tokens=20, from a prompt of {length} tokens. The longest text the model was shown:"
    expect_equal(max(seen, default=0), 256, did=did, look="block_size=256 by default.")
    words = [f"w{i}" for i in range(8)]
    found = lengths_seen_by_complete(student, words, " ".join(random.choices(words, k=length)))
    seen = [n for n in _field(found, "lengths") or [] if isinstance(n, int)]
    did = f"complete with the defaults, from a prompt of {length} tokens."
    look = "the defaults of complete, the same as generate's, and that they reach generate."
    expect_equal(max(seen, default=0), 256, did=did + " The longest text the model was shown:", look=look)
    count = len(str(_field(found, "text")).split())
    expect_equal(count, length + 100, did=did + " Words in the text:", look=look)
    plain, spelt = (completed_twice(student, words, table, "w1", options, [seed]) for options in ({}, given))
    did = "complete with the defaults, and with max_new_tokens=100, temperature=0.8, from the same generator state."
    expect_equal(plain, spelt, did=did + " The first text:", look=look)


@points(1, step=4, hint="Which arguments make no sense, and does the caller hear of it?", observed=True)
def test_senseless_arguments_are_refused(student):
    """A negative temperature, a negative max_new_tokens and an empty prompt raise ValueError, in `complete` too."""
    words, ids = [f"w{i}" for i in range(6)], _prompt(2, 3, 9)
    negative = [{"temperature": -random.randint(1, 20) / 10}, {"max_new_tokens": -random.randint(1, 5)}]
    for options in (*negative, {"temperature": -0.01}, {"temperature": -0.5, "max_new_tokens": 0}):
        call = _written(options)
        _check_refused(error_of_generate(student, ids, options), f"generate(model, ids, {call})")
        _check_refused(error_of_complete(student, words, "w1 w2", options), f"complete(..., {call})")
    for options in ({"temperature": 0}, {}, {"max_new_tokens": 0}):
        call = _written(options)
        did = f"generate(model, input_ids of shape (2, 0), {call})"
        _check_refused(error_of_generate(student, ids[:, :0], options), did)
        _check_refused(error_of_complete(student, words, "", options), f"complete(model, tokenizer, '', {call})")


def _check_refused(found, did):
    look = "check the arguments first, and raise ValueError."
    expect_raises(_field(found, "error"), did=did, look=look)
    did += ", with a model in train mode. Is it in train mode afterwards?"
    expect_equal(_field(found, "train"), True, did=did, look="check the arguments before model.eval().")


# -- words


@points(1, step=4, hint="What does tokenizer.decode do with special tokens unless told otherwise?")
def test_complete_goes_on_with_a_text(student, device):
    """`complete` encodes the prompt with tokenizer.encode and returns prompt and continuation as one text.

    Special tokens are left out of it. The arguments mean what they mean in `generate`.
    """
    words = [f"w{i}" for i in range(6)]
    met: set[int] = set()
    lengths = [9, 1]  # a prompt that leaves room in the window, then one that does not fit in
    while lengths or met < {0, 1, 2}:  # go on until the model has written on after each of the special tokens
        factor, block_size, new = random.randint(2, 999), random.randint(2, 6), random.randint(12, 20)
        ids = [random.randint(SPECIAL, 8) for _ in range(lengths.pop() if lengths else random.randint(1, 9))]
        prompt = " ".join(words[token - SPECIAL] for token in ids)
        text = list(ids)
        for _ in range(new):
            text.append(oracles.checksum(text[-block_size:], len(words) + SPECIAL, factor))
        last_word = max(i for i, token in enumerate(text) if token >= SPECIAL)
        met |= {token for token in text[len(ids) : last_word] if token < SPECIAL}
        wanted = " ".join(words[token - SPECIAL] for token in text if token >= SPECIAL)
        options = {"max_new_tokens": new, "temperature": 0, "block_size": block_size}
        found = completed(student, words, factor, prompt, options, device)
        did = f"complete(model, tokenizer, {prompt!r}, {_written(options)})"
        look = "tokenizer.encode, a batch of one row, generate with all the arguments, "
        look += "tokenizer.decode(..., skip_special_tokens=True)."
        expect_equal(found, wanted, did=did, look=look)
    table, seed = torch.rand(9, 9) * 2, random.randint(1, 10**6)
    for options in ({"max_new_tokens": 30}, {"max_new_tokens": 30, "temperature": 3.0}):
        texts = completed_twice(student, words, table, "w1 w2", options, [seed, seed, seed + 1])
        first, again, other = texts if isinstance(texts, list) and len(texts) == 3 else [None] * 3
        did = f"complete('w1 w2', {_written(options)}) with generators seeded {seed}, {seed} and {seed + 1}."
        expect_equal(again, first, did=did + " The second text:", look="hand `generator` on to generate.")
        got = f"the same text for another seed: {show(first)}"
        expect(other != first, did=did, wanted="another text for another seed", got=got, look="generator, temperature.")
    options = {"max_new_tokens": 40, "temperature": 0}
    texts = completed_twice(student, words, table, "w1 w2", options, [seed, seed + 1])
    first, other = texts if isinstance(texts, list) and len(texts) == 2 else [None] * 2
    did = f"complete('w1 w2', {_written(options)}) with generators seeded {seed} and {seed + 1}. The second text:"
    expect_equal(other, first, did=did, look="hand `temperature` on to generate: at 0 nothing is drawn.")


@points(0.5, step=4, hint="Is every character of the prompt still there, blanks too?")
def test_complete_keeps_every_character(student):
    """Capitals, blanks at either end and before a full stop: the text is what was decoded, and nothing tidies it up.

    With max_new_tokens=0 it is the prompt.
    """
    characters = "aB .,\n"
    for prompt, new in (("aB .,", 0), (" aB .", 12), ("BaB, ", 12)):
        options = {"max_new_tokens": new, "temperature": 0, "block_size": 9}
        text: list[int] = []
        while not text or (new and text[-1] != SPECIAL + characters.index(" ")):  # written text that ends in a blank
            factor = random.randint(2, 999)
            text = [SPECIAL + characters.index(character) for character in prompt]
            for _ in range(new):
                text.append(oracles.checksum(text[-9:], len(characters) + SPECIAL, factor))
        wanted = "".join(characters[token - SPECIAL] for token in text if token >= SPECIAL)
        found = completed_in_characters(student, characters, factor, prompt, options)
        did = f"complete(model, tokenizer, {prompt!r}, {_written(options)}), each character a token."
        look = "encode the prompt as it is, hand on every argument as it is, and return what decode returns."
        expect_equal(found, wanted, did=did, look=look)


def _written(options):
    return ", ".join(f"{name}={value}" for name, value in options.items())
