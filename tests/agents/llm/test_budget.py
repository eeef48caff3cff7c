import time

import pytest

from agents.errors import InvalidInput
from agents.llm.base import Answer
from agents.llm.budget import Budget, Tally


def tally(*answers: Answer) -> dict[str, Tally]:
    result = Tally()
    for answer in answers:
        result.add(answer)
    return {"local": result}


PRICED = Answer(status="ok", tokens_in=90, tokens_out=10, cost=0.5)


def test_each_cap_is_reached_by_its_own_figure() -> None:
    assert not Budget().reached(tally(PRICED))
    assert "budget.usd" in Budget(usd=0.5).reached(tally(PRICED))
    assert not Budget(usd=0.51).reached(tally(PRICED))
    assert "budget.tokens" in Budget(tokens=100).reached(tally(PRICED))
    assert not Budget(tokens=101).reached(tally(PRICED))
    assert "budget.minutes" in Budget(minutes=1, started=time.monotonic() - 61).reached({})


def test_recorded_answers_are_free() -> None:
    cached = Answer(status="ok", tokens_in=90, tokens_out=10, cost=0.5, cached=True)
    assert not Budget(usd=0.1, tokens=1).reached(tally(cached))
    assert tally(cached)["local"].figures()["cached"] == 1


def test_an_unpriced_model_costs_null_and_refuses_a_cap_in_dollars() -> None:
    unpriced = tally(Answer(status="ok", tokens_out=1))
    assert unpriced["local"].figures()["cost"] is None
    with pytest.raises(InvalidInput, match=r"llm\.local has no price"):
        Budget(usd=1).reached(unpriced)
