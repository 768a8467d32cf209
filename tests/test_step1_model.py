"""Step 1, graded: the model as it is seen from outside. How it is built inside is free.

Two ideas carry most of the tests. *Shake*: before it is looked at, every weight gets seeded noise added, so that no
part of a fresh model is silent (many start with zeros). *Influence*: change one token of the input, and see at which
positions the logits move; in a causal model that table is exactly lower-triangular.
"""

import math

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from grader.expect import expect, expect_close, expect_equal, expect_raises, expect_tensor
from grader.probe import points, probe, weights_are_free
from lab.toys import calls
from lab.toys.source import MarkovSource

pytestmark = weights_are_free

STILL = 2e-6  # a change below this share of the largest logit is rounding; a right model's is exactly 0 as a rule
DEFAULTS = {"vocab_size": 50_257, "block_size": 256, "n_layer": 6, "n_head": 6, "n_embd": 192, "dropout": 0.1}
MOVED = 1e-5  # a change above this share is an influence


# -- Act: everything that touches the student's code


@probe
def shaken(student, config, seed, device="cpu"):
    """Used by the other probes: a model in eval mode whose every weight has noise added.

    Weights that spread widely are made smaller before: where a softmax is all but certain, nothing else is seen.
    """
    torch.default_generator.manual_seed(seed)  # the one on the CPU: the others cost 3 ms
    model = student.TinyGPT(student.TinyGPTConfig(**config)).to(device).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.mul_(min(1.0, 0.2 / max(weight.std(correction=0).item(), 1e-9)))
                weight.add_(0.2 * torch.randn(weight.shape).to(device))
    return model


@probe
def logits_for(student, config, seed, ids, device="cpu"):
    return shaken(student, config, seed, device)(ids.to(device))[0]


@probe
def logits_by_length(student, config, seed, ids, lengths):
    model = shaken(student, config, seed)
    return {str(k): model(ids[:, :k])[0] for k in lengths}


@probe
def answer(student, config, seed, ids, labels=None, device="cpu"):
    model = shaken(student, config, seed, device)
    given_ids, given_labels = ids.clone().to(device), None if labels is None else labels.clone().to(device)
    out = model(given_ids) if labels is None else model(given_ids, labels=given_labels)
    logits, loss = out if isinstance(out, tuple) and len(out) == 2 else (out, "not a pair (logits, loss)")
    kept = bool((given_ids.cpu() == ids).all()) and (labels is None or bool((given_labels.cpu() == labels).all()))
    trains = getattr(loss, "requires_grad", None)
    return {"logits": logits, "loss": loss, "inputs kept": kept, "trains": trains}


@probe
def keeps_config(student, config):
    made = student.TinyGPTConfig(**config)
    return student.TinyGPT(made).config == made


@probe
def config_facts(student):
    made, defaults = student.TinyGPTConfig(), ("vocab_size", "block_size", "n_layer", "n_head", "n_embd", "dropout")
    error = calls.raised(lambda: setattr(student.TinyGPTConfig(), "n_layer", 7))
    return {"defaults": {name: getattr(made, name, None) for name in defaults}, "frozen": error["type"] is not None}


@probe
def count(student, config):
    model = student.TinyGPT(student.TinyGPTConfig(**config))
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


@probe
def fresh_logits(student, config, seed, ids):
    torch.default_generator.manual_seed(seed)
    with torch.no_grad():
        return student.TinyGPT(student.TinyGPTConfig(**config)).eval()(ids)[0]


@probe
def row_edited(student, config, seed, ids, token, factor, shift, stage="fresh"):
    """The logits before and after the row of `token` in the (V, C) table(s) becomes factor * row + shift."""
    model = shaken(student, config, seed)
    if stage == "update":
        model(ids, labels=ids)[1].backward()
        torch.optim.AdamW(model.parameters(), lr=0.01).step()
    if stage == "reload":
        state, model = model.state_dict(), shaken(student, config, seed + 1)
        model.load_state_dict(state)
    size = config["vocab_size"]
    tables = [w for w in model.parameters() if w.requires_grad and w.dim() == 2 and max(w.shape) >= size]
    with torch.no_grad():
        before = model(ids)[0]
        for table in tables:
            row = table[token] if table.shape[0] >= size else table[:, token]
            row.mul_(factor).add_(shift)
        return {"tables": len(tables), "before": before, "after": model(ids)[0]}


