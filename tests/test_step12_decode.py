"""Step 12, graded: from probabilities to a sentence, one word at a time or several ways at once. 20 points.

The translator here is a table: what comes next depends on the source and on every word so far, and the examiner can
work out the probability of any sentence. So the best of all sentences is known.
"""

import random

import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.expect import expect, expect_equal, expect_tensor, show
from grader.probe import points, probe
from lab.toys import translation

NONE, BOS, EOS = 0, 1, 2  # ids, where a test does not draw others


@probe
def greedy(student, world, src, src_mask, options, device="cpu", training=False, gradients=True):
    """world: the table and the factor of a toy. The output, and what every call of the toy was given."""
    model = translation.PrefixTranslator(*world).to(device).train(training)
    given_src, given_mask = src.clone().to(device), src_mask.clone().to(device)
    with torch.set_grad_enabled(gradients):  # puts back what it found, whatever happens inside
        output = student.greedy_decode(model, given_src, given_mask, **options)
        after = torch.is_grad_enabled()
    kept = torch.equal(given_src.cpu(), src) and torch.equal(given_mask.cpu(), src_mask)
    found = {"output": output, "calls": model.calls, "training": model.training, "gradients_after": after}
    place, tracked = getattr(output, "device", None), getattr(output, "requires_grad", None)
    return found | {"kept": kept, "device": getattr(place, "type", None), "tracked": tracked}


@probe
def beam(student, world, src, src_mask, options, device="cpu", training=False, gradients=True):
    """world: the table, and the factor if the toy is to look at every word so far."""
    toy = translation.PrefixTranslator if len(world) == 2 else translation.LastWordTranslator
    model = toy(*world).to(device).train(training)
    given_src, given_mask = src.clone().to(device), src_mask.clone().to(device)
    with torch.set_grad_enabled(gradients):
        output = student.beam_search(model, given_src, given_mask, **options)
        after = torch.is_grad_enabled()
    kept = torch.equal(given_src.cpu(), src) and torch.equal(given_mask.cpu(), src_mask)
    found = {"output": output, "calls": model.calls, "training": model.training, "gradients_after": after}
    return found | {"kept": kept}


@probe
def one_by_one(student, way, world, src, src_mask, options):
    """Each source by itself, one after another, with the same model: the outputs."""
    model, decode = translation.PrefixTranslator(*world), getattr(student, way)
    return [decode(model, src[b : b + 1], src_mask[b : b + 1], **options) for b in range(len(src))]


# -- what the tests share: worlds, and what is right in them


def draw_world(V, sharpness=1.5, eos_bias=0.0, never=(), eos=EOS):
    """A table of log-probabilities (STATES, V) and a factor."""
    logits = sharpness * torch.randn(translation.STATES, V)
    logits[:, eos] += eos_bias
    for token in never:
        logits[:, token] = -40.0
    return [logits.log_softmax(-1), random.randint(2, 500)]


def sources(lengths):
    """Sources (B, S) of these lengths, padded, and their mask; what stands under padding is anything."""
    width = max(lengths) + random.randint(0, 2)
    src = torch.randint(8, (len(lengths), width))
    return src, (torch.arange(width) < torch.tensor(lengths)[:, None])[:, None]


def words_of(src, src_mask, row=0):
    """What the toy makes of a source: the number of its words, and they."""
    words = src[row][src_mask[row, 0]].tolist()
    return [len(words), *words]


def next_words(world, source, written):
    """The log-probabilities of what comes next, as a list."""
    table, factor = world
    return table[translation.state([*source, *written], factor)].tolist()


def greedy_truth(world, source, max_len, bos=BOS, eos=EOS):
    written = [bos]
    while len(written) < max_len and (len(written) == 1 or written[-1] != eos):
        row = next_words(world, source, written)
        written.append(max(range(len(row)), key=row.__getitem__))
    return written


def every_sentence(world, source, max_len, bos=BOS, eos=EOS):
    """All hypotheses with their log-probabilities: those that end in eos, and those cut at max_len."""
    found, todo = [], [(0.0, [bos])]
    while todo:
        score, written = todo.pop()
        if len(written) == max_len or (len(written) > 1 and written[-1] == eos):
            found.append((score, written))
            continue
        row = next_words(world, source, written)
        todo += [(score + p, [*written, word]) for word, p in enumerate(row)]
    return found


