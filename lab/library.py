"""Training through step 5: the same recorder, on the Trainer's callbacks."""

import os
import time
from typing import Any

from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase, PrinterCallback, ProgressCallback, TrainerCallback

from lab.options import Options
from lab.problem import Problem
from lab.steps import Steps
from lab.training import CHECKPOINT_EVERY, Recorder


class Pairs(nn.Module):
    """A Hugging Face model with the manners of step 1's: (logits, loss) for (input_ids, labels)."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """(B, T) -> logits (B, T, V), and the loss or None."""
        output = self.model(input_ids, labels=labels)
        return output.logits, output.loss


class Watching(TrainerCallback):
    """Hands the Trainer's losses to the recorder and the recorder's wishes to the Trainer."""

    def __init__(self, recorder: Recorder):
        self._recorder = recorder
        self._saved_at = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The clock runs while the model trains."""
        self._recorder.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """With logging_steps=1 this is every step; the Trainer's last log, of the whole run, has no "loss"."""
        if "loss" not in (logs or {}):
            return
        self._recorder.record(float(logs["loss"]))  # type: ignore[index]
        enough = self._recorder.enough
        if enough or time.monotonic() - self._saved_at > CHECKPOINT_EVERY:
            control.should_save = True
            self._saved_at = time.monotonic()
        control.should_training_stop = enough


def fit(
    steps: Steps,
    model: nn.Module,
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    options: Options,
    recorder: Recorder,
    resumed: bool,
) -> None:
    """Train with step 5 until the recorder has enough; `resumed`: from the newest checkpoint in the run's folder."""
    if options.device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else the Trainer takes a GPU wherever there is one
    run = recorder.run
    checkpoints = sorted(run.trainer.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    trainer = steps[5].build_trainer(
        model.model,
        dataset,
        tokenizer,
        output_dir=run.trainer,
        epochs=options.epochs,
        batch_size=options.batch_size,
        lr=options.lr,
        seed=options.seed,
        logging_steps=1,
    )
    trainer.args.save_total_limit = 1
    for noisy in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(noisy)
    trainer.add_callback(Watching(recorder))
    if not resumed:
        trainer.train()
        return
    if not checkpoints:
        raise Problem(f"{run.path} has no checkpoint: the run stopped before its first step; start it again")
    step = int(checkpoints[-1].name.split("-")[1])
    logged = [record for record in run.records() if record["step"] <= step and "loss" in record]
    recorder.go_on_from(step, logged[-1]["seconds"], logged[-1]["loss"])
    trainer.train(resume_from_checkpoint=str(checkpoints[-1]))
