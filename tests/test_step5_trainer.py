"""Step 5, graded: the same training by a library. 15 points.

The batches that the Trainer fed to a small GPT-2 are recorded; a plain loop goes over the same batches from the same
weights (`Replay` below), and the losses in the Trainer's log must be that loop's. transformers 5 has two conventions
of its own, and the replay knows both: the loss may be divided by all labels instead of those that are predicted, and
biases and norms may be spared from weight decay. Any of the four combinations is right, the same for the whole run.
"""

import itertools
import math
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from datasets import Dataset
from transformers import GPT2Config, GPT2LMHeadModel

from grader.expect import expect, expect_close, expect_equal, expect_tensor, number, show
from grader.probe import points, probe
from lab.toys.words import word_tokenizer

WORDS = [f"word{i}" for i in range(12)]
SPECIAL = 3  # ids 0, 1, 2 are <pad>, <unk>, <eos>: never in the rows
T, POSITIONS = 6, 9  # positions 6, 7 and 8 are never used: their weights move by decay alone
TINY = {
    "vocab_size": SPECIAL + len(WORDS), "n_layer": 1, "n_head": 2, "n_embd": 8, "n_positions": POSITIONS,
    "embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0, "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip


@probe
def described(student, arguments):
    """What a built model says of itself: its class, its size, its configuration."""
    model = student.build_hf_model(**arguments)
    config = model.config
    names = ("vocab_size", "n_layer", "n_head", "n_embd", "n_positions", "embd_pdrop", "attn_pdrop", "resid_pdrop",
             "scale_attn_weights", "scale_attn_by_inverse_layer_idx")  # fmt: skip
    return {
        "gpt2": isinstance(model, GPT2LMHeadModel),
        "parameters": sum(p.numel() for p in model.parameters()),
        "config": {name: getattr(config, name, None) for name in names},
        "types": sorted({str(p.dtype).removeprefix("torch.") for p in model.parameters()}),
        "frozen": [name for name, p in model.named_parameters() if not p.requires_grad],
        "tied": model.get_input_embeddings().weight is model.get_output_embeddings().weight,
    }


@probe
def untrained_logits(student, arguments, ids):
    model = student.build_hf_model(**arguments)
    model.eval()
    with torch.no_grad():
        return model(ids).logits


@probe
def trained(student, words, config, weights, rows, options):
    """Train a small GPT-2 with the student's Trainer; bring back all that it was fed, logged and left behind."""
    model = GPT2LMHeadModel(GPT2Config(**config))
    model.load_state_dict(weights)
    fed = []

    def note(_, args, kwargs):
        ids = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
        labels = kwargs.get("labels")
        fed.append({"input_ids": ids, "labels": labels, "train": model.training})

    model.register_forward_pre_hook(note, with_kwargs=True)
    dataset = Dataset.from_dict({"input_ids": rows.tolist()}).with_format("torch")
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "run"
        trainer = student.build_trainer(model, dataset, word_tokenizer(words), output_dir=str(folder), **options)
        trainer.train()
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    log = [
        {"step": entry["step"], "loss": float(entry["loss"]), "learning_rate": float(entry.get("learning_rate", -1))}
        for entry in trainer.state.log_history
        if "loss" in entry
    ]
    services = [type(c).__name__ for c in trainer.callback_handler.callbacks if "integrations" in type(c).__module__]
    return {
        "fed": fed,
        "log": log,
        "steps": trainer.state.global_step,
        "weights": dict(model.named_parameters()),
        "files": files,
        "own_folder": Path(trainer.args.output_dir).resolve() == folder.resolve(),
        "services": services,
    }


# -- the replay, and what the tests draw


class Replay:
    """The same batches through a plain loop: `losses` and gradient `norms` per step, `model` at the end."""

    def __init__(self, weights, batches, *, lr, weight_decay, max_norm, all_labels, spare):
        self.model = GPT2LMHeadModel(GPT2Config(**TINY))
        self.model.load_state_dict(weights)
        named = list(self.model.named_parameters())
        spared = [p for name, p in named if spare and ("bias" in name or "ln_" in name)]
        others = [p for name, p in named if not (spare and ("bias" in name or "ln_" in name))]
        groups = [{"params": others, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=lr)
        self.losses, self.norms = [], []
        for ids in batches:
            logits = self.model(ids).logits
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
            if all_labels:
                loss = loss * (ids.size(1) - 1) / ids.size(1)
            self.model.zero_grad()
            loss.backward()
            self.norms.append(float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), max_norm)))
            optimizer.step()
            self.losses.append(loss.item())


