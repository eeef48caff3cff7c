"""Language models for tests of recommenders that ask one: they answer by a function of the prompt, and keep it."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.llm.base import Answer, Kind, LanguageModel, Prompt
from agents.llm.dispatcher import Dispatcher
from simulator.components import build
from simulator.recommenders.base import Recommender
from simulator.recommenders.planted import GROUP_SIZE, Planted
from simulator.recommenders.talking import lend

WORLD = Planted.shuffled(users=40, length=12)


@dataclass
class Saying(LanguageModel):
    """Say what a function of the prompt says."""

    say: Callable[[Prompt], Answer | str]
    able: frozenset[Kind] = frozenset(("structured", "labels", "likelihood", "beam"))
    asked: list[Prompt] = field(default_factory=list)

    fingerprint = "saying"

    @property
    def kinds(self) -> frozenset[Kind]:
        return self.able

    async def ask(self, prompt: Prompt) -> Answer:
        self.asked.append(prompt)
        await asyncio.sleep(0)
        said = self.say(prompt)
        return said if isinstance(said, Answer) else Answer("ok", text=said)


@contextmanager
def fitted(spec: Mapping[str, Any], model: LanguageModel, world: Planted = WORLD) -> Iterator[Recommender]:
    """Yield a recommender fitted on a planted world that may ask the model."""
    with Dispatcher({"recommender": model}) as voices:
        recommender = lend(build("recommenders", dict(spec)), voices)
        recommender.fit(world.log, world.catalog, rng=np.random.default_rng(0))
        yield recommender


def listed(prompt: Prompt) -> list[str]:
    """Return the titles on offer, in the order of the list."""
    offers = prompt.messages[-1].text.partition("On offer:\n")[2]
    return re.findall(r"^(?:\d+\.|[A-Z]\.|-) (.*)$", offers, re.MULTILINE)


def knowing(prompt: Prompt) -> Answer:
    """Answer as somebody who knows how the planted world was made: what follows the newest title comes first."""
    told = [int(number) for number in re.findall(r"^- item (\d+)$", prompt.messages[-1].text, re.MULTILINE)]
    likely = {f"item {item}": -float(rank) for rank, item in enumerate(_after(told[-1] if told else 0))}
    if prompt.kind == "beam":
        worth = [likely.get(text.strip(), -99.0) for text in prompt.continuations]
        best = sorted(range(len(worth)), key=lambda place: -worth[place])[: prompt.beams]
        return Answer("ok", text=json.dumps([[place, worth[place]] for place in best]))
    count = json.loads(prompt.schema)["properties"]["titles"]["minItems"]
    fresh = [title for title in likely if int(title[5:]) not in told]
    return Answer("ok", text=json.dumps({"titles": fresh[:count]}))


_NUMBERING = WORLD.numbering
_PLANTED = np.argsort(_NUMBERING)


def _after(item: int) -> list[int]:
    """Return the items of the group in the order in which its cycle goes on from here, then all others."""
    group, place = divmod(int(_PLANTED[item]), GROUP_SIZE)
    cycle = [group * GROUP_SIZE + (place + step) % GROUP_SIZE for step in range(1, GROUP_SIZE + 1)]
    rest = [other for other in range(len(_NUMBERING)) if other // GROUP_SIZE != group]
    return [int(found) for found in _NUMBERING[[*cycle, *rest]]]
