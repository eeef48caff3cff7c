"""Ask for one letter: the log-probability of each item's letter is its score.

Items are listed in keyed random order, because models prefer some letters and places.
"""

from collections.abc import Generator, Sequence
from string import ascii_uppercase

import numpy as np

from agents.asking.scored import Scored, flaw
from agents.asking.text import listing, recommended, remembered
from agents.llm.base import Answer, Prompt
from agents.schema import Draws, Item, Persona
from agents.template import load

TEMPLATE = "choose_labels"


def ask(
    persona: Persona,
    memory: str,
    items: Sequence[Item],
    draws: Draws,
    decision: int,
    least_mass: float,
    now: float = 0.0,
    *,
    friends: Sequence[Sequence[str]] = (),
) -> Generator[Prompt, Answer, Scored]:
    """Hold the conversation; no scores where letters get less than ``least_mass`` of the probability."""
    if len(items) > len(ascii_uppercase):
        return Scored(None, "", ())
    letters = tuple(ascii_uppercase[: len(items)])
    order = np.argsort(
        draws.uniform("labels", persona.user_id, decision, np.arange(len(items))), kind="stable"
    ).tolist()
    shown = [items[place] for place in order]
    tips = recommended(letters, shown, [friends[place] for place in order] if friends else ())
    standing = {"persona": persona.narrative, "memory": remembered(memory), "slate": listing(letters, shown)}
    answer = yield Prompt(
        kind="labels",
        purpose="choose",
        messages=load(TEMPLATE).messages(**standing, tips=tips),
        user_id=persona.user_id,
        decision=decision,
        now=now,
        labels=letters,
    )
    note = flaw(answer, len(items))
    if note == "ok" and float(np.exp(answer.logprobs).sum()) < least_mass:
        note = "low_label_mass"
    if note != "ok":
        return Scored(None, answer.call_id, (note,))
    values = dict(zip(order, answer.logprobs, strict=True))
    return Scored(tuple(values[place] for place in range(len(items))), answer.call_id, (note,))