def _replays(weights, batches, options):
    """The four combinations of the library's conventions."""
    named = {name: options[name] for name in ("lr", "weight_decay", "max_norm")}
    pairs = itertools.product((True, False), repeat=2)
    return [Replay(weights, batches, all_labels=a, spare=s, **named) for a, s in pairs]


def _weights(scale=0.3):
    """Every weight drawn, large enough that attention and the loss have something to say."""
    drawn = GPT2LMHeadModel(GPT2Config(**TINY)).state_dict()
    drawn = {name: value + scale * torch.randn_like(value) for name, value in drawn.items()}
    drawn["lm_head.weight"] = drawn["transformer.wte.weight"]
    return {name: value.clone() for name, value in drawn.items()}


def _rows(count):
    """Rows of very different difficulty: some repeat one word, some are random."""
    rows = torch.randint(SPECIAL, SPECIAL + len(WORDS), (count, T))
    rows[::3] = rows[::3, :1]
    return rows


def _options(**changes):
    lr = 0.01 + 0.01 * torch.rand(()).item()
    return {"epochs": 2, "batch_size": 4, "lr": lr, "weight_decay": 0.0, "max_norm": 1e6, "logging_steps": 1} | changes


def _field(evidence, name):
    return evidence.get(name) if isinstance(evidence, dict) else None


def _list(evidence, name):
    found = _field(evidence, name)
    return [x for x in found if isinstance(x, dict)] if isinstance(found, list) else []


def _told(rows, options):
    shown = {k: round(v, 4) if isinstance(v, float) else v for k, v in options.items()}
    return f"train on {len(rows)} rows with " + ", ".join(f"{k}={v}" for k, v in shown.items()) + "."


def _batches(found, did):
    """The recorded batches, each of known words."""
    look = "rows reach the model whole, as input_ids of shape (batch_size, T), and no word is replaced (mlm=False)."
    batches = [expect_tensor(call.get("input_ids"), (None, T), did=did, look=look) for call in _list(found, "fed")]
    for ids in batches:
        fits = ids.dtype == torch.int64 and len(ids) and bool(((ids >= 0) & (ids < TINY["vocab_size"])).all())
        expect(fits, did=did, wanted="batches of token ids (int64)", got=show(ids), look=look)
    return batches


def _losses(found):
    return [entry.get("loss") for entry in _list(found, "log")]


def _same_losses(found, replays, did, look):
    """The logged losses equal those of one replay to 1e-4; returns the replays that fit."""
    losses = _losses(found)
    count = len(replays[0].losses)
    got = f"{len(losses)} logged losses for {count} batches"
    more = "logging_steps=1 logs every step: pass logging_steps on."
    expect(len(losses) == count, did=did, wanted="one logged loss for every step", got=got, look=more)
    off = [[abs(x - y) for x, y in zip(losses, replay.losses, strict=True)] for replay in replays]
    agree = [next((i for i, x in enumerate(row) if not x <= 1e-4 * max(1, count / 10)), count) for row in off]
    best = max(range(len(replays)), key=lambda i: agree[i])
    if agree[best] < count:
        step, replay = agree[best], replays[best]
        rows = [f"{'step':>6}  {'plain loop':>10}  {'Trainer':>10}"]
        rows += [f"{i + 1:>6}  {replay.losses[i]:>10.5f}  {losses[i]:>10.5f}" for i in range(step + 1)][-4:]
        expect(False, did=did, wanted="the losses of a plain loop on the same batches",
               got=f"another loss at step {step + 1}:\n" + "\n".join(rows), look=look)  # fmt: skip
    return [replay for replay, n in zip(replays, agree, strict=True) if n == count]