@probe
def slopes(student, config, seed, ids):
    """For every parameter: how far the loss goes in four small random steps, by its gradient and measured."""
    model = shaken(student, config, seed)
    model(ids, labels=ids)[1].backward()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    by_gradient, measured = torch.zeros(len(trained), 4), torch.zeros(len(trained), 4)
    with torch.no_grad():
        for i, weight in enumerate(trained.values()):
            for k, step in enumerate(0.001 * torch.randn(4, *weight.shape)):
                by_gradient[i, k] = 0.0 if weight.grad is None else (weight.grad * step).sum()
                weight.add_(step)
                up = model(ids, labels=ids)[1]
                weight.sub_(2 * step)
                measured[i, k] = (up - model(ids, labels=ids)[1]) / 2
                weight.add_(step)
    without = [name for name, weight in trained.items() if weight.grad is None]
    return {"names": list(trained), "without": without, "by gradient": by_gradient, "measured": measured}


@probe
def two_passes(student, config, seed, ids, train):
    model = shaken(student, config, seed).train(train)
    return {"first": model(ids)[0], "second": model(ids)[0], "eval": model.eval()(ids)[0]}


@probe
def saved(student, config, seed, ids):
    model = shaken(student, config, seed)
    return {"state": dict(model.state_dict()), "logits": model(ids)[0]}


@probe
def restored(student, config, seed, ids, state):
    model = shaken(student, config, seed)
    model.load_state_dict(state)
    return model(ids)[0]


@probe
def refused(student, config, ids):
    return calls.raised(lambda: student.TinyGPT(student.TinyGPTConfig(**config)).eval()(ids))


@probe
def taught(student, config, lr, batches, held_out, std=None):
    """Train on the batches (N, B, T); the logits on texts that were not among them.

    std: draw all tables and matrices anew before, this wide.
    """
    model = student.TinyGPT(student.TinyGPTConfig(**config))
    with torch.no_grad():
        for weight in model.parameters():
            if std is not None and weight.requires_grad and weight.dim() > 1:
                weight.normal_(0, std)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    for batch in batches:
        optimizer.zero_grad()
        model(batch, labels=batch)[1].backward()
        optimizer.step()
    with torch.no_grad():
        return model.eval()(held_out)[0]


# -- what the tests share: drawing, measuring, telling


def draw(low, high):
    return int(torch.randint(low, high + 1, ()))


def tiny(**changes):
    """A small configuration; the number of heads never divides evenly into the texts below."""
    return {"vocab_size": 37, "block_size": 16, "n_layer": 1, "n_head": 4, "n_embd": 32, "dropout": 0.1} | changes


def other_tokens(ids, vocab_size):
    """Different tokens, every one of them."""
    return (ids + torch.randint(1, vocab_size, ids.shape)) % vocab_size


def influence(student, config, ids, device="cpu"):
    """(B, T, T): how far the logits of row b at position i move when token j is changed, as a share of the largest."""
    seed, (B, T) = draw(0, 10**6), ids.shape
    before = ran(student, config, seed, ids, "the shape of the logits", device)
    edited = other_tokens(ids, config["vocab_size"])
    table = torch.zeros(B, T, T)
    for j in range(T):
        changed = ids.clone()
        changed[:, j] = edited[:, j]
        after = ran(student, config, seed, changed, "the shape of the logits", device)
        table[:, :, j] = (after - before).abs().amax(-1) / before.abs().max().clamp(min=1e-30)
    return table


def drawn(moved):
    """A table of bools for the learner: a row per position of the logits, a column per changed token."""
    head = "                token changed  " + " ".join(str(j) for j in range(moved.size(1)))
    rows = [f"logits at position {i:2d} moved?  " + " ".join(".x"[int(m)] for m in row) for i, row in enumerate(moved)]
    return "\n".join([head, *rows])


def share(after, before):
    """The largest change, as a share of the largest value; no change at all where everything is 0."""
    return ((after - before).abs().max() / before.abs().max().clamp(min=1e-30)).item()


def parts(evidence, *keys):
    """The entries of a dict that a probe returned, None for what is not there."""
    return [evidence.get(key) if isinstance(evidence, dict) else None for key in keys]


def counted(student, **config):
    got = count(student, config)
    did, look = f"counted the trained parameters of TinyGPT(TinyGPTConfig(**{config}))", "parameters()"
    expect(type(got) is int, did=did, wanted="a number", got=str(got), look=look)
    return got


