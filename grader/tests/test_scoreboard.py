"""What a learner reads: states, totals, messages, the next thing to do."""

from grader import scoreboard
from grader.verdicts import Outcome, Verdict


def verdict(step: int, outcome: Outcome, test: str = "test_a", points: float = 4, **more) -> Verdict:
    return Verdict(
        test=test, step=step, points=points, title=f"Title of {test}.", hint="Which one?", outcome=outcome, **more
    )


def lines(maker, verdicts, *args) -> str:
    return "\n".join(text for text, _ in maker(scoreboard.scores(verdicts), *args))


MIXED = [
    verdict(3, Outcome.NOT_STARTED),
    verdict(1, Outcome.PASSED),
    verdict(2, Outcome.PASSED, points=3.5),
    verdict(2, Outcome.FAILED, "test_b", message="We did:    x", output="printed\n"),
    verdict(4, Outcome.IMPORT_ERROR, message="exercises/step4_sample.py cannot be imported: SyntaxError: bad"),
    verdict(
        4, Outcome.IMPORT_ERROR, "test_b", message="exercises/step4_sample.py cannot be imported: SyntaxError: bad"
    ),
]


def test_a_line_per_step_in_the_order_of_the_course_and_a_total():
    board = lines(scoreboard.board, MIXED).splitlines()
    assert [line.split()[0] for line in board[1:]] == ["1", "2", "3", "4", "core"]
    assert "4 / 4" in board[1]
    assert "done" in board[1]
    assert "3.5 / 7.5" in board[2]
    assert "in progress" in board[2]
    assert "1 of 2 checks stand" in board[2]
    assert "not started" in board[3]
    assert "does not import" in board[4]
    assert "7.5 / 23.5" in board[5]


def test_a_step_that_does_not_import_is_told_once():
    text = lines(scoreboard.findings, MIXED)
    assert text.count("cannot be imported") == 1
    assert "Step 3" not in text  # not started is no failure
    assert "We did:    x" in text
    assert "| printed" in text


def test_only_the_first_failures_are_told_in_full():
    many = [verdict(1, Outcome.FAILED, f"test_{i}", message="We did:    x") for i in range(6)]
    text = lines(scoreboard.findings, many)
    assert text.count("We did:") == scoreboard.FULL_MESSAGES
    assert all(f"test_{i}" in text for i in range(6))


def test_the_next_thing_is_the_first_open_step():
    text = lines(scoreboard.next_thing, MIXED, "exercises")
    assert "exercises/step2_data.py" in text
    assert "Title of test_b." in text
    assert "Which one?" in text
    assert "pytest tests/test_step2_data.py" in text
    fresh = lines(scoreboard.next_thing, [verdict(1, Outcome.NOT_STARTED)], "exercises")
    assert "Read the lesson" in fresh
    done = lines(scoreboard.next_thing, [verdict(1, Outcome.PASSED)], "exercises")
    assert "step2_data.py" in done
    everything = [verdict(step.number, Outcome.PASSED) for step in scoreboard.STEPS]
    assert "python -m lab" in lines(scoreboard.next_thing, everything, "exercises")