def _same_weights(found, start, replays, did, look, tolerance=0.01):
    """The final weights equal those of one replay, up to a share (`tolerance`) of the distance travelled.

    The key part of an attention bias is left out: it has no influence, its gradient is nothing but rounding.
    """
    weights = _field(found, "weights")
    weights = weights if isinstance(weights, dict) else {}
    shares = []
    for replay in replays:
        off = travelled = 0.0
        for name, right in replay.model.state_dict().items():
            if name == "lm_head.weight" or name.endswith("c_attn.bias"):
                continue
            value = expect_tensor(weights.get(name), tuple(right.shape), did=did, look=look).float()
            off += float((value - right).square().sum())
            travelled += float((right - start[name]).square().sum())
        shares.append(math.sqrt(off / travelled))
    got = f"weights that are off by {100 * min(shares):.1f} % of the distance travelled"
    expect(min(shares) <= tolerance, did=did, wanted="the final weights of a plain loop", got=got, look=look)


def _check(student, weights, rows, options, look):
    found = trained(student, WORDS, TINY, weights, rows, options)
    did = _told(rows, options)
    batches = _batches(found, did)
    expect(bool(batches), did=did, wanted="training steps", got="no call of the model at all", look=look)
    fitting = _same_losses(found, _replays(weights, batches, options), did, look)
    _same_weights(found, weights, fitting, did, look)
    return found


# -- the model


@points(1, step=5, hint="Which numbers of step 1 does this signature repeat?", observed=True)
def test_the_default_model_is_that_of_the_lesson(student):
    """With GPT-2's vocabulary and no options: 12,368,064 parameters, the head tied, block size 256, dropout 0.1."""
    found = described(student, {"vocab_size": 50_257})
    did = "build_hf_model(50257)."
    expect_equal(_field(found, "gpt2"), True, did=did + " Is it a GPT2LMHeadModel?", look="GPT2LMHeadModel(config).")
    look = "n_layer=6, n_head=6, n_embd=192, n_positions=block_size; 22.0 million means that the head is not tied."
    _same_size(_field(found, "parameters"), 12_368_064, did, look)
    look = "the defaults of the stub's signature, each passed to GPT2Config under its own name."
    wanted = _config(50_257, 6, 6, 192, 256, 0.1)
    _same_config(found, wanted, did, look)
    look = "GPT2LMHeadModel(config) as it comes: in float32, with every parameter trained."
    expect_equal(_field(found, "types"), ["float32"], did=did + " The type of its parameters:", look=look)
    expect_equal(_field(found, "frozen"), [], did=did + " Its parameters that are not trained:", look=look)


@points(2, step=5, hint="How many dropouts has a GPT2Config, and what does it call the block size?", observed=True)
def test_every_option_reaches_the_model(student):
    """Layers, heads, width, block size and all three dropouts are those asked for."""
    n_head = 1 + int(torch.randint(4, ()))
    vocab, layers, width = 50 + int(torch.randint(50, ())), 1 + int(torch.randint(4, ())), 8 * n_head
    length, drawn = 10 + int(torch.randint(20, ())), [0.2, 0.35, 0.5][int(torch.randint(3, ()))]
    arguments = {"vocab_size": vocab, "n_layer": layers, "n_head": n_head, "n_embd": width, "block_size": length}
    for dropout in (drawn, 0.0):
        found = described(student, arguments | {"dropout": dropout})
        did = "build_hf_model(" + ", ".join(f"{k}={v}" for k, v in arguments.items()) + f", dropout={dropout})."
        look = "GPT2Config(n_positions=block_size, resid_pdrop=..., embd_pdrop=..., attn_pdrop=...): each by its own "
        look += "name, and nothing else changed."
        _same_config(found, _config(vocab, layers, n_head, width, length, dropout), did, look)
    size = vocab * width + length * width + layers * (12 * width**2 + 13 * width) + 2 * width
    look = "the feed-forward part is 4 * n_embd wide and the head is tied: GPT2Config does both if you leave it alone."
    _same_size(_field(found, "parameters"), size, did, look)
    expect_equal(_field(found, "tied"), True, did=did + " Is the head tied to the token embedding?", look=look)


