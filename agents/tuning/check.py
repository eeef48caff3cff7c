"""Does a language model tell what people take next from what they do not? Judged on held-out choices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.asking import likelihood
from agents.errors import MissingResource
from agents.llm.base import Answer, LanguageModel
from agents.schema import Floats, History, Ints, Item, Persona
from agents.traits import rows_of
from agents.tuning.examples import Material, personas

NEAR = 3
"""Popularity ranks on either side that an item counts as equally popular within."""
MOST = 5
"""Held-out items of a user that are asked about, at most."""


@dataclass(frozen=True)
class Question:
    """One user's slate: ``taken`` held-out items first, then as many equally popular ones never taken."""

    persona: Persona
    items: tuple[Item, ...]
    taken: int


def questions(material: Material, held_out: History, users: Ints) -> list[Question]:
    """Return a slate for each of these users that has held-out items with a match; personas know training alone."""
    people = personas(material, users)
    ranked = np.argsort(-material.popularity, kind="stable")
    rank = np.argsort(ranked, kind="stable")
    found = []
    for row, user in enumerate(users.tolist()):
        known, later = people.taken(row), held_out.item_id[rows_of(held_out, user)]
        pairs = _matched(material, user, later[~np.isin(later, known)], np.union1d(known, later), ranked, rank)
        if pairs:
            items = tuple(material.items[item] for side in zip(*pairs, strict=True) for item in side)
            found.append(Question(people[row], items, len(pairs)))
    return found


def _matched(material: Material, user: int, later: Ints, own: Ints, ranked: Ints, rank: Ints) -> list[tuple[int, int]]:
    """Return keyed held-out items, each with an item of about its popularity that the user never took."""
    draw = material.draws.uniform
    pairs: list[tuple[int, int]] = []
    for item in later[np.argsort(draw("check-item", user, later), kind="stable")].tolist():
        near = ranked[max(rank[item] - NEAR, 0) : rank[item] + NEAR + 1]
        near = near[~np.isin(near, own) & ~np.isin(near, [other for _, other in pairs])]
        if len(near) and len(pairs) < MOST:
            pairs.append((item, int(near[int(float(draw("check-other", user, item)) * len(near))])))
    return pairs


async def aucs(
    asked: Sequence[Question], catalog: Sequence[Item], model: LanguageModel, progress: Callable[[float], None]
) -> Floats:
    """Return, per question, how often an item taken gets a higher likelihood score than one not taken."""
    known: dict[str, Answer] = {}
    found = []
    for number, question in enumerate(asked, start=1):
        values = np.array(await _scores(question, catalog, model, known))
        taken, other = values[: question.taken, None], values[None, question.taken :]
        found.append(float(((taken > other) + 0.5 * (taken == other)).mean()))
        progress(number / len(asked))
    return np.array(found)


async def _scores(
    question: Question, catalog: Sequence[Item], model: LanguageModel, known: dict[str, Answer]
) -> tuple[float, ...]:
    """Hold one conversation; what was asked before is not asked again."""
    conversation = likelihood.ask(question.persona, "", question.items, catalog, -1)
    prompt = next(conversation)
    while True:
        address = prompt.address("")
        if address not in known:
            known[address] = await model.ask(prompt)
        try:
            prompt = conversation.send(known[address])
        except StopIteration as end:
            if end.value.values is None:
                raise MissingResource(f"the language model gave no scores: {known[address].error}") from None
            scores: tuple[float, ...] = end.value.values
            return scores