def ran(student, config, seed, ids, look, device="cpu"):
    """The logits, of the right shape."""
    (B, T), V = ids.shape, config["vocab_size"]
    got = logits_for(student, config, seed, ids, device)
    return expect_tensor(got, (B, T, V), did=f"ran {B} texts of {T} tokens, vocab_size={V}", look=look)


def ran_steadily(student, config, seed, ids, look):
    """The logits; twice, as a text that gets other logits every time says nothing about masks and positions."""
    first, second = (ran(student, config, seed, ids, look) for _ in range(2))
    did = f"ran the same {len(ids)} texts of {ids.size(1)} tokens twice in eval mode, with the same weights"
    look = "what is random in eval mode: dropout that does not follow train() and eval()"
    expect(share(second, first) < 1e-4, did=did, wanted="the same logits twice", got="different ones", look=look)
    return first


def expect_loss(loss, logits, labels, *, did, look):
    """The mean over the scored tokens; if it is another, and that of a known slip, say which."""
    expect_tensor(loss, (), did=did + ": the loss", look="the second value returned")
    wanted, found = next_token_loss(logits, labels), float(loss)
    predicted, targets = logits[:, :-1].double(), labels[:, 1:]
    each = F.cross_entropy(predicted.transpose(1, 2), targets, ignore_index=-100, reduction="none")
    scored, as_zero = targets != -100, targets.clamp(min=0)
    slips = {
        "the sum over the scored tokens, not the mean": each.sum(),
        "the sum over the scored tokens, divided by all tokens": each.mean(),
        "the mean of each text's own mean": (each.sum(1) / scored.sum(1)).nanmean(),
        "the mean if -100 stood for token 0": F.cross_entropy(predicted.transpose(1, 2), as_zero),
        "the mean in bits, not in nats": wanted / math.log(2),
    }
    if not math.isclose(found, wanted, rel_tol=1e-4, abs_tol=1e-5):
        named = [name for name, value in slips.items() if math.isclose(found, float(value), rel_tol=1e-4)]
        got = f"{found:.6g}" + (f" ({named[0]})" if named else "")
        did += "; then recomputed the loss from your logits"
        expect(False, did=did, wanted=f"{wanted:.6g}", got=got, look=look)


def next_token_loss(logits, labels):
    return F.cross_entropy(logits[:, :-1].double().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100).item()


# -- Assert: shapes and sizes


@points(2, step=1, hint="What is the shape of x after every line of forward?")
@given(data=st.data())
def test_every_position_scores_every_token(student, data):
    """For any configuration and any text up to block_size tokens: logits (B, T, V), and no loss without labels."""
    n_head, n_layer = data.draw(st.integers(1, 4), "n_head"), data.draw(st.integers(1, 3), "n_layer")
    n_embd = n_head * data.draw(st.sampled_from([2, 4, 6]), "n_embd / n_head")
    V, block = data.draw(st.integers(2, 50), "vocab_size"), data.draw(st.integers(1, 12), "block_size")
    B, T = data.draw(st.integers(1, 4), "B"), data.draw(st.integers(1, block), "T")
    config = tiny(vocab_size=V, block_size=block, n_layer=n_layer, n_head=n_head, n_embd=n_embd)
    got = answer(student, config, 0, torch.randint(V, (B, T)))
    did = f"model(input_ids) with B={B} texts of T={T} tokens, V={V} and block_size={block}"
    look = "forward: what it returns, and the head's size"
    logits, loss, kept = parts(got, "logits", "loss", "inputs kept")
    expect_tensor(logits, (B, T, V), did=did, look=look, dtype=torch.float32)
    expect_equal(loss, None, did=did + ": the second value returned", look="forward, when labels is None")
    expect_equal(kept, True, did=did + ": is input_ids as it was?", look="operations ending in _")