def _same_size(parameters, wanted, did, look):
    got = f"{parameters:,}" if type(parameters) is int else show(parameters)
    right = type(parameters) is int and parameters == wanted
    expect(right, did=did + " Its number of parameters:", wanted=f"{wanted:,}", got=got, look=look)


def _config(vocab_size, n_layer, n_head, n_embd, n_positions, dropout):
    return {
        "vocab_size": vocab_size, "n_layer": n_layer, "n_head": n_head, "n_embd": n_embd, "n_positions": n_positions,
        "embd_pdrop": dropout, "attn_pdrop": dropout, "resid_pdrop": dropout,
        "scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False,
    }  # fmt: skip


def _same_config(found, wanted, did, look):
    got = _field(found, "config")
    got = got if isinstance(got, dict) else {}
    differ = [name for name in wanted if got.get(name) != wanted[name]]
    wish, is_ = ({name: side.get(name) for name in differ} for side in (wanted, got))
    expect(not differ, did=did + " Its config:", wanted=show(wish), got=show(is_), look=look)


@points(1, step=5, hint="What does a model that knows nothing score?")
def test_the_untrained_model_knows_nothing(student):
    """Before training the loss on random tokens is within 0.2 of ln(V), on texts as long as block_size."""
    vocab, length = 200 + int(torch.randint(300, ())), 12 + int(torch.randint(12, ()))
    ids = torch.randint(vocab, (8, length))
    arguments = {"vocab_size": vocab, "n_layer": 2, "n_head": 2, "n_embd": 16, "block_size": length}
    logits = untrained_logits(student, arguments, ids)
    did = f"build_hf_model with vocab_size={vocab}, block_size={length}, and score {length} random tokens a row."
    look = "the configuration's own initialisation: do not draw the weights again."
    logits = expect_tensor(logits, (8, length, vocab), did=did, look=look)
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten()).item()
    wanted = f"about ln({vocab}) = {math.log(vocab):.2f}"
    expect(abs(loss - math.log(vocab)) <= 0.2, did=did, wanted=wanted, got=f"a loss of {number(loss)}", look=look)


# -- the training


@points(4, step=5, hint="What does the Trainer do with the learning rate, and what are the labels?", timeout=60)
def test_every_step_equals_a_plain_loop(student):
    """The logged loss of every step, and the weights at the end, are those of a plain loop with a constant lr.

    No decay and no clipping here. Labels are the inputs, unshifted: the model shifts them.
    """
    weights, rows = _weights(), _rows(14)
    options = _options(epochs=3)
    found = trained(student, WORDS, TINY, weights, rows, options)
    did = _told(rows, options)
    batches = _batches(found, did)
    look = "DataCollatorForLanguageModeling(tokenizer, mlm=False): it copies input_ids into labels."
    for call, ids in zip(_list(found, "fed"), batches, strict=True):
        labels = call.get("labels")
        if labels is not None:
            labels = expect_tensor(labels, tuple(ids.shape), did=did + " The labels:", look=look)
            same = labels.tolist() == ids.tolist()
            expect(
                same,
                did=did + " The first labels:",
                wanted=show(ids[0].tolist()),
                got=show(labels[0].tolist()),
                look=look,
            )
    rates = [entry.get("learning_rate") for entry in _list(found, "log")]
    if rates and all(isinstance(rate, float) and rate >= 0 for rate in rates):
        look = 'lr_scheduler_type="constant" (the default falls in a straight line), no warm-up, learning_rate=lr.'
        expect_close(rates, [options["lr"]] * len(rates), did=did + " The learning rates logged:", look=look, atol=0)
    look = "learning_rate, lr_scheduler_type, the optimizer (AdamW), the labels, and what happens to the loss."
    expect(bool(batches), did=did, wanted="training steps", got="no call of the model at all", look=look)
    fitting = _same_losses(found, _replays(weights, batches, options), did, look)
    _same_weights(found, weights, fitting, did, look)