def worth(hypothesis, penalty):
    score, written = hypothesis[:2]
    return score / (len(written) - 1) ** penalty


def ranked(hypotheses, value):
    """The best one, and by how much it is ahead of the second."""
    best = sorted(hypotheses, key=value, reverse=True)
    return best[0][1], value(best[0]) - value(best[1])


def narrow_truth(rows, factor, source, max_len, width, penalty):
    """What a beam of `width` finds, if every sensible way of treating finished hypotheses finds the same; or None.

    A finished one may take a place in its round, in this and all later rounds, in the pool from which each round
    chooses, or none at all.
    """
    found = None
    for way in ("none", "round", "for good", "pool"):
        live, done = [(0.0, [BOS], translation.state([*source, BOS], factor))], []
        while live and len(live[0][1]) < max_len:
            pool = [(score + p, written, word, at) for score, written, at in live for word, p in enumerate(rows[at])]
            pool = sorted(pool, key=lambda h: -h[0])[: 2 * width]  # no more than `width` of them can be endings
            grown = [(s, [*written, word], translation.state([word], factor, at)) for s, written, word, at in pool]
            earlier, ended = done, [h for h in grown[:width] if h[1][-1] == EOS]
            done = earlier + ended
            if way == "none":
                places = grown
            elif way == "round":
                places = grown[:width]
            elif way == "for good":
                places = grown[: max(0, width - len(earlier))]
            else:
                places = sorted([*grown, *earlier], reverse=True)[:width]
            live = [h for h in places if h[1][-1] != EOS][:width]
        best, ahead = ranked([*done, *live, (-1e9, [BOS, EOS], 0)], lambda h: worth(h, penalty))
        if ahead < 1e-3 or found not in (None, best):
            return None
        found = best
    return found


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _calls(found, part):
    calls = _field(found, "calls")
    return [c for c in calls if _field(c, "part") == part] if isinstance(calls, list) else []


def _written(options):
    return ", ".join(f"{name}={value}" for name, value in options.items())


def expect_hypothesis(found, wanted, did, look):
    output = _field(found, "output")
    plain = isinstance(output, list) and all(type(token) is int for token in output)
    expect(plain, did=did, wanted=f"a list of ints: {wanted}", got=show(output), look="beam_search returns list[int].")
    expect_equal(output, wanted, did=did, look=look)


def expect_calls(found, did, pad):
    """Every call: no gradients; a bool mask (1 or B, T, T), causal, that hides no word of a sentence."""
    decoded = _calls(found, "decode")
    both = decoded + _calls(found, "encode")
    expect(bool(decoded), did=did, wanted="calls of model.decode", got="none", look="ask model.decode for every word.")
    number = sum(bool(_field(call, "gradients")) for call in both)
    got = f"gradients in {number} of {len(both)} calls"
    expect(not number, did=did, wanted="no gradients while it writes", got=got, look="torch.no_grad(), encode too.")
    for call in decoded:
        T = _field(call, "length")
        asked = f"{did} The tgt_mask for the {T} word{'s' * (T != 1)} so far."
        wanted = f"bool, of shape (1, {T}, {T}) or (B, {T}, {T})"
        look = "step 9's subsequent_mask(T), written here again: torch.ones(1, T, T, dtype=torch.bool).tril()."
        expect(_field(call, "fits") is True, did=asked, wanted=wanted, got=str(_field(call, "mask")), look=look)
        got = "a position that may look at later ones"
        expect(not _field(call, "sees_future"), did=asked, wanted="a causal mask", got=got, look=look)
        rows, tokens = _field(call, "last_row") or [], _field(call, "tokens") or []
        hidden = [
            token
            for row, said in zip(rows, tokens, strict=False)
            for seen, token in zip(row, said, strict=False)
            if not seen
        ]
        lost = [token for token in hidden if token != pad]
        got = f"tokens {lost[:5]} are hidden from the last position"
        expect(not lost, did=asked, wanted="the last position sees all words so far", got=got, look=look)


# -- greedy


