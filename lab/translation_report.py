"""What a translator learnt: its score on held-out pairs, some of its work, and where it looks."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lab import translation
from lab.attention_map import cross_attention
from lab.plots import INK, SOFT, WARM, smoothed
from lab.subwords import PAD_ID, padded
from lab.translation import Task

GREEDY, BEAM = 1_000, 200  # held-out pairs to translate; a beam goes one by one
TOGETHER = 250
SHOWN = 8


def conclude(task: Task, interrupted: bool) -> None:
    """Numbers, words and the picture; a run that Ctrl-C ended gets them too."""
    counts = [min(len(task.pairs.held_out), most) for most in (GREEDY, BEAM)]
    task.say(f"\ntranslating {counts[0]:,} held-out pairs greedily and {counts[1]:,} with a beam")
    greedy, beam = _score(task, "greedy", GREEDY), _score(task, "beam", BEAM)
    records = task.run.records()
    last = [record for record in records if "loss" in record][-1]
    result = {
        "step": last["step"],
        "seconds": last["seconds"],
        "greedy": greedy["right"] / greedy["of"],
        "greedy_of": greedy["of"],
        "beam": beam["right"] / beam["of"],
        "beam_of": beam["of"],
    }
    task.run.write_json("result.json", result)
    task.run.write_text("samples.txt", _samples(greedy))
    example = max(task.pairs.held_out[:50], key=lambda pair: len(pair[0]))[0]
    title = f"{task.pairs.name}: {greedy['right']} of {greedy['of']} held-out right, {last['step']:,} steps"
    shown = look(task, example)
    picture(task.run.path / "translate.png", records, title, shown)
    if shown.attention is None:
        task.say("no attention map: an attention without torch's softmax cannot be seen from outside")
    _tell(task, interrupted, last, greedy, beam)


def _score(task: Task, how: str, most: int) -> dict[str, Any]:
    """Exact matches among the first `most` held-out pairs."""
    held_out = task.pairs.held_out[:most]
    got: list[str] = []
    for i in range(0, len(held_out), TOGETHER):
        got += translation.translate(task, [source for source, _ in held_out[i : i + TOGETHER]], how)
    triples = [(source, target, said) for (source, target), said in zip(held_out, got, strict=True)]
    wrong = [triple for triple in triples if triple[1] != triple[2]]
    return {"right": len(triples) - len(wrong), "of": len(triples), "triples": triples, "wrong": wrong}


def _samples(score: dict[str, Any]) -> str:
    """Every wrong translation, then the first right ones."""
    wrong = [f"{source}\n  said    {said}\n  should  {target}" for source, target, said in score["wrong"]]
    right = [f"{source}\n  {said}" for source, target, said in score["triples"] if said == target]
    return "\n".join([f"wrong: {len(wrong)}", *wrong, "", f"right: {len(right)}, the first:", *right[:50]]) + "\n"


def _tell(task: Task, interrupted: bool, last: dict[str, Any], greedy: dict[str, Any], beam: dict[str, Any]) -> None:
    said = "interrupted" if interrupted else "trained"
    task.say(f"{said} after {last['step']:,} steps, {last['seconds']:.0f} s; held-out pairs that came out exactly:")
    for name, score in (("greedy", greedy), ("beam 4", beam)):
        task.say(f"  {name}  {score['right'] / score['of']:7.2%}  ({score['right']:,} of {score['of']:,})")
    task.say("")
    right = [triple for triple in greedy["triples"] if triple not in greedy["wrong"]]
    for source, target, got in (greedy["wrong"][: SHOWN // 2] + right)[:SHOWN]:
        task.say(f"  {source}\n    -> {got}" + ("" if got == target else f"   (should be {target})"))
    task.say(f"\neverything is in {task.run.path}: translate.png, samples.txt, {task.run.log.name}, result.json")


@dataclass(frozen=True)
class Look:
    """One translation seen from inside and from outside. Both maps have a row per target piece, (T, S)."""

    source: list[str]
    target: list[str]
    attention: Tensor | None  # shares that add up to 1 in every row; None if the model's attention cannot be seen
    fall: Tensor  # nats


@torch.no_grad()
def look(task: Task, text: str) -> Look:
    """How the model translates `text`: its own greedy translation, and what each piece of it looks at and hangs on."""
    said = translation.translate(task, [text], "greedy")[0]
    source, target = task.source.encode(text), task.target.encode(said)[: task.config.max_len]
    pieces = task.source.pieces(source), task.target.pieces(target[1:])
    return Look(*pieces, attention(task, source, target), influence(task, source, target))


def attention(task: Task, source: list[int], target: list[int]) -> Tensor | None:
    """The last layer's cross-attention, (T, S), the mean of its heads; None if it cannot be seen from outside."""
    T, S = len(target) - 1, len(source)
    row = [*source, PAD_ID] if T == S else source  # another size than the target's; padding gets no share
    device = task.options.device
    batch = task.steps[9].Batch(padded([row]).to(device), padded([target]).to(device), pad=PAD_ID)
    memory = task.model.encode(batch.src, batch.src_mask)
    seen = cross_attention(
        lambda: task.model.decode(memory, batch.src_mask, batch.tgt, batch.tgt_mask), T, batch.src.size(1)
    )
    return None if seen is None else seen[:, :S].cpu()


