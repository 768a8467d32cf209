"""Step 10, graded: the translator as it is seen from outside. How it is built inside is free. 20 points.

Every weight table gets numbers that the examiner draws, so that no part is silent and no initialisation matters. Then
*influence*: change one token, and see which outputs move. Masks are made here: the model has to do what they say.
"""

from itertools import pairwise
from types import SimpleNamespace

import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.expect import expect, expect_close, expect_equal, expect_raises, expect_tensor, show
from grader.probe import points, probe, weights_are_free
from lab.toys import calls

pytestmark = weights_are_free

STILL = 2e-6  # a change below this share of the largest value is rounding; a right model's is exactly 0 as a rule
MOVED = 1e-5  # a change above this share, in any of a few draws of the weights, is an influence
SEEDS = 3  # draws of the weights, when an influence has to be there


# -- Act: everything that touches the student's code


@probe
def drawn(student, config, seed, device="cpu"):
    """Used by the other probes: a model in eval mode with weights that we draw."""
    torch.default_generator.manual_seed(seed)  # the CPU's alone: the others cost 3 ms
    model = student.Translator(student.TranslatorConfig(**config)).to(device).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad and weight.dim() > 1:
                weight.copy_(0.18 * torch.randn(weight.shape))
            elif weight.requires_grad:
                weight.add_(0.1 * torch.randn(weight.shape).to(device))
    return model


@probe
def translated(student, config, seed, src, src_mask, tgt, tgt_mask, device="cpu", filling=None):
    """The memory and the log-probabilities; `filling` (S, C) is written over the memory where src_mask is False."""
    model = drawn(student, config, seed, device)
    put = [x.clone().to(device) for x in (src, src_mask, tgt, tgt_mask)]
    memory = model.encode(put[0], put[1])
    given_memory = memory if filling is None else torch.where(put[1].mT, memory, filling.to(device))
    read = given_memory.clone()
    log_probs = model.decode(given_memory, put[1], put[2], put[3])
    kept = all(torch.equal(x.cpu(), y) for x, y in zip(put, (src, src_mask, tgt, tgt_mask), strict=True))
    kept = kept and torch.equal(given_memory, read)
    return {"memory": memory, "log_probs": log_probs, "kept": kept, "device": log_probs.device.type}


@probe
def stirred(student, config, seed, src, src_mask, tgt, tgt_mask, stir):
    """The log-probabilities from the memory, and then with stir[j] (C,) added to it at each source position j."""
    model = drawn(student, config, seed)
    memory = model.encode(src, src_mask)
    found = [model.decode(memory, src_mask, tgt, tgt_mask)]
    for j in range(src.size(1)):
        other = memory.clone()
        other[:, j] += stir[j]
        found.append(model.decode(other, src_mask, tgt, tgt_mask))
    return found


@probe
def loss_of(student, config, seed, batch, device="cpu"):
    model = drawn(student, config, seed, device)
    put = {name: x.to(device) if isinstance(x, torch.Tensor) else x for name, x in batch.items()}
    given_batch = SimpleNamespace(**{name: x.clone() if isinstance(x, torch.Tensor) else x for name, x in put.items()})
    loss = model(given_batch)
    memory = model.encode(put["src"], put["src_mask"])
    log_probs = model.decode(memory, put["src_mask"], put["tgt"], put["tgt_mask"])
    after = [(getattr(given_batch, name, None), x) for name, x in put.items()]
    kept = all(type(x) is type(y) and (torch.equal(x, y) if isinstance(y, torch.Tensor) else x == y) for x, y in after)
    return {"loss": loss, "log_probs": log_probs, "trains": getattr(loss, "requires_grad", None), "kept": kept}


@probe
def count(student, config):
    model = student.Translator(student.TranslatorConfig(**config))
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


@probe
def configured(student, values, names):
    config = student.TranslatorConfig(*values)
    found = {name: getattr(config, name, "missing") for name in names}
    return {"fields": found, "set": calls.raised(lambda: setattr(config, "n_layer", 5))}


@probe
def slopes(student, config, seed, batch):
    """For every parameter: how far the loss goes in three small random steps, by its gradient and measured."""
    model, batch = drawn(student, config, seed), SimpleNamespace(**batch)
    model(batch).backward()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    by_gradient, measured = torch.zeros(len(trained), 3), torch.zeros(len(trained), 3)
    with torch.no_grad():
        for i, weight in enumerate(trained.values()):
            for k, step in enumerate(0.002 * torch.randn(3, *weight.shape)):
                by_gradient[i, k] = 0.0 if weight.grad is None else (weight.grad * step).sum()
                weight.add_(step)
                up = model(batch)
                weight.sub_(2 * step)
                measured[i, k] = (up - model(batch)) / 2
                weight.add_(step)
    without = [name for name, weight in trained.items() if weight.grad is None]
    return {"names": list(trained), "without": without, "by gradient": by_gradient, "measured": measured}