@points(3, step=12, hint="Which of decode's T positions says what comes next?", timeout=60)
@given(
    batch=st.integers(1, 4),
    max_len=st.integers(1, 9),
    eos_bias=st.sampled_from([-1.0, 0.5, 1.5]),
    seed=st.integers(0, 9999),
)
def test_greedy_takes_the_likeliest_word(student, device, batch, max_len, eos_bias, seed):
    """From bos on, always the likeliest next word; each row until its eos, then pad; until all are done, or max_len.

    `max_len` counts bos: (B, max_len) at most.
    """
    torch.manual_seed(seed)
    random.seed(seed)
    world = draw_world(7, eos_bias=eos_bias, never=[NONE])
    src, src_mask = sources([random.randint(1, 5) for _ in range(batch)])
    options = {"max_len": max_len, "bos": BOS, "eos": EOS}
    found = greedy(student, world, src, src_mask, options, device)
    rows = [greedy_truth(world, words_of(src, src_mask, b), max_len) for b in range(batch)]
    width = max(map(len, rows))
    wanted = [row + [NONE] * (width - len(row)) for row in rows]
    did = f"greedy_decode of {batch} source{'s' * (batch > 1)}, {_written(options)}."
    look = "how long it goes on: until every row has had its eos, or max_len tokens, bos counted and kept."
    shape = (batch, width)
    output = expect_tensor(_field(found, "output"), shape, did=did, look=look, dtype=torch.int64)
    look = "the argmax of the last position, log_probs[:, -1]; pad where a row has finished; src_mask for encode and "
    look += "decode."
    expect_equal(output.tolist(), wanted, did=did, look=look)
    expect_equal(_field(found, "device"), device, did=did + " The result is on:", look="src.device")


@points(1.5, step=12, hint="What happens to a row that is finished while its neighbours are not?")
def test_rows_finish_one_by_one(student):
    """A row that has had its eos is filled with pad, whatever the model says; the others go on undisturbed.

    A sentence alone comes out as it does in a batch. bos, eos and pad are whatever the caller says they are.
    """
    for _ in range(6):
        bos, eos, pad = random.sample(range(1, 6), 3)
        while True:
            world = draw_world(6, eos_bias=0.7, never=[pad], eos=eos)
            src, src_mask = sources([random.randint(1, 4) for _ in range(4)])
            rows = [greedy_truth(world, words_of(src, src_mask, b), 10, bos, eos) for b in range(4)]
            if len({len(row) for row in rows}) >= 3:
                break
        options = {"max_len": 10, "bos": bos, "eos": eos, "pad": pad}
        found = greedy(student, world, src, src_mask, options)
        width = max(map(len, rows))
        did = f"greedy_decode of 4 sources that end after {[len(row) - 1 for row in rows]} words, {_written(options)}."
        look = "keep a bool for each row, set it when eos comes, and fill with pad where it was set *before* this word."
        output = expect_tensor(_field(found, "output"), (4, width), did=did, look=look)
        expect_equal(output.tolist(), [row + [pad] * (width - len(row)) for row in rows], did=did, look=look)
        alone = one_by_one(student, "greedy_decode", world, src, src_mask, options)
        alone = alone if isinstance(alone, list) and len(alone) == 4 else [None] * 4
        for b, (output, row) in enumerate(zip(alone, rows, strict=True)):
            did = f"greedy_decode of each of them alone, with the same model, {_written(options)}. Source {b}:"
            again = "each call is a fresh start: encode its own source, and stop after its own eos."
            output = expect_tensor(output, (1, len(row)), did=did, look=again)
            expect_equal(output.tolist(), [row], did=did, look=again)


@points(1, step=12, hint="How often does the model have to be asked?", observed=True)
def test_greedy_stops_when_all_are_finished(student):
    """The model is asked once for each word, and not again when every row has finished; max_len is a limit only."""
    for max_len, least, most in ((40, 4, 20), (5, 4, 20), (1, 4, 20), (30, 40, 40)):
        while True:
            world = draw_world(6, eos_bias=1.0, never=[NONE, EOS] if least == 40 else [NONE])
            src, src_mask = sources([3, 2, 4])
            width = max(len(greedy_truth(world, words_of(src, src_mask, b), 40)) for b in range(3))
            if least <= width <= most:
                break
        options = {"max_len": max_len, "bos": BOS, "eos": EOS}
        found = greedy(student, world, src, src_mask, options)
        wanted = max(0, min(width, max_len) - 1)
        longest = f"has {width} tokens" if width < 40 else "never ends"
        did = f"greedy_decode of 3 sources, the longest translation {longest}, max_len={max_len}."
        shape = (3, min(width, max_len))
        look = "`while` not all are finished and there is room, and bos counts as a token."
        expect_tensor(_field(found, "output"), shape, did=did, look=look)
        asked = [_field(call, "length") for call in _calls(found, "decode")]
        longest = max([n for n in asked if isinstance(n, int)], default=0)
        did += " The longest text that decode was asked to go on from:"
        expect_equal(longest, wanted, did=did, look=look)


