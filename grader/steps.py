"""The steps of the course: one table that the plugin, the scoreboard and the reports all read."""

from dataclasses import dataclass

CORE = "core"


@dataclass(frozen=True)
class Step:
    """One step: `module` is the file name in `exercises/`, `solutions/` and (with `test_` before it) `tests/`."""

    number: int
    module: str
    title: str
    points: float
    track: str = CORE

    @property
    def suite(self) -> str:
        return f"tests/test_{self.module}.py"


STEPS = (
    Step(1, "step1_model", "The model", 30),
    Step(2, "step2_data", "The data", 15),
    Step(3, "step3_train", "The training loop", 25),
    Step(4, "step4_sample", "Sampling", 15),
    Step(5, "step5_trainer", "The Trainer", 15),
    Step(6, "step6_schedule", "The schedule", 20, "stretch"),
    Step(7, "step7_scale", "Scaling", 20, "stretch"),
    Step(8, "step8_perplexity", "Perplexity", 20, "stretch"),
    Step(9, "step9_batch", "The batch and its masks", 10, "translation"),
    Step(10, "step10_translator", "The translator", 20, "translation"),
    Step(11, "step11_noam", "Noam and label smoothing", 10, "translation"),
    Step(12, "step12_decode", "Greedy and beam search", 20, "translation"),
    Step(13, "step13_attention", "Attention by hand", 20, "from scratch"),
)
BY_NUMBER = {step.number: step for step in STEPS}
