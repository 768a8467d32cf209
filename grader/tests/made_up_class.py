"""A class that nobody taught: twelve results with every outcome, for the tests of the reports and for a look at the page.

`python -m grader.tests.made_up_class FOLDER [STUDENTS]` writes its reports.
"""

import sys
from itertools import chain
from pathlib import Path

from grader.reports import write_all
from grader.results import Result, TestResult
from grader.verdicts import Outcome

# test, step, points, title, hint
CHECKS = [
    ("test_every_position_scores_every_token", 1, 6, "For any configuration and any text up to block_size tokens: logits (B, T, V), and no loss without labels.", "What is the shape of x after every line of forward?"),
    ("test_the_lessons_model_has_12_million_parameters", 1, 4, "With the default sizes there are 12,368,064 parameters; without biases or a position table a few less.", "Which two tables can be one and the same?"),
    ("test_no_position_sees_its_future", 1, 8, "Logits at t may depend on tokens 0..t only: a model that sees the next token learns to copy it, and no more.", "Which positions may position t attend to?"),
    ("test_loss_is_the_mean_over_the_next_tokens", 1, 8, "The loss compares the logits at t with the label at t + 1, and leaves out labels of -100.", "Which logits have no label, and which label no logits?"),
    ("test_dropout_is_off_in_eval", 1, 4, "In eval mode two runs of the same ids give the same logits.", "Who tells your Dropout which mode it is in?"),
    ("test_no_token_is_lost_or_doubled", 2, 7.5, "Joined again, the blocks are the corpus from its first token, with at most one block left over.", "What happens to the rest of one batch when the next begins?"),
    ("test_labels_equal_the_inputs", 2, 7.5, "The model shifts by itself, so labels are a copy of the ids.", "Where does the shift happen already?"),
    ("test_weights_after_five_steps", 3, 10, "From the same weights and batches, five steps give the reference's weights.", "In which order do clear, backward, clip and step come?"),
    ("test_gradients_are_clipped", 3, 7.5, "The norm of all gradients together is at most max_norm before the step.", "Clip one norm, or every tensor's?"),
    ("test_loss_reaches_the_entropy", 3, 7.5, "On text from a known source the loss comes near its entropy, and never below.", "How many epochs did you run?"),
    ("test_sampling_follows_the_softmax", 4, 7.5, "Frequencies of 20,000 draws follow softmax(logits / temperature); false alarms below 1e-6.", "Divide or multiply by the temperature?"),
    ("test_the_prompt_is_kept", 4, 7.5, "The prompt stands at the start of what comes back, however long it is.", "Crop what the model sees, not what you return."),
    ("test_trainer_equals_the_loop", 5, 15, "Step by step the Trainer's losses are those of the manual loop.", "Which learning-rate schedule does the Trainer take by itself?"),
]  # fmt: skip

FUTURE = """We did:    changed token 3 of 6 in a model with 2 layers and looked at which logits moved
Expected:  only positions 3, 4 and 5
Got:       every position moved:
           token   0  1  2  3  4  5
           moved   x  x  x  x  x  x
Look at:   the mask: is it added before the softmax, and is its upper triangle -inf?"""
WEIGHTS = """We did:    five AdamW steps from the same weights on the same batches
Expected:  wte.weight[0, 0] = 0.018442
Got:       wte.weight[0, 0] = 0.017903
Look at:   optimizer.zero_grad(): these are the weights of a loop that never clears its gradients"""
HOSTILE = (
    "\x1b[31mred\x1b[0m </pre></script><script>alert(1)</script><img src=x onerror='alert(2)'> \"quoted\" & 'so'\n"
    "\u202etxt.exe\u202c \u2066isolate\u2069 bell\x07 nul\x00 \ud800 \ufffe {{ 7 * 7 }} ]]> <!-- --> \u2028 end"
)
TQDM = "epoch 1:  10%|#         | 12/120\repoch 1: 100%|##########| 120/120\nloss 4.812\nloss 3.977\nloss 3.401\n"
STUB = {n: f"step {n}: write this part" for n in range(1, 6)}
SYNTAX = "step3_train.py cannot be imported: SyntaxError: '(' was never closed\n  exercises/step3_train.py:41: loss = model(ids, labels=ids"

LOOKS_LIKE = {"test_no_position_sees_its_future": ["mask-missing"], "test_weights_after_five_steps": ["clear-missing"]}

Story = dict[str, tuple[Outcome, str, str]]  # by name of the test, or by "step N": outcome, message, output