@points(2, step=12, hint="What does decode need besides the words?", observed=True)
def test_greedy_asks_as_the_contract_says(student):
    """decode gets a causal bool mask (1, T, T); no gradients; the model's mode is the caller's business."""
    for training in (True, False):
        world = draw_world(6, eos_bias=-1.0, never=[NONE])
        src, src_mask = sources([3, 5])
        options = {"max_len": 7, "bos": BOS, "eos": EOS}
        found = greedy(student, world, src, src_mask, options, training=training, gradients=training)
        did = f"greedy_decode, {_written(options)}, with a model in {_state(training)}."
        expect_calls(found, did, NONE)
        _expect_manners(found, did, training)
        expect_equal(_field(found, "tracked"), False, did=did + " output.requires_grad:", look="torch.no_grad().")


def _state(training):
    return "train mode, gradients on" if training else "eval mode, gradients off"


def _expect_manners(found, did, training):
    modes = [_field(call, "training") for call in _calls(found, "decode") + _calls(found, "encode")]
    modes.append(_field(found, "training"))
    other = sum(m is not training for m in modes)
    got = f"{'eval' if training else 'train'} mode, {other} of the {len(modes)} times that we looked"
    look = "leave model.train() and model.eval() to the caller."
    expect(all(m is training for m in modes), did=did, wanted="the mode left as it was", got=got, look=look)
    look = "torch.no_grad() as a block or decorator puts things back by itself."
    did_after = did + " Are gradients tracked afterwards, as before?"
    expect_equal(_field(found, "gradients_after"), training, did=did_after, look=look)
    look = "operations in place: += and its like, and those whose names end in _."
    expect_equal(_field(found, "kept"), True, did=did + " Are src and src_mask as they were?", look=look)


# -- beam search


@points(3, step=12, hint="Which sentence is the likeliest of all?", timeout=60)
@given(
    V=st.integers(3, 4),
    max_len=st.integers(2, 5),
    penalty=st.sampled_from([0.0, 0.0, 0.6, 1.0, 1.7]),
    eos_bias=st.sampled_from([-2.0, 0.0, 1.0]),
    seed=st.integers(0, 9999),
)
def test_a_wide_beam_finds_the_best_of_all(student, device, V, max_len, penalty, eos_bias, seed):
    """A beam that is wide enough for every sentence gives the best there is, finished or cut at max_len.

    The best is the one of greatest log-probability / length ** length_penalty; the length is that without bos.
    """
    torch.manual_seed(seed)
    random.seed(seed)
    bos, eos = random.sample(range(V), 2)
    for attempt in range(1000):  # greedy decoding should not find it, but where sentences are short it may have to
        world = draw_world(V, eos_bias=eos_bias, eos=eos)
        src, src_mask = sources([random.randint(1, 4)])
        source = words_of(src, src_mask)
        everything = every_sentence(world, source, max_len, bos, eos)
        wanted, ahead = ranked(everything, lambda h: worth(h, penalty))
        if ahead > 1e-3 and (attempt > 9 or wanted != greedy_truth(world, source, max_len, bos, eos)):
            break
    options = {"max_len": max_len, "bos": bos, "eos": eos, "beam": V**max_len, "length_penalty": penalty}
    found = beam(student, world, src, src_mask, options, device)
    did = f"beam_search among all {len(everything)} sentences of V={V} words, {_written(options)}."
    look = "the sum of log-probabilities (of the right parent), finished ones kept aside, cut ones at the end; the "
    look += "length penalty only in the comparison of whole sentences."
    expect_hypothesis(found, wanted, did, look)