@points(2, step=1, hint="Which two tables of 50,257 x 192 numbers can be one and the same?", observed=True)
def test_the_lessons_model_has_12_million_parameters(student):
    """With the default sizes there are 12,368,064 parameters; without biases or a position table a few less.

    The sizes are those of the lesson, and a configuration does not change once it is made.
    """
    facts, did = config_facts(student), "looked at TinyGPTConfig()"
    defaults, frozen = parts(facts, "defaults", "frozen")
    expect_equal(defaults, DEFAULTS, did=did + ": its fields", look="the names and defaults of TinyGPTConfig")
    expect_equal(frozen, True, did=did + ": does it refuse config.n_layer = 7?", look="@dataclass(frozen=True)")
    got, did = counted(student), "counted the trained parameters of TinyGPT(TinyGPTConfig())"
    look = "the width of the MLP (4 * n_embd = 768), the layers, the tables"
    if 21_800_000 < got < 22_300_000:
        look = "the head: it has a table of its own; tie it to the token embedding (one tensor, used twice)"
    wanted = "12,368,064 (anything from 12.2 to 12.5 million)"
    expect(12_200_000 <= got <= 12_500_000, did=did, wanted=wanted, got=f"{got:,}", look=look)
    kept = keeps_config(student, tiny())
    expect_equal(kept, True, did="compared model.config with the config given", look="self.config = config")


@points(1, step=1, hint="Where does PyTorch look for the parameters of a module?", observed=True)
def test_sizes_follow_the_configuration(student):
    """Every layer brings weights of its own, all alike in number; every token and channel its share of the tables."""
    one, two, three = (counted(student, **tiny(n_layer=n)) for n in (1, 2, 3))
    got = f"1, 2, 3 layers: {one:,}, {two:,}, {three:,}"
    look = "a fresh block for every layer, all of them in an nn.ModuleList (a plain list hides them)"
    did, wanted = "counted the parameters with n_layer 1, 2 and 3", "the same number more for every layer"
    expect(three - two == two - one > 0, did=did, wanted=wanted, got=got, look=look)
    small, large = (counted(student, **tiny(vocab_size=V)) for V in (1000, 3000))
    did, wanted = "counted them with vocab_size 1000 and 3000, n_embd 32", "about 2000 * 32 = 64,000 more"
    got, look = f"{large - small:,} more", "one table of (vocab_size, n_embd), shared by embedding and head"
    expect(56_000 <= large - small <= 72_000, did=did, wanted=wanted, got=got, look=look)


# -- Assert: who sees whom


@points(4, step=1, hint="Which positions may position t attend to?", timeout=60)
def test_no_position_sees_its_future(student, device):
    """Logits at t may depend on tokens 0..t only: a model that sees the next token learns to copy it, and no more."""
    for n_layer in (1, 2, 3):
        T = draw(5, 7)
        config = tiny(n_layer=n_layer, block_size=T + 3 * (n_layer % 2))
        moved = influence(student, config, torch.randint(37, (2, T)), device).amax(0) > STILL
        expect(
            not moved.triu(1).any() and bool(moved.diagonal().all()),
            did=f"changed one token at a time in texts of {T} tokens; n_layer={n_layer}, n_head=4",
            wanted="position t moves with token t and perhaps earlier ones: no x to the right of the diagonal",
            got=drawn(moved),
            look="the causal mask (which way round, in every layer, -inf before the softmax), the softmax's axis, and "
            "how the heads are split and put together again",
        )


@points(2, step=1, hint="Does every token of the past reach every later position?", timeout=60)
def test_every_position_sees_its_whole_past(student, device):
    """Logits at t must depend on each of the tokens 0..t, in every row of a batch, already with one layer.

    So they must in a long text, where the last position depends on the first token.
    """
    for n_layer in (1, 2):
        T = draw(5, 7)
        config = tiny(n_layer=n_layer, block_size=T + 3 * (n_layer % 2))
        moved = influence(student, config, torch.randint(37, (2, T)), device) > MOVED
        for b in range(2):
            expect(
                bool((moved[b] | ~torch.ones(T, T).tril().bool()).all()),
                did=f"changed one token at a time; n_layer={n_layer}, n_head=4, row {b} of a batch of 2",
                wanted="position t moves with each of the tokens 0 to t: x on the diagonal and everywhere below it",
                got=drawn(moved[b]),
                look="the causal mask (does it hide the past?), and how the heads are split and put together again",
            )
    T, seed, config = draw(100, 120), draw(0, 10**6), tiny(block_size=120)
    ids = torch.randint(37, (2, T))
    look = "the causal mask: the whole past is in sight, not only the last few tokens"
    before = ran(student, config, seed, ids, look, device)
    for j in (0, draw(1, 30)):
        changed = ids.clone()
        changed[:, j] = other_tokens(ids[:, j], 37)
        after = ran(student, config, seed, changed, look, device)
        did = f"changed token {j} of texts of {T} tokens and compared the logits of the last position; n_layer=1"
        for b in range(2):
            same = share(after[b, -1], before[b, -1]) < STILL
            expect(not same, did=did, wanted="other logits", got=f"the same logits in row {b}", look=look)