def result(student: str, story: Story, **more: object) -> Result:
    """A result in which every test passed but for what the story tells."""
    tests = [_test(*check, story=story) for check in CHECKS]  # type: ignore[arg-type]
    common = {
        "rung": "bwrap", "seed": 20_251_122, "started": "2025-11-22T21:40:07Z", "seconds": 6.4 + sum(t.seconds for t in tests),
        "submission_hash": "5e1f09c2" * 8, "suite_hash": "90ab41d7" * 8, "tests": tests,
    }  # fmt: skip
    return Result(student=student, **{**common, **more})  # type: ignore[arg-type]


def _test(test: str, step: int, points: float, title: str, hint: str, *, story: Story) -> TestResult:
    outcome, message, output = story.get(test) or story.get(f"step {step}") or (Outcome.PASSED, "", "")
    earned = points if outcome is Outcome.PASSED else 0.0
    seconds = 30.0 if outcome is Outcome.TIMED_OUT else 0.01 + 0.037 * (len(title) % 11)
    looks_like = LOOKS_LIKE.get(test, []) if outcome is Outcome.FAILED else []
    return TestResult(test, step, earned, points, title, hint, outcome, message, output, seconds, list(looks_like))


def not_started(*steps: int) -> Story:
    return {f"step {n}": (Outcome.NOT_STARTED, STUB[n], "") for n in steps}


def made_up_class() -> list[Result]:
    sees_future: Story = {"test_no_position_sees_its_future": (Outcome.FAILED, FUTURE, "")}
    uncleared: Story = {"test_weights_after_five_steps": (Outcome.FAILED, WEIGHTS, TQDM)}
    error = "Your code raised RuntimeError: The size of tensor a (8) must match the size of tensor b (16) at dimension 1\n  exercises/step1_model.py:88 in forward: x = self.wte(ids) + self.wpe"
    late = "It did not finish within 30 seconds."
    ours = "The suite itself failed, not your code: OSError: No space left on device"
    return [
        result("Ada Lovelace", {}),
        result("Grace Hopper", {"test_loss_reaches_the_entropy": (Outcome.PASSED, "", TQDM)}),
        result("Alan Turing", not_started(5)),
        result("Emmy Noether", uncleared | not_started(5), left_out=["notes.ipynb: not one of the course's files"]),
        result("Łukasz Žižka 李", sees_future | uncleared),
        result("Katherine Johnson", sees_future | not_started(3, 4, 5)),
        result("Edsger Dijkstra", {"step 3": (Outcome.IMPORT_ERROR, SYNTAX, "")} | not_started(4, 5)),
        result("Barbara Liskov", not_started(1, 2, 3, 4, 5)),
        result("Ken Thompson", {
            "test_every_position_scores_every_token": (Outcome.ERROR, error, ""),
            "test_sampling_follows_the_softmax": (Outcome.TIMED_OUT, late, "sampling " * 900),
            "test_trainer_equals_the_loop": (Outcome.UNGRADABLE, ours, ""),
        }),
        result("=HYPERLINK(\"http://example.org\")<b onclick='x'>\u202eevil", {
            "step 1": (Outcome.FAILED, HOSTILE, HOSTILE), "step 2": (Outcome.ERROR, f"Your code raised X: {HOSTILE}", HOSTILE),
        } | not_started(3, 4, 5), left_out=["../../etc/passwd: leaves the submission", "<script>.py: not one of the course's files"]),
        result("Margaret Hamilton", {"test_loss_is_the_mean_over_the_next_tokens": (Outcome.FAILED, "We did:    computed the loss of 5 tokens\nExpected:  2.3026\nGot:       2.8782\nLook at:   the shift by one", "")} | uncleared),
        result("broken-archive", {}, tests=[], problem="broken-archive.zip is not a zip file: ask for it again", seconds=0.02),
    ]  # fmt: skip


def larger_class(students: int) -> list[Result]:
    """The same twelve over and over, under other names."""
    return [result_named(one, f"{one.student} {i // 12}") for i, one in zip(range(students), endless(), strict=False)]


def endless() -> chain[Result]:
    return chain.from_iterable(made_up_class() for _ in iter(int, 1))


def result_named(one: Result, student: str) -> Result:
    return Result(**{**vars(one), "student": student})


if __name__ == "__main__":
    results = larger_class(int(sys.argv[2])) if len(sys.argv) > 2 else made_up_class()
    for kind, path in write_all(
        results, Path(sys.argv[1]), class_name="Language models, winter term", problems=[]
    ).items():
        print(kind, path, path.stat().st_size)