@probe
def two_passes(student, config, seed, batch, train):
    model = drawn(student, config, seed).train(train)
    memories = [model.encode(batch["src"], batch["src_mask"]) for _ in range(2)]
    rest = (batch["src_mask"], batch["tgt"], batch["tgt_mask"])
    said = [model.decode(memories[0], *rest) for _ in range(2)]
    model.eval()
    still = model.encode(batch["src"], batch["src_mask"])
    return {"encode": [*memories, still], "decode": [*said, model.decode(memories[0], *rest)]}


@probe
def saved_and_restored(student, config, seed, src, src_mask, tgt, tgt_mask):
    model = drawn(student, config, seed)
    before = model.decode(model.encode(src, src_mask), src_mask, tgt, tgt_mask)
    other = drawn(student, config, seed + 1)
    other.load_state_dict(model.state_dict())
    return {"before": before, "after": other.decode(other.encode(src, src_mask), src_mask, tgt, tgt_mask)}


@probe
def refused(student, config, src, src_mask, tgt, tgt_mask, part):
    model = student.Translator(student.TranslatorConfig(**config)).eval()
    memory = model.encode(src[:, :2], src_mask[:, :, :2])
    acts = {
        "encode": lambda: model.encode(src, src_mask),
        "decode": lambda: model.decode(memory, src_mask[:, :, :2], tgt, tgt_mask),
    }
    return calls.raised(acts[part])