@points(1, step=1, hint="What in your model depends on the length T?")
def test_a_longer_text_changes_nothing_before(student):
    """The first k tokens get the same logits whether or not more text follows: training relies on it."""
    T, seed, config = draw(40, 48), draw(0, 10**6), tiny(n_layer=2, block_size=48)
    ids = torch.randint(37, (2, T))
    look = "the mask and the positions: both count from the start of the text, for any T up to block_size"
    whole = ran_steadily(student, config, seed, ids, look)
    for k in (1, draw(2, 9), draw(10, T - 1)):
        did = f"ran {T} tokens, then only the first {k} of them"
        part = ran(student, config, seed, ids[:, :k], look)
        close = {"rtol": 0, "atol": 1e-4 * whole.abs().max().item()}
        expect_close(part, whole[:, :k], did=did, look=look, **close)
    lengths = [draw(2, 9), T, draw(10, T - 1)]
    one_model = logits_by_length(student, config, seed, ids, lengths)
    look = "what a first call leaves in the model, as a mask of that call's size"
    for k, got in zip(lengths, parts(one_model, *map(str, lengths)), strict=True):
        did = f"ran texts of {', '.join(map(str, lengths))} tokens through one model, in this order; the one of {k}"
        expect_close(got, whole[:, :k], did=did, look=look, **close)


@points(1.5, step=1, hint="Which axis is the batch, which one is time?")
def test_rows_of_a_batch_do_not_meet(student):
    """A text's logits don't depend on the other texts of its batch, nor on its place among them."""
    T, seed, config = draw(5, 7), draw(0, 10**6), tiny(n_layer=2)
    look = "axes: attention and positions run along time (axis 1), never along the batch"
    ids = torch.randint(37, (3, T))
    before = ran_steadily(student, config, seed, ids, look)
    still = 1e-4 * before.abs().max().item()
    for b in range(3):
        changed, others = ids.clone(), [r for r in range(3) if r != b]
        changed[b] = other_tokens(ids[b], 37)
        after = ran(student, config, seed, changed, look)
        did = f"changed every token of row {b}, and compared the logits of rows {others[0]} and {others[1]}"
        expect_close(after[others], before[others], did=did, look=look, rtol=0, atol=still)
        did = f"ran row {b} of a batch of 3 by itself"
        expect_close(
            ran(student, config, seed, ids[b : b + 1], look), before[b : b + 1], did=did, look=look, rtol=0, atol=still
        )


@points(1.5, step=1, hint="How does the model tell 'dog bites man' from 'man bites dog'?")
def test_the_order_of_words_matters(student):
    """Swapping two earlier tokens must move the last logits, with one layer too: only positions can tell."""
    T, seed, config = 7, draw(0, 10**6), tiny()
    ids = torch.stack([torch.randperm(37)[:T] for _ in range(3)])
    look = "the position embedding: positions 0..T-1 along time, the same for every row, added to the tokens"
    before = ran(student, config, seed, ids, look)
    for i in range(T - 2):
        swapped = ids.clone()
        swapped[:, [i, i + 1]] = ids[:, [i + 1, i]]
        after = ran(student, config, seed, swapped, look)
        for b in range(3):
            same = share(after[b, -1], before[b, -1]) < MOVED
            did = f"swapped tokens {i} and {i + 1} in texts of {T} tokens and compared the logits of the last position"
            expect(not same, did=did, wanted="other logits", got=f"the same logits in row {b}", look=look)


@points(1, step=1, hint="Where does n_head enter the computation?")
def test_the_number_of_heads_matters(student):
    """The same weights with 1, 2 and 4 heads are different models: each head has a softmax of its own."""
    ids, seed = torch.randint(37, (1, 9)), draw(0, 10**6)
    look = "the attention: is it split into n_head heads of n_embd / n_head channels?"
    one, two, four = (ran(student, tiny(n_head=n), seed, ids, look) for n in (1, 2, 4))
    for left, right, n in ((one, two, 2), (two, four, 4)):
        did = f"ran one text with n_head={n // 2} and with n_head={n}, from the same seed"
        expect(share(left, right) > MOVED, did=did, wanted="different logits", got="the same logits", look=look)