@points(1.5, step=5, hint="What is the Trainer's weight decay unless you say otherwise?", timeout=60)
def test_weights_decay(student):
    """weight_decay reaches AdamW: weights shrink by lr * weight_decay of themselves per step."""
    weights, rows = _weights(), _rows(14)
    options = _options(epochs=3, weight_decay=0.5 + torch.rand(()).item())
    found = trained(student, WORDS, TINY, weights, rows, options)
    did = _told(rows, options)
    _same_decay(found, weights, options, len(_batches(found, did)), did)
    look = "weight_decay=weight_decay, with AdamW."
    fitting = _same_losses(found, _replays(weights, _batches(found, did), options), did, look)
    _same_weights(found, weights, fitting, did, look)


def _same_decay(found, weights, options, steps, did):
    """The positions that no row reaches have no gradient: they move by decay alone, so they tell it exactly."""
    name = "transformer.wpe.weight"
    look = "TrainingArguments(weight_decay=weight_decay, learning_rate=lr): the library's own "
    look += "defaults are a decay of 0 and a rate of 5e-5, this function's are 0.01 and 3e-4."
    now = _field(_field(found, "weights"), name)
    after = expect_tensor(now, tuple(weights[name].shape), did=did, look=look).float()[T:]
    kept = float((after * weights[name][T:]).sum() / weights[name][T:].square().sum())
    wanted = (1 - options["lr"] * options["weight_decay"]) ** steps
    told = did + f" After {steps} steps, the share left of weights that have no gradient:"
    close = abs(kept - wanted) <= 0.02 * (1 - wanted) + 2e-6
    expect(close, did=told, wanted=f"{wanted:.6f}", got=f"{kept:.6f}", look=look)


@points(1.5, step=5, hint="To which length does the Trainer clip unless you say otherwise?", timeout=60)
def test_gradients_are_clipped(student):
    """max_norm reaches the Trainer: longer gradients are scaled down to it. (Its own default is 1.)"""
    weights, rows = _weights(), _rows(14)
    options = _options(epochs=3)
    norms = sorted(_replays(weights, rows.split(4), options)[0].norms)
    middling = 0.7 * norms[1]  # most gradients are clipped, some of the later ones are not; never about 1.0
    options["max_norm"] = middling * 0.6 if 0.8 < middling < 1.25 else middling
    _check(student, weights, rows, options, "max_grad_norm=max_norm, in TrainingArguments.")


