"""Questions about a numbered list of candidates, and the ranks read off their answers.

A ballot lists a request's candidates in an order of its own, because models prefer some places of a
list (Hou et al., ECIR 2024, arXiv:2305.08845); what comes back are ranks of the places of that list.
The model never names an item but by its place.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_uppercase
from typing import Literal

import numpy as np

from agents.asking import likelihood
from agents.asking.scored import flaw
from agents.asking.text import listing, spoken
from agents.llm.base import Answer, Prompt
from agents.memory import tokens
from agents.schema import Floats, Ints, Item
from agents.template import load

Way = Literal["structured", "labels", "likelihood"]
LEAST_MASS = 0.5
"""Probability that the letters must have together, else they were not what the model meant to say."""
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Ballot:
    """One question about the candidates of request ``row``, listed in the order ``order`` of their places."""

    row: int
    order: Ints
    items: tuple[Item, ...]
    """As they are listed."""
    prompt: Prompt


def structured(row: int, order: Ints, items: tuple[Item, ...], history: str, user: int, now: float) -> Ballot:
    """Ask for a JSON list of all numbers, the best first."""
    names = [str(place + 1) for place in range(len(items))]
    messages = load("rank_structured").messages(history=history, offers=listing(names, items))
    prompt = Prompt("structured", "rank", messages, user_id=user, now=now, schema=schema(len(items)))
    return Ballot(row, order, items, prompt)


def labels(row: int, order: Ints, items: tuple[Item, ...], history: str, user: int, now: float) -> Ballot:
    """Ask for one letter; the letters' probabilities are the scores."""
    letters = tuple(ascii_uppercase[: len(items)])
    messages = load("rank_labels").messages(history=history, offers=listing(letters, items))
    return Ballot(row, order, items, Prompt("labels", "rank", messages, user_id=user, now=now, labels=letters))


def titles(row: int, order: Ints, items: tuple[Item, ...], history: str, user: int, now: float) -> Ballot:
    """Ask how likely each title is as the next of the list that the history begins."""
    return Ballot(row, order, items, _next_title("rank", history, items, user, now))


def for_nobody(group: int, catalog: Sequence[Item], now: float) -> Prompt:
    """Ask how likely the titles of a group of neighbors in the catalog are after no history at all."""
    neighbors = catalog[group * likelihood.GROUP : (group + 1) * likelihood.GROUP]
    return _next_title("rank-nobody", "", neighbors, -1, now)


def _next_title(purpose: str, history: str, items: Sequence[Item], user: int, now: float) -> Prompt:
    messages = load(likelihood.TEMPLATE).messages(persona="", memory="", liked=history)
    named = tuple(f" {spoken(item)}" for item in items)
    return Prompt("likelihood", purpose, messages, user_id=user, now=now, continuations=named)


@lru_cache(maxsize=128)
def schema(count: int) -> str:
    """Return the JSON schema of a whole order of ``count`` numbers."""
    number = {"type": "integer", "enum": list(range(1, count + 1))}
    order = {"type": "array", "minItems": count, "maxItems": count, "items": number}
    whole = {"type": "object", "properties": {"order": order}, "required": ["order"], "additionalProperties": False}
    return json.dumps(whole, separators=(",", ":"))


def ranks(ballot: Ballot, answer: Answer, nobody: Mapping[int, float]) -> Floats | None:
    """Return the rank of each candidate (1: best, ties share their mean) by its place, None if the answer is no use.

    ``nobody`` has the log-probability of a title after no history by item id, where titles are asked for.
    """
    if ballot.prompt.kind == "structured":
        values = _said(answer, len(ballot.items))
    elif flaw(answer, len(ballot.items)) != "ok":
        values = None
    elif ballot.prompt.kind == "labels":
        values = answer.logprobs if sum(map(math.exp, answer.logprobs)) >= LEAST_MASS else None
    else:
        values = _gains(ballot.items, answer, nobody)
    if values is None:
        return None
    found = np.empty(len(ballot.items))
    value = np.asarray(values)
    better, equal = (compare(value[None], value[:, None]).sum(axis=1) for compare in (np.greater, np.equal))
    found[ballot.order] = better + (equal + 1) / 2
    return found


def _said(answer: Answer, count: int) -> Sequence[float] | None:
    """Return falling values of the places in the order they were named, what was left out behind them together.

    Nothing is guessed: an order that names a place off the list, or one twice, is no use.
    """
    if answer.status != "ok" or answer.finish_reason == "length":
        return None
    try:
        body = _DECODER.decode(answer.text)
    except (ValueError, RecursionError):
        return None
    order = body.get("order") if isinstance(body, dict) else None
    if not isinstance(order, list) or not order or len(order) > count:
        return None
    if not all(type(number) is int and 1 <= number <= count for number in order) or len(set(order)) < len(order):
        return None
    values = [-float(count)] * count
    for place, number in enumerate(order):
        values[number - 1] = -float(place)
    return values


def _gains(items: Sequence[Item], answer: Answer, nobody: Mapping[int, float]) -> Sequence[float] | None:
    """Return by how much the history makes each title likelier, per token, which takes out its fame and length."""
    if any(item.item_id not in nobody for item in items):
        return None
    lengths = answer.lengths or tuple(tokens(spoken(item)) for item in items)
    return [
        (own - nobody[item.item_id]) / max(length, 1)
        for own, item, length in zip(answer.logprobs, items, lengths, strict=True)
    ]