@probe
def taught(student, config, seed, lr, batches):
    """Adam on all batches but the last, with a short warm-up; every loss, and the log-probabilities for the last."""
    model = drawn(student, config, seed).train()
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.98)), []
    for step, batch in enumerate(batches[:-1]):
        optimizer.param_groups[0]["lr"] = lr * min(1.0, (step + 1) / 20)
        loss = model(SimpleNamespace(**batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    last = batches[-1]
    with torch.no_grad():
        memory = model.encode(last["src"], last["src_mask"])
        log_probs = model.decode(memory, last["src_mask"], last["tgt"], last["tgt_mask"])
    return {"losses": losses, "log_probs": log_probs}


@probe
def one_step(student, config, seed, lr, batch):
    model = drawn(student, config, seed)
    put = (batch["src_mask"], batch["tgt"], batch["tgt_mask"])
    before = model.decode(model.encode(batch["src"], batch["src_mask"]), *put)
    model(SimpleNamespace(**batch)).backward()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= lr * weight.grad
    return {"before": before, "after": model.decode(model.encode(batch["src"], batch["src_mask"]), *put)}


# -- what the tests share


def draw(low, high):
    return int(torch.randint(low, high + 1, ()))


def tiny(**changes):
    config = {"src_vocab": 23, "tgt_vocab": 19, "n_layer": 1, "n_head": 4, "d_model": 32, "d_ff": 48, "max_len": 16}
    return config | changes


def sentences(lengths, width, vocab_size, pad=0):
    """(B, width): random words, none of them padding, and padding after them."""
    ids = (pad + torch.randint(1, vocab_size, (len(lengths), width))) % vocab_size
    for row, length in zip(ids, lengths, strict=True):
        row[length:] = pad
    return ids


def others(ids, vocab_size, pad=0):
    """Different words, every one of them, and none of them padding."""
    step = torch.randint(1, vocab_size - 1, ids.shape)
    return (pad + 1 + ((ids - pad) % vocab_size - 1 + step) % (vocab_size - 1)) % vocab_size


def causal(size):
    return torch.ones(1, size, size, dtype=torch.bool).tril()


def pair(config, src_lengths, tgt_lengths, pad=0, extra=0):
    """src, src_mask, tgt, tgt_mask; as wide as the longest and `extra` more."""
    src = sentences(src_lengths, max(src_lengths) + extra, config["src_vocab"], pad)
    tgt = sentences(tgt_lengths, max(tgt_lengths) + extra, config["tgt_vocab"], pad)
    return [src, (src != pad)[:, None], tgt, (tgt != pad)[:, None] & causal(tgt.size(1))]


def batch_of(config, src_lengths, tgt_lengths, pad=0):
    """A batch as step 9 makes it (a tgt of one token more is cut and shifted)."""
    src, src_mask, tgt, _ = pair(config, src_lengths, [n + 1 for n in tgt_lengths], pad)
    read, wanted = tgt[:, :-1], tgt[:, 1:]
    mask = (read != pad)[:, None] & causal(read.size(1))
    n_tokens = int((wanted != pad).sum())
    names = ("src", "src_mask", "tgt", "tgt_y", "tgt_mask", "n_tokens")
    return dict(zip(names, (src, src_mask, read, wanted, mask, n_tokens), strict=True))


def parts(evidence, *keys):
    return [evidence.get(key) if isinstance(evidence, dict) else None for key in keys]


def ran(student, config, seed, case, look, did="encoded and decoded", **options):
    """The memory (B, S, C) and the log-probabilities (B, T, V), checked for their shapes."""
    found = translated(student, config, seed, *case, **options)
    memory, log_probs = parts(found, "memory", "log_probs")
    (B, S), T = case[0].shape, case[2].size(1)
    C, V = config["d_model"], config["tgt_vocab"]
    told = f"{did}: B={B}, S={S}, T={T}, d_model={C}, V={V}."
    memory = expect_tensor(memory, (B, S, C), did=told + " encode.", look=look)
    return memory, expect_tensor(log_probs, (B, T, V), did=told + " decode.", look=look)


def share(after, before):
    """(B, T): the largest change at each position, as a share of the largest value."""
    return (after - before).abs().amax(-1) / before.abs().max().clamp(min=1e-30)


def table(moved, rows, columns):
    head = f"{columns + ' changed':>26}  " + " ".join(str(j) for j in range(moved.size(1)))
    body = [f"{f'{rows} {i} moved?':>26}  " + " ".join(".x"[int(m)] for m in row) for i, row in enumerate(moved)]
    return "\n".join([head, *body])


def influence(student, config, case, side, output, seeds, look, device="cpu"):
    """(B, positions of the output, positions of the side): the largest change over the draws of the weights.

    side: 0 changes the source's tokens one by one, 2 the target's; output: 0 is the memory, 1 the log-probabilities.
    """
    V = config["src_vocab"] if side == 0 else config["tgt_vocab"]
    edited = others(case[side], V)
    found = []
    for seed in seeds:
        before = ran(student, config, seed, case, look, device=device)[output]
        columns = []
        for j in range(case[side].size(1)):
            changed = list(case)
            changed[side] = case[side].clone()
            changed[side][:, j] = edited[:, j]
            columns.append(share(ran(student, config, seed, changed, look, device=device)[output], before))
        found.append(torch.stack(columns, -1))
    return torch.stack(found).amax(0)


def seeds_drawn():
    return [draw(0, 10**6) for _ in range(SEEDS)]


def expect_table(moved, wanted, counts, *, did, rows, columns, look):
    """The influences of each sentence are exactly `wanted`, where `counts` is True."""
    for b in range(len(moved)):
        wrong = (moved[b] != wanted[b]) & counts[b]
        got = table(moved[b], rows, columns)
        first = wrong.nonzero()[:1].tolist()
        got += "".join(f"\nwrong: {rows} {i}, {columns} {j}" for i, j in first)
        told = f"{did}, sentence {b} of {len(moved)}"
        expect(not wrong.any(), did=told, wanted=table(wanted[b], rows, columns), got=got, look=look)


# -- Assert: shapes and sizes


@points(1, step=10, hint="What is the shape of x after every line?", timeout=60)
@given(data=st.data())
def test_shapes_for_any_sizes(student, data):
    """For any configuration: memory (B, S, C), log-probabilities (B, T, V), up to max_len tokens on either side."""
    n_head, max_len = data.draw(st.integers(1, 4), "n_head"), data.draw(st.integers(1, 9), "max_len")
    config = {
        "src_vocab": data.draw(st.integers(3, 30), "src_vocab"),
        "tgt_vocab": data.draw(st.integers(3, 30), "tgt_vocab"),
        "n_layer": data.draw(st.integers(1, 3), "n_layer"),
        "n_head": n_head,
        "d_model": n_head * data.draw(st.sampled_from([2, 4, 6]), "d_model / n_head"),
        "d_ff": data.draw(st.integers(4, 20), "d_ff"),
        "max_len": max_len,
    }
    B, S, T = (data.draw(st.integers(1, top), name) for name, top in (("B", 3), ("S", max_len), ("T", max_len)))
    case = pair(config, [S] * B, [T] * B)
    look = "encode and decode: what goes in and what comes out, and where max_len enters."
    ran(
        student, config, 0, case, look, f"Translator(TranslatorConfig({', '.join(f'{k}={config[k]}' for k in config)}))"
    )


@points(1, step=10, hint="Which part of the model has weights that depend on d_ff?", observed=True)
def test_sizes_follow_the_configuration(student):
    """The defaults; each layer brings the same number of weights, and so does each unit of d_ff, in every layer."""
    names = ("src_vocab", "tgt_vocab", "n_layer", "n_head", "d_model", "d_ff", "dropout", "max_len", "pad", "smoothing")
    for put, values in (
        ((7, 9), (7, 9, 2, 4, 128, 512, 0.1, 64, 0, 0.1)),
        ((7, 9, 3, 2, 16, 48, 0.2, 32, 1, 0.3), (7, 9, 3, 2, 16, 48, 0.2, 32, 1, 0.3)),
    ):
        found = configured(student, list(put), list(names))
        did, wanted = f"TranslatorConfig({', '.join(map(str, put))})", dict(zip(names, values, strict=True))
        got, setting = parts(found, "fields", "set")
        expect_equal(got, wanted, did=did, look="the fields, in the stub's order, and their defaults.")
        refused = parts(setting, "type")[0] is not None
        did += ", then set its n_layer to 5"
        expect(refused, did=did, wanted="an error", got="no error at all", look="@dataclass(frozen=True).")
    for name, sizes, look in (
        ("n_layer", (1, 2, 3), "fresh layers, n_layer in the encoder and in the decoder, all in an nn.ModuleList."),
        ("d_ff", (40, 80, 120), "the feed-forward part: from d_model to d_ff and back."),
    ):
        found = [count(student, tiny(**{name: size})) for size in sizes]
        steps = [b - a if type(a) is type(b) is int else 0 for a, b in pairwise(found)]
        did = f"counted the trained parameters with {name} = {', '.join(map(str, sizes))}."
        got = ", ".join(map(str, found))
        expect(steps[0] == steps[1] > 0, did=did, wanted="more each time, by the same number", got=got, look=look)
    widths = [[count(student, tiny(n_layer=n, d_ff=f)) for f in (40, 80)] for n in (1, 3)]
    one, three = (b - a for a, b in widths)
    did = "counted the parameters that 40 more units of d_ff bring, with 1 and with 3 layers."
    got = f"{one} and {three} parameters"
    look = "a feed-forward part in every layer, of encoder and decoder; n_layer layers on each side, each with weights "
    look += "of its own, in an nn.ModuleList."
    expect(
        three == 3 * one and one >= 2 * 2 * 32 * 40,
        did=did,
        wanted="5120 or more parameters, and three times as many with 3 layers",
        got=got,
        look=look,
    )


@points(0.5, step=10, hint="Where does n_head enter the computation?")
def test_the_number_of_heads_matters(student):
    """The same weights with 1, 2 and 4 heads are different models: each head has a softmax of its own."""
    seed, case = draw(0, 10**6), pair(tiny(), [7, 7], [6, 6])
    look = "the attention: is it split into n_head heads of d_model / n_head channels?"
    found = {n: ran(student, tiny(n_head=n), seed, case, look)[1] for n in (1, 2, 4)}
    for few, many in ((1, 2), (2, 4)):
        did = f"translated with n_head={few} and with n_head={many}, from the same weights."
        same = bool((share(found[few], found[many]) < MOVED).all())
        expect(not same, did=did, wanted="different log-probabilities", got="the same", look=look)


@points(0.5, step=10, hint="What do the probabilities of all words add up to?")
def test_log_probabilities(student, device):
    """decode gives log-probabilities: over the V words of a position they sum to one, and the source changes them."""
    config = tiny(n_layer=2)
    case = pair(config, [5, 7], [4, 6])
    case[0][0, 5:] = draw(1, 22)  # under the mask anything may stand
    found = translated(student, config, draw(0, 10**6), *case, device)
    log_probs, kept, place = parts(found, "log_probs", "kept", "device")
    did = "decode with V=19."
    look = "log_softmax over the last axis, the vocabulary, as the last thing in decode."
    log_probs = expect_tensor(log_probs, (2, 6, 19), did=did, look=look, dtype=torch.float32)
    real = torch.tensor([[True] * 4 + [False] * 2, [True] * 6])
    did += " The sum of exp(log-probability) over the words, at each position:"
    expect_close(log_probs.exp().sum(-1)[real], torch.ones(10), did=did, look=look, atol=1e-4)
    did = "encode and decode: are the tensors that they were given, the memory too, as they were?"
    expect_equal(kept, True, did=did, look="operations in place: += and its like, and those whose names end in _.")
    expect_equal(place, device, did="the log-probabilities are on:", look="tensors made in the model: which device?")


# -- Assert: who sees whom


@points(2, step=10, hint="Which written words may position t look at?", timeout=60)
def test_the_decoder_sees_no_later_word(student, device):
    """The log-probabilities at t move with target tokens 0..t, each of them, and never with a later one."""
    look = "tgt_mask in the decoder's self-attention: in every layer, True where looking is allowed, -inf before the "
    look += "softmax where not; and how the heads are split and put together again."
    for n_layer in (1, 2, 3):
        T, config = draw(4, 6), tiny(n_layer=n_layer)
        case = pair(config, [4, 5], [T, T])
        case[3] = causal(T) if n_layer == 2 else case[3]
        moved = influence(student, config, case, 2, 1, seeds_drawn()[: SEEDS if n_layer == 1 else 2], look, device)
        wanted = causal(T).expand(2, -1, -1)
        lower = (moved > MOVED) | ((moved > STILL) & ~wanted)  # at or before: an influence; after: not a trace of one
        did = f"changed one target token at a time; n_layer={n_layer}, n_head=4"
        everywhere = torch.ones_like(wanted)
        expect_table(lower, wanted, everywhere, did=did, rows="output", columns="target token", look=look)


@points(1.5, step=10, hint="Which words of the source may every other one look at?", timeout=60)
def test_the_encoder_reads_the_whole_sentence(student, device):
    """The memory of every word moves with each word of its sentence, before and after it, and never with padding."""
    look = "src_mask in the encoder, (B, 1, S): True is a word. No causal mask here: the whole source is known."
    for n_layer in (1, 2):
        config = tiny(n_layer=n_layer)
        lengths = [draw(3, 4), 6, draw(4, 5)]
        case = pair(config, lengths, [3, 3, 3])
        moved = influence(student, config, case, 0, 0, seeds_drawn(), look, device)
        real = case[1].expand(-1, 6, -1)
        found = (moved > MOVED) | ((moved > STILL) & ~real)
        did = f"changed one source token at a time (sentences of {lengths} words, then padding), n_layer={n_layer}"
        expect_table(
            found, real, case[1].mT.expand(-1, -1, 6), did=did, rows="memory", columns="source token", look=look
        )


@points(
    2, step=10, hint="Where do the keys and values of cross-attention come from, and which may be used?", timeout=60
)
def test_cross_attention_reads_every_word_and_no_padding(student):
    """Each output moves with the memory of every word of the source, and never with the memory of padding."""
    look = "cross-attention: queries from the decoder, keys and values from memory, under src_mask, in every layer."
    for n_layer in (1, 2):
        config = tiny(n_layer=n_layer)
        lengths, T = [draw(2, 3), 5, 4], 3
        case = pair(config, lengths, [T] * 3)
        moved = []
        for seed in seeds_drawn():
            found = stirred(student, config, seed, *case, 3 * torch.randn(5, 32))
            found = found if isinstance(found, list) and len(found) == 6 else [None] * 6
            found = [expect_tensor(x, (3, T, 19), did="decode, T=3, V=19", look=look) for x in found]
            moved.append(torch.stack([share(x, found[0]) for x in found[1:]], -1))
        moved = torch.stack(moved).amax(0)
        real = case[1].expand(-1, T, -1)
        found = (moved > MOVED) | ((moved > STILL) & ~real)
        did = f"changed the memory one position at a time (sources of {lengths} words, then padding), n_layer={n_layer}"
        expect_table(found, real, torch.ones_like(real), did=did, rows="output", columns="memory", look=look)


@points(2, step=10, hint="Does a sentence mean something else when its neighbour is longer?", timeout=60)
def test_padding_changes_nothing(student):
    """A sentence by itself and the same in a batch, padded on both sides, get the same log-probabilities.

    Whatever the padding's id is, however much there is of it, and whatever the memory holds there.
    """
    look = "src_mask in encoder *and* cross-attention; positions that count from the sentence's start; no mean or norm "
    look += "over time; pad only where the configuration says what it is."
    for pad in (0, draw(1, 18)):
        config, seed = tiny(n_layer=2, pad=pad), draw(0, 10**6)
        src_lengths, tgt_lengths = [3, 7, 5], [6, 2, 4]
        case = pair(config, src_lengths, tgt_lengths, pad, extra=draw(0, 3))
        filling = 30 * torch.randn(case[0].size(1), 32)
        whole = ran(student, config, seed, case, look)[1]
        filled = ran(student, config, seed, case, look, filling=filling)[1]
        for b, (S, T) in enumerate(zip(src_lengths, tgt_lengths, strict=True)):
            alone = [case[0][b : b + 1, :S], case[1][b : b + 1, :, :S], case[2][b : b + 1, :T], causal(T)]
            wanted = ran(student, config, seed, alone, look)[1][0]
            still = 1e-4 * wanted.abs().max().item()
            did = f"decoded a pair of {S} and {T} tokens by itself, and in a batch of 3 with padding (pad={pad})."
            expect_close(whole[b, :T], wanted, did=did, look=look, rtol=0, atol=still)
            did = "the same, with other numbers in the memory where src_mask is False."
            expect_close(filled[b, :T], wanted, did=did, look=look, rtol=0, atol=still)


@points(1.5, step=10, hint="Whose word counts: the mask's, or what your model thinks is padding?", timeout=60)
def test_the_masks_are_obeyed(student):
    """The masks that come in decide, whatever the tokens are: a place that they hide is used by nobody else.

    And (1, T, T) is as good as (B, T, T).
    """
    look = "use src_mask and tgt_mask as they come; do not make masks of your own from the tokens."
    config, seed = tiny(n_layer=2), draw(0, 10**6)
    case = pair(config, [6, 6, 6], [5, 5, 5])
    hidden_src, hidden_tgt = draw(1, 4), draw(1, 3)
    case[1][1, :, hidden_src] = False
    case[3][2, :, hidden_tgt] = False
    before = ran(student, config, seed, case, look)[1]
    changed = list(case)
    changed[0] = case[0].clone()
    changed[0][1, hidden_src] = others(case[0], 23)[1, hidden_src]
    after = ran(student, config, seed, changed, look)[1]
    did = f"hid word {hidden_src} of a source by src_mask (all its tokens are words), and changed that word."
    expect_close(after[1], before[1], did=did, look=look, rtol=0, atol=STILL * before.abs().max().item())
    changed = list(case)
    changed[2] = case[2].clone()
    changed[2][2, hidden_tgt] = others(case[2], 19)[2, hidden_tgt]
    after = ran(student, config, seed, changed, look)[1]
    rest = [t for t in range(5) if t != hidden_tgt]
    did = f"hid target token {hidden_tgt} from all positions by tgt_mask, changed that token; the other positions."
    expect_close(after[2, rest], before[2, rest], did=did, look=look, rtol=0, atol=STILL * before.abs().max().item())
    for B in (1, 3):
        case = pair(config, [6] * B, [5] * B)
        three = ran(student, config, seed, [*case[:3], causal(5).expand(B, -1, -1)], look)[1]
        one = ran(student, config, seed, [*case[:3], causal(5)], look)[1]
        did = f"decoded {B} sentences under a causal mask of shape (1, 5, 5) and under one of shape ({B}, 5, 5)."
        expect_close(one, three, did=did, look="mask.unsqueeze(1), and broadcasting does the rest.")


@points(0.5, step=10, hint="Which axis is the batch, which one is time?")
def test_rows_of_a_batch_do_not_meet(student):
    """A sentence's log-probabilities do not depend on the other sentences of its batch."""
    config, seed, b = tiny(n_layer=2), draw(0, 10**6), draw(0, 2)
    look = "axes: attention and positions run along time, never along the batch."
    case = pair(config, [5, 5, 5], [5, 5, 5])
    before = ran(student, config, seed, case, look)[1]
    rest = [r for r in range(3) if r != b]
    for side, V, name in ((0, 23, "source"), (2, 19, "target")):
        changed = list(case)
        changed[side] = case[side].clone()
        changed[side][b] = others(case[side], V)[b]
        after = ran(student, config, seed, changed, look)[1]
        did = f"changed every {name} token of sentence {b}, and compared sentences {rest[0]} and {rest[1]}."
        still = 1e-4 * before.abs().max().item()
        expect_close(after[rest], before[rest], did=did, look=look, rtol=0, atol=still)


@points(1, step=10, hint="How does the model tell 'dog bites man' from 'man bites dog'?")
def test_the_order_of_words_matters(student):
    """Swapping two words of the source, or two earlier words of the target, moves the log-probabilities after them."""
    config = tiny()
    look = "positions: added to the embeddings on both sides, one for each place along time, up to max_len."
    for T, places in ((5, (0, 1, 2)), (config["max_len"], (draw(8, 10), 13))):
        case = pair(config, [T, T], [T, T])
        for side, V in ((0, 23), (2, 19)):
            case[side] = torch.stack([1 + torch.randperm(V - 1)[:T] for _ in range(2)])
        seeds = seeds_drawn()
        before = [ran(student, config, seed, case, look)[1] for seed in seeds]
        for side, name, i in [(side, name, i) for side, name in ((0, "source"), (2, "target")) for i in places]:
            swapped = list(case)
            swapped[side] = case[side].clone()
            swapped[side][:, [i, i + 1]] = case[side][:, [i + 1, i]]
            after = [ran(student, config, seed, swapped, look)[1] for seed in seeds]
            later = [share(x, y)[:, i + 2 :].amax(-1) for x, y in zip(after, before, strict=True)]
            moved = max(x.min().item() for x in later)
            did = f"swapped {name} tokens {i} and {i + 1} of {T}, and compared the positions after them; n_layer=1."
            expect(moved > MOVED, did=did, wanted="other log-probabilities", got="the same", look=look)


@points(0.5, step=10, hint="How many positions are there?", observed=True)
def test_too_long_a_sentence_is_refused(student):
    """More than max_len tokens raise ValueError, in the source and in the target; exactly max_len are fine."""
    max_len = draw(4, 8)
    config = tiny(max_len=max_len)
    ran(student, config, 0, pair(config, [max_len], [max_len]), "max_len tokens are allowed.")
    for T in (max_len + 1, max_len + draw(2, 3)):
        for part in ("encode", "decode"):
            found = refused(student, config, *pair(config, [T], [T]), part)
            did = f"{part} with a {'source' if part == 'encode' else 'target'} of {T} tokens, max_len={max_len}"
            expect_raises(found, did=did, look="compare the length with max_len first: in encode and in decode.")


# -- Assert: the loss, and learning


@points(2, step=10, hint="What is wanted of each word, and what is the sum divided by?", timeout=60)
def test_the_loss_is_label_smoothed(student, device):
    """forward's loss is step 11's: KL from 1 - smoothing on the target, the rest spread over V - 2 words, per target.

    It is worked out here anew from the log-probabilities of your own encode and decode.
    """
    look = "forward: decode reads batch.tgt under batch.tgt_mask, and is scored on batch.tgt_y. In the loss: smoothing "
    look += "/ (V - 2) on the others, nothing on padding, rows of padding left out, KL summed, divided by the "
    look += "number of targets that are not padding; config.smoothing and config.pad."
    for smoothing, pad in ((0.1, 0), (0.0, 0), (draw(15, 60) / 100, draw(1, 18)), (0.25, 18)):
        config = tiny(smoothing=smoothing, pad=pad)
        batch = batch_of(config, [5, 3, 6], [draw(2, 3), 6, 4], pad)
        found = loss_of(student, config, draw(0, 10**6), batch, device)
        loss, log_probs, trains, kept = parts(found, "loss", "log_probs", "trains", "kept")
        did = f"model(batch), smoothing={smoothing}, pad={pad}, {batch['n_tokens']} targets that are not padding."
        log_probs = expect_tensor(log_probs, (3, 6, 19), did=did, look=look)
        loss = expect_tensor(loss, (), did=did + " The loss:", look="forward returns one number, as a tensor.")
        wanted = smoothed_loss(log_probs.double(), batch["tgt_y"], pad, smoothing)
        did += " The loss that forward returns; expected is what your own encode and decode lead to:"
        expect_close(loss, wanted, did=did, look=look)
        expect_equal(trains, True, did="loss.requires_grad", look="no detach, item or no_grad in forward.")
        expect_equal(kept, True, did="model(batch): is the batch as it was?", look="forward only reads its batch.")


def smoothed_loss(log_probs, targets, pad, smoothing):
    """Target by target, in Python: for each word, wanted * (log wanted - log predicted)."""
    V, total, scored = log_probs.size(-1), 0.0, 0
    for row, target in zip(log_probs.flatten(0, 1), targets.flatten().tolist(), strict=True):
        if target == pad:
            continue
        scored += 1
        for word in range(V):
            p = 1 - smoothing if word == target else 0.0 if word == pad else smoothing / (V - 2)
            if p > 0:
                total += p * (torch.tensor(p, dtype=torch.float64).log().item() - row[word].item())
    return total / scored


@points(0.5, step=10, hint="What is the mean of nothing?")
def test_a_batch_without_words_costs_nothing(student):
    """If every target is padding the loss is 0, as step 11 says: not NaN, which would spoil every weight."""
    config = tiny()
    batch = batch_of(config, [3, 4], [4, 4]) | {"tgt_y": torch.zeros(2, 4, dtype=torch.long), "n_tokens": 0}
    loss, _ = parts(loss_of(student, config, 0, batch), "loss", "log_probs")
    did = "model(batch) with a tgt_y of nothing but padding."
    look = "divide by the number of targets, but never by 0."
    expect_close(expect_tensor(loss, (), did=did, look=look), 0.0, did=did, look=look)


@points(1, step=10, hint="Is every parameter on the way from the batch to the loss?", timeout=60, observed=True)
def test_every_parameter_learns(student):
    """Every trained parameter gets a gradient, and a true one: the slope that the loss is seen to have."""
    config = tiny(d_model=16, d_ff=24, n_layer=2)
    found = slopes(student, config, draw(0, 10**6), batch_of(config, [5, 3, 4], [4, 5, 3]))
    names, without, by_gradient, measured = parts(found, "names", "without", "by gradient", "measured")
    look = "forward: every parameter used, and nothing detached (not even the memory)."
    got = show(without)
    if isinstance(without, list) and isinstance(names, list) and len(without) > 4:
        few = [*without[:2], "...", *without[-2:]]  # the first and the last tell which part of the model it is
        got = f"{len(without)} of {len(names)} parameters: {', '.join(map(str, few))}"
    did = "loss.backward(), then listed the parameters whose .grad is None"
    expect(type(without) is list and not without, did=did, wanted="none", got=got, look=look)
    did = "listed the trained parameters"
    expect(isinstance(names, list) and len(names) > 0, did=did, wanted="some", got=str(names), look="nn.Parameter")
    by_gradient = expect_tensor(by_gradient, (len(names), 3), did="loss.backward()", look=look)
    measured = expect_tensor(measured, (len(names), 3), did="took small steps", look=look)
    for name, grads, moves in zip(names, by_gradient, measured, strict=True):
        did = f"took three small random steps in {name}: how far the loss goes, by its gradient and measured"
        wanted, got = (", ".join(f"{x:.1e}" for x in row.tolist()) for row in (moves, grads))
        near = bool((grads - moves).norm() <= 1e-5 + 0.4 * moves.norm())
        expect(near, did=did, wanted=wanted + " (measured)", got=got + " (by its gradient)", look=look)


@points(0.5, step=10, hint="Which of model.train() and model.eval() may drop anything?")
def test_dropout_is_on_in_training_only(student):
    """Dropout disturbs encoder and decoder in training, nothing in eval mode, and dropout=0.0 switches it off."""
    batch, seed = batch_of(tiny(), [5, 5], [5, 5]), draw(0, 10**6)
    for dropout, train, differ in ((0.5, False, False), (0.5, True, True), (0.0, True, False)):
        found = two_passes(student, tiny(dropout=dropout), seed, batch, train)
        for name, size in (("encode", 32), ("decode", 19)):
            did = f"called {name} twice in {'train' if train else 'eval'} mode with dropout={dropout}."
            look = (
                "nn.Dropout(config.dropout) modules follow train() and eval(); a function must be told self.training."
            )
            three = parts(found, name)[0]
            three = three if isinstance(three, list) and len(three) == 3 else [None] * 3
            one, two, still = (expect_tensor(x, (2, 5, size), did=did, look=look) for x in three)
            same = bool((share(one, two) < STILL).all())
            wanted, got = ("different results", "the same") if differ else ("the same result twice", "different ones")
            expect(same != differ, did=did, wanted=wanted, got=got, look=look)
            if not differ:
                expect_close(one, still, did=did + " And in eval mode.", look="what else behaves differently?")


@points(0.5, step=10, hint="Is everything that the model needs in its state_dict?")
def test_a_saved_model_comes_back(student):
    """state_dict holds the whole model: loaded into a new one it gives the same log-probabilities."""
    config = tiny(n_layer=2)
    found = saved_and_restored(student, config, draw(0, 10**6), *pair(config, [5, 4], [4, 5]))
    did = "saved state_dict(), loaded it into a new model, and ran both on the same batch."
    look = "weights kept outside of parameters and buffers (a plain list of layers, a bare tensor)."
    before, after = (expect_tensor(x, (2, 5, 19), did=did, look=look) for x in parts(found, "before", "after"))
    expect_close(after, before, did=did, look=look)


@points(0.5, step=10, hint="Does the loss go down when you follow its slope?", observed=True)
def test_one_step_makes_it_better(student):
    """One small step of plain gradient descent makes the loss of the same batch smaller."""
    config = tiny()
    batch = batch_of(config, [5, 3, 6], [4, 6, 5])
    found = one_step(student, config, draw(0, 10**6), 0.002, batch)
    did = "took one step of plain gradient descent with a rate of 0.002; the loss of the same batch before and after, "
    did += "worked out from your log-probabilities."
    look = "the sign of the loss: better log-probabilities must make it smaller."
    two = (expect_tensor(x, (3, 6, 19), did=did, look=look) for x in parts(found, "before", "after"))
    before, after = (smoothed_loss(x.double(), batch["tgt_y"], 0, 0.1) for x in two)
    expect(after < before, did=did, wanted=f"less than {before:.6f}", got=f"{after:.6f}", look=look)


@points(
    1,
    step=10,
    hint="Can it find the source word that belongs to each place of the target?",
    timeout=60,
)
def test_it_learns_to_write_backwards(student):
    """Trained on random words to be written in reverse, it must find out which source word belongs where."""
    V, T, B = 9, 4, 32
    config = {"src_vocab": V, "tgt_vocab": V, "n_layer": 1, "n_head": 4, "d_model": 32, "d_ff": 64, "max_len": 8}
    config |= {"dropout": 0.0, "smoothing": 0.0}
    batches = []
    for _ in range(131):
        src = torch.randint(2, V, (B, T))
        tgt = torch.cat([torch.ones(B, 1, dtype=torch.long), src.flip(1)], 1)
        mask = causal(T).expand(B, -1, -1)
        batch = {"src": src, "src_mask": (src != 0)[:, None], "tgt": tgt[:, :-1], "tgt_y": tgt[:, 1:]}
        batches.append(batch | {"tgt_mask": mask, "n_tokens": B * T})
    found = taught(student, config, draw(0, 10**6), 0.005, batches)
    did = f"trained on {len(batches) - 1} batches of {B}: random words ({T} of {V - 2}) to be written backwards. Then, "
    did += "on new words, the log-probability of the right word, on average."
    look = "the whole way: does the source reach the output, with its positions, and is tgt_y what is wanted?"
    log_probs = expect_tensor(parts(found, "log_probs")[0], (B, T, V), did=did, look=look)
    right = log_probs.gather(-1, batches[-1]["tgt_y"][..., None]).mean().item()
    wanted = "above -0.7 (knowing nothing is -1.95)"
    expect(right > -0.7, did=did, wanted=wanted, got=f"{right:.2f}", look=look)