# -- Assert: the loss


@points(2.5, step=1, hint="Which label do the logits at position t have to predict?")
def test_the_loss_is_next_token_cross_entropy(student, device):
    """The logits at t are scored against the label at t + 1, and the loss is the mean over all that are scored."""
    for B, T in ((draw(2, 3), draw(5, 9)), (2, 2)):
        ids, labels = torch.randint(37, (B, T)), torch.randint(37, (B, T))
        labels[0, 1], labels[-1, -1] = 0, 36  # the first and the last token of the vocabulary are like any other
        seed = draw(0, 10**6)
        got = answer(student, tiny(), seed, ids, labels, device)
        did = f"model(input_ids, labels) on {B} x {T} tokens with labels unlike the inputs"
        look = "the shift by one (once, here), the mean, logits rather than probabilities into cross_entropy"
        logits, loss, trains, kept = parts(got, "logits", "loss", "trains", "inputs kept")
        expect_tensor(logits, (B, T, 37), did=did, look="all T positions stay in the logits returned")
        expect_loss(loss, logits, labels, did=did, look=look)
        plain = ran(student, tiny(), seed, ids, look, device)
        same, still = did + ": the logits are those without labels", 1e-4 * plain.abs().max().item()
        expect_close(logits, plain, did=same, look="labels: they are scored, never read", rtol=0, atol=still)
        expect_equal(trains, True, did="loss.requires_grad", look="no detach, item or no_grad in forward")
        expect_equal(kept, True, did=did + ": are both as they were?", look="operations ending in _")


@points(1, step=1, hint="What does -100 stand for in cross_entropy?")
def test_labels_of_minus_100_are_not_scored(student):
    """-100 marks what must not be scored (padding, a prompt): it counts neither in the sum nor in the mean."""
    ids, labels = torch.randint(37, (3, 8)), torch.randint(37, (3, 8))
    labels[0, draw(2, 7) :], labels[1], labels[2, 1 : draw(3, 6)] = -100, -100, -100
    got, scored = answer(student, tiny(), draw(0, 10**6), ids, labels), int((labels[:, 1:] != -100).sum())
    did = f"gave labels of which {scored} of 21 are scored, the others -100"
    logits, loss = parts(got, "logits", "loss")
    expect_tensor(logits, (3, 8, 37), did=did, look="all T positions stay in the logits returned")
    look = "ignore_index=-100, and a mean over the scored tokens of the whole batch"
    expect_loss(loss, logits, labels, did=did, look=look)


@points(2, step=1, hint="How large are the numbers that nn.Embedding starts with?")
def test_an_untrained_model_is_undecided(student):
    """Before training every token is about as likely as any other: a loss within 0.5 of ln(V)."""
    for config in ({}, {"vocab_size": draw(500, 5000), "n_layer": 2}):
        V = config.get("vocab_size", 50_257)
        ids, did = torch.randint(V, (2, 26)), f"an untrained model with V={V}, n_embd=192 on random tokens: the loss"
        look = "the initialisation: N(0, 0.02) for the table that head and embedding share"
        logits = expect_tensor(fresh_logits(student, config, draw(0, 10**6), ids), (2, 26, V), did=did, look=look)
        loss = next_token_loss(logits, ids)
        wanted = f"{math.log(V) - 0.5:.2f} to {math.log(V) + 0.5:.2f}, as ln({V}) = {math.log(V):.2f}"
        expect(abs(loss - math.log(V)) <= 0.5, did=did, wanted=wanted, got=f"{loss:.2f}", look=look)


# -- Assert: the parts


