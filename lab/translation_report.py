"""What a translator learnt: its score on held-out pairs, some of its work, and where it looks."""

import math
from typing import TYPE_CHECKING, Any

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lab import translation
from lab.plots import INK, SOFT, WARM, smoothed
from lab.subwords import padded

if TYPE_CHECKING:
    from lab.translation import Task

GREEDY, BEAM = 1_000, 200  # held-out pairs to translate; a beam goes one by one
TOGETHER = 250
SHOWN = 8


def conclude(task: "Task", interrupted: bool) -> None:
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
    source, target, fall = influence(task, example)
    title = f"{task.pairs.name}: {greedy['right']} of {greedy['of']} held-out right, {last['step']:,} steps"
    picture(task.run.path / "translate.png", records, title, source, target, fall)
    _tell(task, interrupted, last, greedy, beam)


def _score(task: "Task", how: str, most: int) -> dict[str, Any]:
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


def _tell(task: "Task", interrupted: bool, last: dict[str, Any], greedy: dict[str, Any], beam: dict[str, Any]) -> None:
    said = "interrupted" if interrupted else "trained"
    task.say(f"{said} after {last['step']:,} steps, {last['seconds']:.0f} s; held-out pairs that came out exactly:")
    for name, score in (("greedy", greedy), ("beam 4", beam)):
        task.say(f"  {name}  {score['right'] / score['of']:7.2%}  ({score['right']:,} of {score['of']:,})")
    task.say("")
    right = [triple for triple in greedy["triples"] if triple not in greedy["wrong"]]
    for source, target, got in (greedy["wrong"][: SHOWN // 2] + right)[:SHOWN]:
        task.say(f"  {source}\n    -> {got}" + ("" if got == target else f"   (should be {target})"))
    task.say(f"\neverything is in {task.run.path}: translate.png, samples.txt, {task.run.log.name}, result.json")


@torch.no_grad()
def influence(task: "Task", text: str) -> tuple[list[str], list[str], Tensor]:
    """How much less likely each target piece becomes when a source piece is hidden: (source, target, (T, S) nats).

    The target is the model's own greedy translation. A piece is hidden as padding is, by the source mask, in encoder
    and decoder: this needs no look inside, so that any right Translator has such a map. It is not its attention.
    """
    said = translation.translate(task, [text], "greedy")[0]
    source, target = task.source.encode(text), task.target.encode(said)[: task.config.max_len]
    S = len(source)
    device = task.options.device
    batch = task.steps[9].Batch(padded([source]).to(device), padded([target]).to(device))
    hidden = batch.src_mask & ~torch.eye(S, dtype=torch.bool, device=device)[:, None]  # (S, 1, S): row s hides place s
    mask = torch.cat([batch.src_mask, hidden])
    src, tgt = batch.src.expand(S + 1, -1), batch.tgt.expand(S + 1, -1)
    memory = task.model.encode(src, mask)
    log_probs = task.model.decode(memory, mask, tgt, batch.tgt_mask.expand(S + 1, -1, -1))  # (S + 1, T, V)
    chosen = log_probs.gather(2, batch.tgt_y.expand(S + 1, -1)[..., None])[..., 0]  # (S + 1, T)
    fall = (chosen[:1] - chosen[1:]).T.cpu()  # (T, S)
    return task.source.pieces(source), task.target.pieces(target[1:]), fall


def picture(
    path: Any, records: list[dict[str, Any]], title: str, source: list[str], target: list[str], fall: Tensor
) -> None:
    """The loss of every step beside the influence map."""
    trained = [record for record in records if "loss" in record]
    held_out = [record for record in records if "validation" in record]
    figure = Figure(figsize=(11, 4.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    steps, losses = [r["step"] for r in trained], [r["loss"] for r in trained]
    left.plot(steps, losses, color=SOFT, linewidth=0.8, label="training, each step")
    geometric = [math.exp(mean) for mean in smoothed([math.log(max(loss, 1e-6)) for loss in losses])]
    left.plot(steps, geometric, color=INK, linewidth=2, label="training, smoothed")
    left.plot([r["step"] for r in held_out], [r["validation"] for r in held_out], "o-", color=WARM, label="held out")
    left.set(xlabel="step", ylabel="label-smoothed loss (nats per token)", title=title, yscale="log")
    left.grid(alpha=0.25)
    left.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    image = right.imshow(fall.clamp(min=0), cmap="Blues", aspect="auto")
    right.set_xticks(range(len(source)), source, rotation=60, ha="right")
    right.set_yticks(range(len(target)), target)
    right.set(title="what each piece hangs on", xlabel="source piece hidden", ylabel="target piece")
    figure.colorbar(image, label="fall of its log-probability (nats)")
    figure.savefig(path)
