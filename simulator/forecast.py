"""What a scenario would take in questions, tokens, money and time, before any of it is spent."""

from dataclasses import dataclass
from typing import Any

from agents.behaviors.base import Behavior, TalkingBehavior
from agents.reflection import TOKENS as REFLECTION_TOKENS
from simulator.components import build
from simulator.levers.base import levered
from simulator.recommenders.talking import talking
from simulator.scenario import Scenario
from simulator.scenario_file import expand

TOKENS_PER_ITEM = 16
TOKENS_OF_FRAME = 220
"""Instructions and persona, beside the memory text."""
TOKENS_ANSWERED_PER_ITEM = 12
TOKENS_OF_NARRATING = 260
"""Question for a narrative."""
TOKENS_OF_NARRATIVE = 120
SECONDS_PER_QUESTION = {"transformers": 0.67, "llamacpp": 6.0, "openai": 2.0}
SERIAL = frozenset({"transformers", "llamacpp"})
"""Kinds that answer on this machine's cores, so that questions in flight share one throughput."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected figures of one language model over all cells of a scenario or study.

    ``cost`` is US dollars, None for an unpriced model; ``seconds`` is None for a kind whose speed is not known.
    """

    model: str
    kind: str
    users: int
    questions: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    seconds: float | None

    def __add__(self, other: "Forecast") -> "Forecast":
        """Return the two together (figures of the same model in two cells)."""
        return Forecast(
            self.model,
            self.kind,
            max(self.users, other.users),
            self.questions + other.questions,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            None if self.cost is None or other.cost is None else self.cost + other.cost,
            None if self.seconds is None or other.seconds is None else self.seconds + other.seconds,
        )


ASSUMPTIONS = (
    "every user visits as often as the average one and looks at min(patience, max_pages) pages; many leave earlier",
    "users reflect at every users.memory.reflect_every-th visit, and with users.memory.surprise at every visit; "
    f"that reads {TOKENS_OF_FRAME} tokens and the whole memory and writes {REFLECTION_TOKENS}",
    f"a narrative of users.narrator reads {TOKENS_OF_NARRATING} tokens and writes {TOKENS_OF_NARRATIVE}, once per user "
    "who asks, in every run",
    f"a question reads {TOKENS_OF_FRAME} tokens, the whole memory and {TOKENS_PER_ITEM} per item of the slate; "
    f"an answer writes {TOKENS_ANSWERED_PER_ITEM} per item",
    "a model of users who decide by likeness reads every title once, in seconds to minutes, which is not counted",
    "a recommender that asks does so for every page, in all its rounds, and tells of all its candidates and history",
    "no answer is repeated, repaired, calibrated on or found in the journal",
    f"seconds a question: {', '.join(f'{kind} {s:g}' for kind, s in SECONDS_PER_QUESTION.items())}; "
    "embedded models answer one at a time, endpoints engine.concurrency at once",
    "fits, retraining, users without a language model and reports are not counted",
)


def forecast(scenario: Scenario) -> list[Forecast]:
    """Return one forecast per language model in use, all arms and seeds together."""
    found: dict[str, Forecast] = {}
    for part in expand(scenario):
        for one in _of_cell(part.scenario):
            found[one.model] = found[one.model] + one if one.model in found else one
    return list(found.values())


def pages(scenario: Scenario) -> float:
    """Return the pages all users look at if none leaves early."""
    users, able = scenario.users, scenario.users.actions
    stay = scenario.choice.patience if "leave" in able else users.max_pages
    return visits(scenario) * (min(stay, users.max_pages) if "next_page" in able else 1)


def visits(scenario: Scenario) -> float:
    """Return the visits of all users."""
    each = scenario.users.sessions_per_day * scenario.days
    return scenario.users.count * (each if "return" in scenario.users.actions else min(each, 1.0))


def _of_cell(scenario: Scenario) -> list[Forecast]:
    """Return what one run takes: of each behavior that asks, of the recommender, and of the narrator."""
    asked, found = _asked(scenario), []
    size, memory = scenario.recommender.slate_size, scenario.users.memory
    often = 1.0 if memory.surprise is not None else 1.0 / memory.reflect_every if memory.reflect_every else 0.0
    for behavior, share in asked:
        choosing = round(pages(scenario) * share) if behavior.asks_of_pages else 0
        reflecting = round(visits(scenario) * share * often)
        remembered = TOKENS_OF_FRAME + scenario.users.memory_tokens
        read = choosing * (remembered + TOKENS_PER_ITEM * size) + reflecting * remembered
        written = choosing * TOKENS_ANSWERED_PER_ITEM * size + reflecting * REFLECTION_TOKENS
        found.append(_of(scenario, behavior.model, share, choosing + reflecting, read, written))
    recommender = levered(scenario.recommender.spec()) if scenario.recommender.kind else None
    for talker in talking(recommender) if recommender else ():
        load = talker.load(size)
        questions = round(pages(scenario) * load.questions)
        each = TOKENS_OF_FRAME + TOKENS_PER_ITEM * load.told, TOKENS_ANSWERED_PER_ITEM * load.answered
        found.append(_of(scenario, talker.model, 1.0, questions, questions * each[0], questions * each[1]))
    share = sum(part for _, part in asked)
    if scenario.users.narrator and share:
        count = round(scenario.users.count * share)
        work = (count, count * TOKENS_OF_NARRATING, count * TOKENS_OF_NARRATIVE)
        found.append(_of(scenario, scenario.users.narrator, share, *work))
    return found


def _asked(scenario: Scenario) -> list[tuple[TalkingBehavior, float]]:
    """Return the behaviors that ask language models, with the share of the users who ask."""
    behavior: Behavior = build("behaviors", scenario.behavior.spec())
    members = behavior.shares()
    whole = sum(share for _, share in members)
    asked = [(member, share / whole) for member, share in members if isinstance(member, TalkingBehavior)]
    for member, _ in asked:
        kinds = build("llm", scenario.llm[member.model].spec()).kinds
        if kinds:  # an endpoint is not yet asked what it can do
            member.settle(kinds)
    return asked


def _of(scenario: Scenario, name: str, share: float, questions: int, read: int, written: int) -> Forecast:
    spec = scenario.llm[name].spec()
    model: Any = build("llm", spec)
    price_in, price_out = getattr(model, "price_in", None), getattr(model, "price_out", None)
    cost = None if price_in is None or price_out is None else (read * price_in + written * price_out) / 1e6
    kind = str(spec["kind"])
    at_once = 1 if kind in SERIAL else scenario.engine.concurrency
    speed = 0.0 if kind == "scripted" else SECONDS_PER_QUESTION.get(kind)
    seconds = None if speed is None else questions * speed / at_once
    return Forecast(name, kind, round(scenario.users.count * share), questions, read, written, cost, seconds)