@points(1.5, step=12, hint="What is a beam of width 1?")
@given(max_len=st.integers(1, 9), eos_bias=st.sampled_from([-1.0, 0.5, 1.5]), seed=st.integers(0, 9999))
def test_a_beam_of_one_is_greedy(student, max_len, eos_bias, seed):
    """beam=1 keeps the likeliest beginning alone: it gives what greedy decoding gives, without the padding."""
    torch.manual_seed(seed)
    random.seed(seed)
    world = draw_world(7, eos_bias=eos_bias)
    src, src_mask = sources([random.randint(1, 5), random.randint(1, 5)])
    options = {"max_len": max_len, "bos": BOS, "eos": EOS, "beam": 1}
    wanted = [greedy_truth(world, words_of(src, src_mask, b), max_len) for b in range(2)]
    look = "with one hypothesis: the likeliest word, until eos or max_len tokens (bos counted). Each call starts anew."
    found = one_by_one(student, "beam_search", world, src, src_mask, options)
    found = found if isinstance(found, list) and len(found) == 2 else [found] * 2
    for output, row, nth in zip(found, wanted, ("one source", "another, with the same model"), strict=True):
        expect_hypothesis({"output": output}, row, f"beam_search of {nth}, {_written(options)}, V=7.", look)


@points(2.5, step=12, hint="Which beginnings are kept after each round?", timeout=60)
def test_a_narrow_beam_keeps_the_best_beginnings(student):
    """A beam of 2 or 3 finds sentences that greedy decoding misses, and those alone that its beginnings lead to.

    (Where it matters whether a finished hypothesis takes up one of the places, it is not asked here.)
    """
    for width, penalty, neighbour in ((2, 0.0, 3), (3, 0.0, 2), (2, 1.0, 1), (4, 0.0, 3), (3, 0.7, 4), (8, 0.0, 5)):
        greedily = wanted = known = None
        while wanted in (None, greedily) or wanted == narrow_truth(*known, neighbour, penalty):
            world = draw_world(5, sharpness=0.9, eos_bias=-0.5)
            src, src_mask = sources([random.randint(1, 4)])
            known = (world[0].tolist(), world[1], words_of(src, src_mask), 6)
            greedily = greedy_truth(world, known[2], 6)
            wanted = narrow_truth(*known, width, penalty)
        options = {"max_len": 6, "bos": BOS, "eos": EOS, "beam": width, "length_penalty": penalty}
        found = beam(student, world, src, src_mask, options)
        did = f"beam_search, V=5, {_written(options)}. (Greedy decoding gives {greedily}.)"
        look = "each round: every hypothesis with every word, the log-probabilities added to its own, and of all these "
        look += "the `beam` best; no more and no fewer."
        expect_hypothesis(found, wanted, did, look)


@points(2, step=12, hint="What is the length of a hypothesis?", timeout=60)
def test_the_length_penalty_decides(student):
    """The winner is that of log-probability / length ** length_penalty, the length counting the words after bos.

    Worlds are drawn in which another penalty, or a length that counts bos or leaves out eos, would have another winner.
    """
    rivals = {
        "no penalty": lambda h, p: h[0],
        "a length that counts bos": lambda h, p: h[0] / len(h[1]) ** p,
        "a length without eos": lambda h, p: h[0] / max(1, len(h[1]) - 1 - (h[1][-1] == EOS)) ** p,
        "length * penalty": lambda h, p: h[0] / ((len(h[1]) - 1) * p),
        "((5 + length) / 6) ** penalty": lambda h, p: h[0] / ((4 + len(h[1])) / 6) ** p,
    }
    for rival, value in rivals.items():
        while True:
            penalty = random.choice([0.5, 1.0, 1.5, 2.0])
            world = draw_world(4, sharpness=1.0, eos_bias=random.choice([0.0, 1.0]))
            src, src_mask = sources([2])
            everything = every_sentence(world, words_of(src, src_mask), 5)
            wanted, ahead = ranked(everything, lambda h, p=penalty: worth(h, p))
            other, _ = ranked(everything, lambda h, p=penalty, value=value: value(h, p))
            if wanted != other and ahead > 1e-3:
                break
        options = {"max_len": 5, "bos": BOS, "eos": EOS, "beam": 1024, "length_penalty": penalty}
        found = beam(student, world, src, src_mask, options)
        did = f"beam_search among all sentences of V=4 words, {_written(options)}. (With {rival}: {other}.)"
        look = "log-probability / (number of tokens without bos, eos included) ** length_penalty."
        expect_hypothesis(found, wanted, did, look)