def expect_tied(student, stage, did):
    config, token, seed = tiny(vocab_size=1201), draw(0, 1200), draw(0, 10**6)
    look = "the head: the same Parameter as the embedding's (no copy, no .data, no detach), tied in __init__"
    absent, present = torch.randint(1201, (2, 6)), torch.randint(1201, (2, 6))
    absent[absent == token] = (token + 1) % 1201
    present[:, 2] = token
    for ids, there in ((absent, False), (present, True)):
        got = row_edited(student, config, seed, ids, token, 1.0, 0.2 * torch.randn(32), stage)
        tables, before, after = parts(got, "tables", "before", "after")
        stored = did + ": counted the trained tables with a row per token"
        expect(tables == 1, did=stored, wanted="one, for embedding and head", got=f"{tables} of them", look=look)
        edit = f"{did}: changed the row of token {token} in that table; the texts {'' if there else 'do not '}hold it"
        before = expect_tensor(before, (2, 6, 1201), did=edit, look=look)
        change = (expect_tensor(after, (2, 6, 1201), did=edit, look=look) - before).abs() / before.abs().max()
        column, others = change[:, 2:, token].max(), change[:, 2:, torch.arange(1201) != token].amax(-1)
        wanted = f"other logits for token {token} as the next one"
        got = "the same: the head does not use it"
        expect(there or bool(column > MOVED), did=edit, wanted=wanted, got=got, look=look)
        moved = bool((others > MOVED).all()) if there else not (others > STILL).any()
        wanted = f"the other tokens' logits {'move too' if there else 'stay'}"
        expect(moved, did=edit, wanted=wanted, got=f"they {'stay' if there else 'move'}", look=look)


@points(1.5, step=1, hint="Is there one table, used twice, or two that start out alike?")
def test_the_head_is_the_embedding(student):
    """One table serves both ends: what a token means when it is read is what it takes to predict it."""
    expect_tied(student, "fresh", "a new model")


@points(1, step=1, hint="What happens to a copy once training changes the original?")
def test_the_tie_lasts(student):
    """The tie must survive an optimizer step, and saving and loading: a copy drifts away from its original."""
    expect_tied(student, "update", "a model after an AdamW step")
    expect_tied(student, "reload", "a new model with a saved one's state_dict")


@points(1, step=1, hint="What comes between the last block and the head?")
def test_the_last_block_is_normalised(student):
    """The blocks add to a stream that grows with depth and with loud tokens; a norm before the head evens it out."""
    config, token, seed = tiny(vocab_size=1201, n_layer=2), draw(0, 1200), draw(0, 10**6)
    ids = (token + torch.randint(1, 1201, (2, 6))) % 1201
    ids[:, 3] = token
    got = row_edited(student, config, seed, ids, token, 1000.0, torch.zeros(32))
    _, before, after = parts(got, "tables", "before", "after")
    did = f"made the embedding of token {token} 1000 times larger; compared the spread of the logits where it stands"
    look = "the final normalisation: after the blocks, before the head"
    before = expect_tensor(before, (2, 6, 1201), did=did, look=look)
    after = expect_tensor(after, (2, 6, 1201), did=did, look=look)
    others = torch.arange(1201) != token
    ratio = (after[:, 3, others].std() / before[:, 3, others].std()).item()
    wanted = "a spread of the same order (less than 10 times as wide)"
    expect(ratio < 10, did=did, wanted=wanted, got=f"{ratio:.0f} times as wide", look=look)


@points(1, step=1, hint="Is every parameter on the way from the input to the loss?", observed=True)
def test_every_parameter_learns(student):
    """Every trained parameter gets a gradient, and a true one: the slope that the loss is seen to have."""
    got = slopes(student, tiny(n_layer=2), draw(0, 10**6), torch.randint(37, (4, 16)))
    names, without, by_gradient, measured = parts(got, "names", "without", "by gradient", "measured")
    look = "forward: every parameter used, without detach or no_grad"
    expect_equal(without, [], did="loss.backward(), then listed the parameters whose .grad is None", look=look)
    did = "listed the trained parameters"
    expect(isinstance(names, list) and len(names) > 0, did=did, wanted="some", got=str(names), look="nn.Parameter")
    by_gradient = expect_tensor(by_gradient, (len(names), 4), did="loss.backward()", look=look)
    measured = expect_tensor(measured, (len(names), 4), did="took small steps", look=look)
    for name, grads, moves in zip(names, by_gradient, measured, strict=True):
        did = f"took four small random steps in {name}: how far the loss goes, by its gradient and measured"
        wanted, found = (", ".join(f"{x:.1e}" for x in row.tolist()) for row in (moves, grads))
        near = bool((grads - moves).norm() <= 3e-6 + 0.4 * moves.norm())  # ReLU bends: up to 0.3 seen
        expect(near, did=did, wanted=wanted + " (measured)", got=found + " (by its gradient)", look=look)