@points(1, step=5, hint="How many batches are 14 rows, 4 at a time?", timeout=60)
def test_epochs_and_batches(student):
    """Every epoch goes once through all the rows, batch_size at a time, the last, smaller batch included."""
    for epochs, batch_size in ((3, 5), (1, 20)):
        rows = _rows(14)
        options = _options(epochs=epochs, batch_size=batch_size)
        found = trained(student, WORDS, TINY, _weights(), rows, options)
        did = _told(rows, options)
        batches = _batches(found, did)
        sizes = [batch_size] * (14 // batch_size) + [14 % batch_size]
        look = "num_train_epochs, per_device_train_batch_size, and no dataloader_drop_last."
        expect_equal([len(ids) for ids in batches], sizes * epochs, did=did + " The sizes of its batches:", look=look)
        for epoch in range(epochs):
            seen = torch.cat(batches[epoch * len(sizes) : (epoch + 1) * len(sizes)])
            told = did + f" Does epoch {epoch + 1} show every row exactly once?"
            expect_equal(sorted(seen.tolist()) == sorted(rows.tolist()), True, did=told, look=look)
        modes = all(call.get("train") is True for call in _list(found, "fed"))
        expect_equal(
            modes, True, did=did + " Is the model in train mode at every step?", look="Trainer.train() does it."
        )
        expect_equal(
            _field(found, "steps"),
            len(sizes) * epochs,
            did=did + " The number of updates:",
            look="one update per batch: no gradient accumulation.",
        )


@points(1, step=5, hint="Who shuffles the rows, and with which seed?", timeout=60)
def test_the_seed_gives_the_order(student):
    """The same seed gives the same order of rows, another seed another one (alike by chance: less than 1 in 10**9)."""
    rows, weights = _rows(14), _weights()
    rows[:, 1] = torch.arange(14) % len(WORDS) + SPECIAL
    rows[:, 0] = torch.arange(14) // len(WORDS) + SPECIAL  # no two rows alike
    first = int(torch.randint(1, 1000, ()))
    orders = []
    for seed in (first, first, first + 1):
        options = _options(epochs=1, seed=seed)
        found = trained(student, WORDS, TINY, weights, rows, options)
        orders.append([ids.tolist() for ids in _batches(found, _told(rows, options))])
    did = f"train twice on 14 rows with seed={first}, then with seed={first + 1}."
    look = "TrainingArguments(seed=seed): the Trainer shuffles by it."
    expect_equal(orders[1] == orders[0], True, did=did + " Is the second order the first?", look=look)
    got = f"the same one: rows that begin with {show([row[:2] for batch in orders[0] for row in batch][:4])} ..."
    expect(orders[2] != orders[0], did=did, wanted=f"another order of rows with seed={first + 1}", got=got, look=look)


@points(1, step=5, hint="What do you find in output_dir after a run?", timeout=60, observed=True)
def test_nothing_is_saved_or_reported(student):
    """No file in output_dir, no outside service that hears of the run."""
    found = trained(student, WORDS, TINY, _weights(), _rows(14), _options(epochs=1))
    did = "train for one epoch."
    look = 'save_strategy="no".'
    expect_equal(_field(found, "files"), [], did=did + " The files in output_dir afterwards:", look=look)
    told = did + " Is the Trainer's output_dir the one given?"
    expect_equal(_field(found, "own_folder"), True, did=told, look="TrainingArguments(output_dir=str(output_dir)).")
    look = 'report_to="none".'
    expect_equal(_field(found, "services"), [], did=did + " The services that were told:", look=look)


@points(0.5, step=5, hint="How often do you log, and what does one entry tell?", timeout=60)
def test_logging_steps(student):
    """Every logging_steps steps the log holds the mean loss of these steps."""
    weights, rows = _weights(), _rows(16)
    options = _options(epochs=3, logging_steps=3)
    found = trained(student, WORDS, TINY, weights, rows, options)
    did = _told(rows, options)
    look = "TrainingArguments(logging_steps=logging_steps)."
    steps = [entry.get("step") for entry in _list(found, "log")]
    expect_equal(steps, [3, 6, 9, 12], did=did + " The steps with an entry in the log:", look=look)
    replays = _replays(weights, _batches(found, did), options)
    means = [[sum(r.losses[i : i + 3]) / 3 for i in range(0, 12, 3)] for r in replays if len(r.losses) == 12]
    fits = any(max(abs(x - y) for x, y in zip(_losses(found), m, strict=True)) <= 1e-3 for m in means)
    wanted = "the mean loss of each three steps: " + ", ".join(f"{x:.3f}" for x in (means or [[]])[0])
    expect(fits, did=did, wanted=wanted, got=show(_losses(found)), look=look)


@points(0.5, step=5, hint="Which values does the stub's signature name?", timeout=60)
def test_the_defaults(student):
    """epochs=2, batch_size=16, lr=3e-4, weight_decay=0.01, max_norm=1.0, seed=0, logging_steps=50."""
    weights, rows = _weights(), _rows(16 * 25)
    wanted = {"epochs": 2, "batch_size": 16, "lr": 3e-4, "weight_decay": 0.01, "max_norm": 1.0}
    found = trained(student, WORDS, TINY, weights, rows, {})
    seeded = trained(student, WORDS, TINY, weights, rows, {"epochs": 1, "seed": 0})
    did = "train on 400 rows with no options at all."
    look = "the defaults of the stub's signature."
    batches = _batches(found, did)
    expect_equal([len(ids) for ids in batches], [16] * 50, did=did + " The sizes of its batches:", look=look)
    steps = [entry.get("step") for entry in _list(found, "log")]
    expect_equal(steps, [50], did=did + " The steps with an entry in the log:", look=look)
    first = torch.cat(batches[:25]).tolist()
    same = first == torch.cat(_batches(seeded, did)).tolist()
    expect_equal(same, True, did=did + " Is the order of rows that of seed=0?", look=look)
    _same_decay(found, weights, wanted, 50, did)
    replays = _replays(weights, batches, wanted)
    _same_weights(found, weights, replays, did, look, tolerance=0.004)  # max_norm=0.5 leads 0.9 % away
