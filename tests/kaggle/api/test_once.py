"""A call that acts is looked up before it is sent again; what cannot be repeated is told."""

import pytest

from pipeline.download.retry import Retryable, RetryPolicy
from pipeline.kaggle.api.errors import Unavailable, Unclear, UnexpectedAnswer
from pipeline.kaggle.api.once import UnusableAnswer, ask

HASTE = RetryPolicy(timeout_s=0.02, retries=2, retry_wait_s=0.001)


class Calls:
    """Fails as told, then gives "done"."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def never() -> None:
    raise AssertionError("asked whether it had acted")


def nothing() -> None:
    return None


def test_repeats_what_may_be_repeated() -> None:
    calls = Calls(Retryable("HTTP 503"), UnusableAnswer("HTML"))
    assert ask("asking", calls, HASTE) == "done"
    assert calls.made == 3


def test_gives_up_with_the_last_reason_and_the_next_step() -> None:
    calls = Calls(Retryable("HTTP 500"), Retryable("HTTP 500"), Retryable("HTTP 502"))
    with pytest.raises(
        Unavailable, match=r"^asking: HTTP 502 \(after 2 retries\); .* run the same command"
    ):
        ask("asking", calls, HASTE)
    assert calls.made == 3


def test_answers_that_stay_unusable_are_told_as_such() -> None:
    calls = Calls(*[UnusableAnswer("HTML")] * 3)
    with pytest.raises(UnexpectedAnswer, match=r"^asking: HTML \(after 2 retries\)"):
        ask("asking", calls, HASTE)
    assert calls.made == 3


def test_what_must_not_act_twice_is_looked_up_before_each_repetition() -> None:
    calls = Calls(Retryable("no answer"))
    # It arrives late: the first question finds nothing, the second does.
    found = iter([None, "there"])
    assert ask("submitting", calls, HASTE, find=lambda: next(found)) == "there"
    assert calls.made == 1


def test_it_is_repeated_where_nothing_is_found() -> None:
    calls = Calls(Retryable("no answer"))
    assert ask("submitting", calls, HASTE, find=nothing) == "done"
    assert calls.made == 2


def test_a_request_that_was_not_acted_on_needs_no_question() -> None:
    calls = Calls(*[Retryable("HTTP 429", untouched=True)] * 2)
    assert ask("submitting", calls, HASTE, find=never) == "done"
    with pytest.raises(Unavailable) as caught:
        ask("submitting", Calls(*[Retryable("HTTP 429", untouched=True)] * 3), HASTE, find=never)
    assert not isinstance(caught.value, Unclear)


def test_the_last_lost_answer_is_looked_up_too_and_else_unclear() -> None:
    asked: list[int] = []
    with pytest.raises(Unclear, match="it asks Kaggle first, and sends nothing twice"):
        ask(
            "submitting",
            Calls(*[Retryable("no answer")] * 3),
            HASTE,
            find=lambda: asked.append(1),
        )
    assert len(asked) >= 6  # after each try at once, and until its time has passed


def test_the_last_lost_answer_may_be_found() -> None:
    calls = Calls(*[Retryable("no answer")] * 3)
    policy = RetryPolicy(timeout_s=0, retries=2, retry_wait_s=0)
    answers = iter([None, None, "there"])  # one question after each try
    assert ask("submitting", calls, policy, find=lambda: next(answers)) == "there"
    assert calls.made == 3


def test_an_unusable_answer_is_looked_up_and_never_sent_again() -> None:
    calls = Calls(UnusableAnswer("HTML"))
    assert ask("submitting", calls, HASTE, find=lambda: "there") == "there"
    calls = Calls(UnusableAnswer("HTML"))
    with pytest.raises(UnexpectedAnswer, match=r"submitting: HTML, and Kaggle does not list it"):
        ask("submitting", calls, HASTE, find=nothing)
    assert calls.made == 1


def test_other_errors_pass() -> None:
    calls = Calls(ValueError("no"))
    with pytest.raises(ValueError):
        ask("submitting", calls, HASTE, find=never)
    assert calls.made == 1