def influence(task: Task, source: list[int], target: list[int]) -> Tensor:
    """How much less likely each target piece becomes when a source piece is hidden: (T, S) nats.

    A piece is hidden as padding is, by the source mask, in encoder and decoder: this needs no look inside, so that any
    right Translator has such a map. It is not its attention.
    """
    S, device = len(source), task.options.device
    batch = task.steps[9].Batch(padded([source]).to(device), padded([target]).to(device), pad=PAD_ID)
    hidden = batch.src_mask & ~torch.eye(S, dtype=torch.bool, device=device)[:, None]  # (S, 1, S): row s hides place s
    mask = torch.cat([batch.src_mask, hidden])
    src, tgt = batch.src.expand(S + 1, -1), batch.tgt.expand(S + 1, -1)
    memory = task.model.encode(src, mask)
    log_probs = task.model.decode(memory, mask, tgt, batch.tgt_mask.expand(S + 1, -1, -1))  # (S + 1, T, V)
    chosen = log_probs.gather(2, batch.tgt_y.expand(S + 1, -1)[..., None])[..., 0]  # (S + 1, T)
    return (chosen[:1] - chosen[1:]).T.cpu()


def picture(path: Any, records: list[dict[str, Any]], title: str, shown: Look) -> None:
    """The loss of every step, the attention map where there is one, and the influence map."""
    maps: list[tuple[Tensor, str, str, str]] = []
    if shown.attention is not None:
        maps.append((shown.attention, "where it looks: cross-attention", "source piece", "share, mean of the heads"))
    fall = shown.fall.clamp(min=0)
    maps.append((fall, "what it hangs on", "source piece hidden", "fall of its log-probability (nats)"))
    figure = Figure(figsize=(5 + 5.6 * len(maps), 4.8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, *others = figure.subplots(1, 1 + len(maps), width_ratios=(1, *(1.15 for _ in maps)))
    _draw_losses(left, records, title)
    for axes, (values, name, across, unit) in zip(others, maps, strict=True):
        image = axes.imshow(values, cmap="Blues", aspect="auto", vmin=0)
        axes.set_xticks(range(len(shown.source)), shown.source, rotation=60, ha="right")
        axes.set_yticks(range(len(shown.target)), shown.target)
        axes.set(title=name, xlabel=across, ylabel="target piece")
        figure.colorbar(image, label=unit)
    figure.savefig(path)


def _draw_losses(axes: Axes, records: list[dict[str, Any]], title: str) -> None:
    trained = [record for record in records if "loss" in record]
    held_out = [record for record in records if "validation" in record]
    steps, losses = [r["step"] for r in trained], [r["loss"] for r in trained]
    axes.plot(steps, losses, color=SOFT, linewidth=0.8, label="training, each step")
    geometric = [math.exp(mean) for mean in smoothed([math.log(max(loss, 1e-6)) for loss in losses])]
    axes.plot(steps, geometric, color=INK, linewidth=2, label="training, smoothed")
    axes.plot([r["step"] for r in held_out], [r["validation"] for r in held_out], "o-", color=WARM, label="held out")
    axes.set(xlabel="step", ylabel="label-smoothed loss (nats per token)", title=title, yscale="log")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