@points(1, step=1, hint="Which of model.train() and model.eval() may drop anything?")
def test_dropout_is_on_in_training_only(student):
    """Dropout disturbs training and nothing else: eval mode is exact, and dropout=0.0 switches it off."""
    ids, seed = torch.randint(37, (2, 9)), draw(0, 10**6)
    for dropout, train, differ in ((0.5, False, False), (0.5, True, True), (0.0, True, False)):
        mode = "train" if train else "eval"
        did = f"ran the same batch twice in {mode} mode with dropout={dropout}"
        look = "nn.Dropout(config.dropout) modules follow train() and eval(); a function must be told self.training"
        got = two_passes(student, tiny(dropout=dropout), seed, ids, train)
        one, two, after = (
            expect_tensor(x, (2, 9, 37), did=did, look=look) for x in parts(got, "first", "second", "eval")
        )
        wanted, got = ("different logits", "the same") if differ else ("the same logits twice", "different ones")
        expect((share(one, two) > MOVED) == differ, did=did, wanted=wanted, got=got, look=look)
        if not differ:
            did = f"ran one batch in {mode} mode and in eval mode with dropout={dropout}"
            expect_close(one, after, did=did, look="a layer other than dropout that behaves differently in training")


@points(0.5, step=1, hint="Is everything that the model needs in its state_dict?")
def test_a_saved_model_comes_back(student):
    """state_dict holds the whole model: loaded into a new one it gives the same logits."""
    ids, seed, config = torch.randint(37, (2, 9)), draw(0, 10**6), tiny(n_layer=2)
    state, before = parts(saved(student, config, seed, ids), "state", "logits")
    after = restored(student, config, seed + 1, ids, state)
    did = "saved state_dict(), loaded it into a new model, and ran both on the same batch in eval mode"
    look = "weights kept outside of parameters and buffers (a plain list of layers, a bare tensor)"
    wanted = expect_tensor(before, (2, 9, 37), did=did, look=look)
    expect_close(after, wanted, did=did, look=look)


# -- Assert: errors, and the whole of it


@points(0.5, step=1, hint="How many positions does the table of positions have?", observed=True)
def test_too_long_a_text_is_refused(student):
    """More than block_size tokens raise a ValueError with both numbers, rather than an index error from deep inside."""
    block = draw(5, 9)
    T = block + draw(1, 4)
    got = refused(student, tiny(block_size=block), torch.randint(37, (2, T)))
    expect_raises(got, did=f"ran {T} tokens, block_size={block}", look="the start of forward", mentions=[T, block])


@points(0.5, step=1, hint="Can 6 heads share 64 channels?", observed=True)
def test_heads_that_do_not_divide_the_channels_are_refused(student):
    """n_embd must be a multiple of n_head: a ValueError with both numbers when the model (or its config) is built."""
    n_head = draw(3, 7)
    n_embd = 8 * n_head + draw(1, n_head - 1)
    got = refused(student, tiny(n_head=n_head, n_embd=n_embd), torch.zeros(1, 4, dtype=torch.long))
    did = f"built a model with n_embd={n_embd}, n_head={n_head}"
    expect_raises(got, did=did, look="the start of __init__", mentions=[n_embd, n_head])


@points(1.5, step=1, hint="Does your model do better than it possibly can?", timeout=60)
def test_it_learns_a_source_of_known_entropy(student):
    """Trained on a Markov source it must come close to the least loss possible, and cannot honestly come below it."""
    source, V = MarkovSource(12, draw(0, 10**6), temperature=0.4), 12
    batches, held_out = source.sample(128 * 32, 8).view(128, 32, 8), source.sample(256, 8)
    config = {"vocab_size": V, "block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 32, "dropout": 0.0}
    did = "trained a small model on 128 batches from a source of known entropy; its loss on new text"
    look = "the whole of forward: does the current token reach the head, through the stream and the layers?"
    least = -source.log_probs(held_out).mean().item()
    for std in (0.2, None):  # so that no initialisation has an advantage; some models need their own
        trained = taught(student, config, 0.005, batches, held_out, std)
        loss = next_token_loss(expect_tensor(trained, (256, 8, V), did=did, look=look), held_out)
        if loss < least + 0.2:
            break
    # On n tokens an honest model beats the source by c nats in all with a chance below exp(-c): here exp(-89).
    wanted = f"between {least:.3f} (the source's own loss on this text: nothing can do better) and {least + 0.2:.3f}"
    look = look if loss > least else "the future: a loss below the source's own is possible only by reading the answer"
    expect(least - 0.05 < loss < least + 0.2, did=did, wanted=wanted, got=f"{loss:.3f}", look=look)
