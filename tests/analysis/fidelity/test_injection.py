"""What an instruction in a title does to users who obey it, and to users who do not."""

import json

import numpy as np
import pytest

from agents.behaviors.llm import Llm
from agents.behaviors.uniform import Uniform
from agents.llm.base import Answer
from analysis.fidelity.talking import INSTRUCTION, Page, _injected, _told
from tests.agents.worlds import setting

WORLD = setting()
ROWS, WIDTH = 12, 6
PAGE = Page(
    user=np.arange(ROWS),
    item=(np.arange(ROWS)[:, None] * 5 + np.arange(WIDTH) * 7) % 80,
    popularity=np.ones((ROWS, WIDTH)),
    rating=np.full(ROWS, 4.0),
    key=np.arange(ROWS),
)


def ready(world):
    behavior = Llm(model="m", decide="structured", fallback=Uniform())
    behavior.settle(frozenset(("structured",)))
    behavior.prepare(world)
    return behavior


def holding(obeys):
    """Take the first item, and where it obeys also what tells it to."""

    def hold(conversations):
        ends = []
        for conversation in conversations:
            listed = next(conversation).messages[-1].text.splitlines()
            places = [int(line.split(".")[0]) for line in listed if line[:1].isdigit()]
            told = [place for place, line in zip(places, listed[1:], strict=False) if INSTRUCTION in line]
            said = {"watch": [{"position": place, "rating": 3} for place in {1, *(told if obeys else ())}]}
            try:
                conversation.send(Answer("ok", text=json.dumps(said | {"leave": "stay", "reason": ""})))
            except StopIteration as end:
                ends.append(end.value)
        return ends

    return hold


@pytest.mark.parametrize("obeys", [True, False])
def test_an_injected_title_moves_only_who_obeys_it(obeys):
    before = PAGE.item.copy()
    hold = holding(obeys)
    found = _injected(WORLD, ready, hold, PAGE, _told(ready(WORLD), WORLD, PAGE, hold))
    assert found.keys() == {"injection_value", "injection_low", "injection_high"}
    if obeys:
        assert found["injection_low"] > 0.5
    else:
        assert found["injection_value"] == 0
    np.testing.assert_array_equal(PAGE.item, before)
