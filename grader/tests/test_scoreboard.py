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


def everything(optional: Outcome, **more) -> list[Verdict]:
    """Full core points, and every other step with this outcome."""
    return [
        verdict(step.number, Outcome.PASSED if step.track == "core" else optional, points=step.points, **more)
        for step in scoreboard.STEPS
    ]


def test_every_track_has_a_total_of_its_own():
    board = lines(scoreboard.board, everything(Outcome.NOT_STARTED)).splitlines()
    totals = [line.split() for line in board[1 + len(scoreboard.STEPS) :]]
    assert totals[:2] == [["core", "100", "/", "100"], ["stretch", "0", "/", "60"]]


def test_steps_of_other_tracks_that_are_not_started_get_a_line_each_and_no_more():
    results = everything(Outcome.NOT_STARTED)
    assert lines(scoreboard.findings, results) == ""
    tracks = {step.track for step in scoreboard.STEPS}
    assert len(lines(scoreboard.board, results).splitlines()) == 1 + len(scoreboard.STEPS) + len(tracks)


def test_after_the_core_the_next_track_comes_and_what_is_begun_before_what_is_not():
    text = lines(scoreboard.next_thing, everything(Outcome.NOT_STARTED), "exercises")
    assert "All core points" in text
    assert "Next: exercises/step6_schedule.py" in text
    begun = [verdict(8, Outcome.FAILED, message="x") if v.step == 8 else v for v in everything(Outcome.NOT_STARTED)]
    assert "Next: exercises/step8_perplexity.py" in lines(scoreboard.next_thing, begun, "exercises")
    unfinished = [verdict(5, Outcome.NOT_STARTED) if v.step == 5 else v for v in begun]
    text = lines(scoreboard.next_thing, unfinished, "exercises")
    assert "Next: exercises/step5_trainer.py" in text
    assert "All core points" not in text


def test_only_optional_steps_beside_the_whole_core_are_excused_and_only_if_not_started():
    def excused(verdicts):
        return scoreboard.excused(scoreboard.scores(verdicts))

    fresh = everything(Outcome.NOT_STARTED)
    optional = {step.number for step in scoreboard.STEPS if step.track != "core"}
    assert excused(fresh) == optional
    assert excused([verdict(6, Outcome.FAILED) if v.step == 6 else v for v in fresh]) == optional - {6}
    assert excused([*fresh, verdict(7, Outcome.PASSED, "test_b")]) == optional - {7}
    assert excused([v for v in fresh if v.step != 3]) == set()
    assert excused([v for v in fresh if v.step == 6]) == set()
    assert excused([verdict(1, Outcome.NOT_STARTED) if v.step == 1 else v for v in fresh]) == optional


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
    assert "python -m lab" in lines(scoreboard.next_thing, everything(Outcome.PASSED), "exercises")