@points(1, step=12, hint="May a sentence win that never came to its eos?")
def test_cut_hypotheses_compete(student):
    """What reaches max_len without eos is cut, and competes: it may win over a finished one, and lose to one."""
    for cut_wins in (True, False, True, False):
        while True:
            penalty = random.choice([0.0, 0.0, 1.0])
            world = draw_world(4, sharpness=1.5, eos_bias=-1.5 if cut_wins else 0.0)
            src, src_mask = sources([3])
            everything = every_sentence(world, words_of(src, src_mask), 4)
            wanted, ahead = ranked(everything, lambda h, p=penalty: worth(h, p))
            likely = greedy_truth(world, words_of(src, src_mask), 4)
            if ahead > 1e-3 and (wanted[-1] != EOS) == cut_wins and (cut_wins or likely[-1] != EOS):
                break
        options = {"max_len": 4, "bos": BOS, "eos": EOS, "beam": 300, "length_penalty": penalty}
        found = beam(student, world, src, src_mask, options)
        did = f"beam_search, V=4, {_written(options)}; the best of all sentences "
        did += "is one that is cut at max_len." if cut_wins else "ends in eos, the likeliest words never do."
        look = "at max_len tokens the open hypotheses are compared with the finished ones, by the same rule."
        expect_hypothesis(found, wanted, did, look)


@points(1.5, step=12, hint="How good could an open hypothesis still become?", observed=True)
def test_it_stops_when_nothing_open_can_win(student):
    """Not before: a short sentence may be overtaken by one that loses little with each further word. And not later."""
    a, b, max_len = 3, 0, 12
    for first, penalty, width in ((0.6, 1.0, 2), (0.6, 1.0, 4), (0.6, 0.5, 3), (0.9, 0.0, 4), (0.9, 1.0, 4)):
        table = torch.full((4, 4), 0.01)
        table[BOS, EOS], table[BOS, a] = first, 1 - first - 0.02  # a sentence of one word, or one without an end
        table[a, a], table[b, b] = 0.97, 0.97
        goes_on = first == 0.6
        options = {"max_len": max_len, "bos": BOS, "eos": EOS, "beam": width, "length_penalty": penalty}
        found = beam(student, [table.log()], *sources([2]), options)
        did = (
            f"beam_search, {_written(options)}. After bos, eos ({EOS}) has a probability of {first:g} and word {a} of "
        )
        did += f"{1 - first - 0.02:.2g}; after word {a}, word {a} has 0.97."
        look = (
            "the best that an open hypothesis can come to: its log-probability now, over the length for which that is "
        )
        look += (
            "best, which is max_len - 1 for a penalty above 0. Stop only when that is no better than the best finished."
        )
        wanted = [BOS] + [a] * (max_len - 1) if goes_on else [BOS, EOS]
        expect_hypothesis(found, wanted, did, look)
        asked = [n for n in (_field(c, "length") for c in _calls(found, "decode")) if isinstance(n, int)]
        longest = max(asked, default=0)
        did += " The longest text that decode was asked to go on from:"
        most = max_len - 1 if goes_on else 2
        expect(longest <= most, did=did, wanted=f"at most {most} tokens", got=f"{longest} tokens", look=look)


@points(1, step=12, hint="What does decode need besides the words?", observed=True)
def test_beam_asks_as_the_contract_says(student):
    """decode gets a causal bool mask, the memory and src_mask of the one source; no gradients, the mode left alone."""
    for training in (True, False):
        world = draw_world(6, eos_bias=-1.0)
        src, src_mask = sources([4])
        options = {"max_len": 6, "bos": BOS, "eos": EOS, "beam": 3}
        found = beam(student, world, src, src_mask, options, training=training, gradients=training)
        did = f"beam_search, {_written(options)}, with a model in {_state(training)}."
        expect_calls(found, did, -1)
        _expect_manners(found, did, training)
        output = _field(found, "output")
        expect(isinstance(output, list), did=did, wanted="a list", got=show(output), look="list[int]")
    for rival in ((3, 0.0), (5, 0.0), (8, 0.0), (4, 0.2), (4, 1.0)):  # worlds where these would find another sentence
        wanted = known = None
        while wanted is None or wanted == narrow_truth(*known, *rival):
            world = draw_world(5, sharpness=0.9, eos_bias=-0.5)
            src, src_mask = sources([random.randint(1, 4)])
            known = (world[0].tolist(), world[1], words_of(src, src_mask), 6)
            wanted = narrow_truth(*known, 4, 0.0)
        found = beam(student, world, src, src_mask, {"max_len": 6, "bos": BOS, "eos": EOS})
        did = f"beam_search with the defaults, max_len=6, bos={BOS}, eos={EOS}, V=5."
        expect_hypothesis(found, wanted, did, "the defaults: beam=4, length_penalty=0.0.")
