"""What an intervention is: one declared change of the platform at a simulated moment."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.errors import InvalidInput
from agents.schema import Bools, Floats, Ints
from simulator.catalog import Catalog
from simulator.recommenders.base import State
from simulator.scenario import RecommenderSection, duration
from simulator.seeds import Streams

NEVER = math.inf


class Timetable(NamedTuple):
    """Minutes between refits and between updates, NEVER for none."""

    retrain: float
    update: float

    @staticmethod
    def of(section: RecommenderSection) -> "Timetable":
        """Return what a scenario asks for."""
        return Timetable(*(NEVER if e == "never" else float(e) for e in (section.retrain, section.update)))


@dataclass(frozen=True)
class Terms:
    """How the platform serves its users; interventions in force change it one after another, in the order of the file.

    ``recommender`` is a specification with its ``levers``.
    """

    recommender: Mapping[str, Any]
    timetable: Timetable
    slate_size: int
    open: bool = True
    """Whether anything is shown at all."""

    def beneath(self, lever: Mapping[str, Any]) -> "Terms":
        """Return the terms with one more lever, outermost."""
        levers = [*self.recommender.get("levers", ()), lever]
        return replace(self, recommender={**self.recommender, "levers": levers})


@dataclass(frozen=True)
class Scene:
    """What an intervention may look at when it acts: the platform as of ``now``, never a persona."""

    now: float
    catalog: Catalog
    popularity: Floats
    """Public count of each item."""
    shown: Ints
    """How often each item was shown before now."""
    withheld: Bools
    """The items that this intervention keeps off slates so far."""
    kept: State
    """What it asked to be kept when it acted last."""
    n_users: int
    scale: tuple[float, float, float]
    """Lowest and highest rating, and the step between ratings."""
    streams: Streams
    nth: int
    """How many interventions of its kind come before it in the file."""

    def uniform(self, purpose: str, *keys: npt.ArrayLike) -> Floats:
        """Return uniforms in [0, 1) of this intervention's own."""
        return self.streams.uniform(f"intervention {purpose}", self.nth, *keys)


@dataclass(frozen=True)
class Opinions:
    """What users are made to have heard, or to have said; ``rating`` None: friends told them."""

    user_id: Ints
    item_id: Ints
    rating: Floats | None = None


@dataclass(frozen=True)
class Deed:
    """What an intervention did at one moment; each of ``details`` is one row of the log."""

    details: tuple[str, ...]
    withheld: Bools | None = None
    """The items it keeps off slates from now on; None: as before."""
    opinions: Opinions | None = None
    kept: State = field(default_factory=dict)


class Intervention(ABC):
    """Change the platform at the simulated moment ``at``, and back at ``until`` where the class has such a field.

    It acts on the platform's own clock, like a refit: what it changes is committed with the window it falls into, and
    users see it from that window plus ``platform.visibility_lag`` on (at once where that is 0). Where several fall on
    one moment, those that end come first, then the order of the file; a refit due at that moment comes after them. An
    intervention keeps nothing in itself: what it must remember it returns (``Deed``), and gets back (``Scene``).
    """

    at: float
    """Minutes."""

    def __post_init__(self) -> None:
        until = self.end
        if until is not None and until <= self.at:
            raise InvalidInput(f"until: {duration(until)} does not come after at: {duration(self.at)}")

    @property
    def end(self) -> float | None:
        """Return when it ends, None for never."""
        until: float | None = getattr(self, "until", None)
        return until

    @property
    def needs_ties(self) -> bool:
        """Tell whether it makes sense only where the scenario has a ``social`` section."""
        return False

    def moments(self, days_end: float) -> Iterator[tuple[float, str]]:
        """Yield when it acts within a run of so many minutes, and what the log calls that: begin, and end."""
        yield self.at, "begin"
        if self.end is not None:
            yield self.end, "end"

    def prepare(self, scene: Scene) -> Bools:
        """Return the items that nobody knows of until it lets them go, before time starts.

        Raise InvalidInput where its parameters do not suit the catalog.
        """
        return np.zeros(len(scene.catalog), dtype=np.bool_)

    def terms(self, terms: Terms) -> Terms:
        """Return the terms while it is in force, from its begin to its end."""
        return terms

    @abstractmethod
    def act(self, event: str, scene: Scene) -> Deed:
        """Do what is to be done at one of its moments."""
