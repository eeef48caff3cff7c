"""Creators who publish more the more they are shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Bools, Floats, Ints
from simulator.interventions.base import Deed, Intervention, Scene
from simulator.interventions.chosen import first, told
from simulator.scenario import Duration


@dataclass
class Creators(Intervention):
    """Let creators, who own the catalog between them, publish items held back, at a rate that grows with exposure.

    Each item belongs to one creator, drawn by seed. A share of the catalog is held back from the start (as by
    ``add_items``). After every period a creator whose items were shown e times in it, where creators were shown m times
    on average, publishes rate * e / m of its items: the whole part of that, and one more with the chance of the rest.
    Who was not shown publishes nothing, and who has nothing left falls silent.

    at: when the first period begins.
    until: when they stop; what is left is never published (none: they go on).
    count: creators.
    held_back: share of the catalog to be published.
    every: the period.
    rate: items a period that a creator of average exposure publishes.
    """

    at: Duration
    until: Duration | None = None
    count: Annotated[int, Field(ge=1)] = 20
    held_back: Annotated[float, Field(gt=0, lt=1)] = 0.3
    every: Annotated[Duration, Field(ge=1)] = 1440.0
    rate: Annotated[float, Field(gt=0)] = 1.0

    def moments(self, days_end: float) -> Iterator[tuple[float, str]]:
        """Yield the begin, the end of every period, and the end."""
        stop, period = min(self.until or days_end, days_end), 1
        yield self.at, "begin"
        while (moment := self.at + period * self.every) < stop:
            yield moment, "publish"
            period += 1
        if self.until is not None:
            yield self.until, "end"

    def prepare(self, scene: Scene) -> Bools:
        """Hold the share back."""
        draw = scene.uniform("held back", np.arange(len(scene.catalog)))
        return first(np.argsort(draw, kind="stable"), self.held_back)

    def act(self, event: str, scene: Scene) -> Deed:
        """Begin a period, and first publish what the one before it called for."""
        left = f"{told(scene.withheld, scene.catalog)} held back"
        if event == "begin":
            return Deed((f"{self.count} creators, {left}",), kept={"shown": scene.shown})
        if event == "end":
            return Deed((f"{left} for good",))
        exposure = self._exposure(scene)
        published = self._published(exposure, scene)
        details = tuple(
            f"creator {creator}, shown {exposure[creator]:,.0f} times, publishes {told(mine, scene.catalog)}"
            for creator in range(self.count)
            if (mine := published & (self._owner(scene) == creator)).any()
        )
        return Deed(details, withheld=scene.withheld & ~published, kept={"shown": scene.shown})

    def _owner(self, scene: Scene) -> Ints:
        return (scene.uniform("owner", np.arange(len(scene.catalog))) * self.count).astype(np.int64)

    def _exposure(self, scene: Scene) -> Floats:
        """Return how often each creator's items were shown in the period that ends."""
        shown = scene.shown - np.asarray(scene.kept["shown"], dtype=np.int64)
        return np.asarray(np.bincount(self._owner(scene), shown, minlength=self.count), dtype=np.float64)

    def _published(self, exposure: Floats, scene: Scene) -> Bools:
        """Return the items that are published now: of each creator the first it holds, in an order of its own."""
        wanted = self.rate * exposure / max(exposure.mean(), 1e-12)
        period = round((scene.now - self.at) / self.every)
        wanted = np.floor(wanted + scene.uniform("publish", np.arange(self.count), period))
        owner, order = self._owner(scene), scene.uniform("order", np.arange(len(scene.catalog)))
        held = np.flatnonzero(scene.withheld)
        held = held[np.lexsort((order[held], owner[held]))]
        place = np.arange(len(held)) - np.searchsorted(owner[held], owner[held])
        published = np.zeros_like(scene.withheld)
        published[held[place < wanted[owner[held]]]] = True
        return published
