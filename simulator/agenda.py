"""What is to happen to the platform when, and what is in force."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Bools, Floats, Ints
from simulator.catalog import Catalog
from simulator.checkpoint import prefixed
from simulator.components import kind_of
from simulator.course import Force, Moment, listed, moments, usual
from simulator.interventions.base import NEVER, Deed, Scene, Terms
from simulator.log import Act
from simulator.recommenders.base import State, under
from simulator.scenario import Scenario
from simulator.seeds import Streams


class Agenda:
    """Let interventions act at their moments, and keep what they changed.

    ``popularity`` are the public counts at time 0 as if every item had always been there.
    """

    def __init__(
        self, scenario: Scenario, catalog: Catalog, popularity: Floats, n_users: int, scale: tuple[float, float, float]
    ) -> None:
        self._interventions = listed(scenario)
        self._kinds = [kind_of("interventions", type(one)) for one in self._interventions]
        self._usual = usual(scenario)
        self._moments = moments(self._interventions, scenario.end)
        self._done = 0
        """Moments that have passed."""
        self._force = Force()
        nothing: Ints = np.zeros(len(catalog), dtype=np.int64)
        none = np.zeros((len(self._interventions), len(catalog)), dtype=np.bool_)
        self._kept: list[State] = [{} for _ in self._interventions]
        self._withheld = none
        self._shown = nothing
        self._last: tuple[Floats, Ints] = (np.zeros(0), np.zeros((0, 1), dtype=np.int64))
        """Moments and slates of the pages counted last."""
        self._scene = Scene(
            0.0, catalog, popularity, nothing, nothing > 0, {}, n_users, scale, Streams(scenario.seed), 0
        )
        for place in range(len(self._interventions)):
            self._withheld[place] = self._prepared(place)
        self._arrival: Floats = (
            np.zeros(len(catalog)) if catalog.released is None else np.maximum(catalog.released, 0.0)
        )
        """When each item comes on offer by itself."""
        self.unreleased: Bools = self._withheld.any(axis=0) | (self._arrival > 0)
        """Items that nobody knew of at time 0."""
        self.released: Floats = self._arrival.copy()
        """When each item came on offer, or was let in after that."""

    def __bool__(self) -> bool:
        return bool(self._interventions)

    def _prepared(self, place: int) -> Bools:
        try:
            return self._interventions[place].prepare(self._at(place))
        except InvalidInput as error:
            raise InvalidInput(f"interventions.{place}: {self._kinds[place]}: {error}") from None

    @property
    def next(self) -> float:
        """Return when something happens next, NEVER if nothing does."""
        return self._moments[self._done].now if self._done < len(self._moments) else NEVER

    @property
    def terms(self) -> Terms:
        """Return how the platform serves now."""
        return self._force.terms(self._usual, self._interventions)

    @property
    def withheld(self) -> Ints:
        """Return the items that are shown to nobody, ascending."""
        return np.flatnonzero(self._withheld.any(axis=0))

    def see(self, now: Floats, item_id: Ints) -> None:
        """Count what was shown: (B,) moments and (B, K) slates of pages that follow those counted before."""
        self._last = now, item_id
        self._shown = self._shown + self._times(item_id)

    def turn(self, moment: float, popularity: Floats) -> Iterator[tuple[int, list[Act], Deed]]:
        """Let everything act whose time has come; yield its number, its rows of the log, what is to be done."""
        while self.next <= moment:
            due = self._moments[self._done]
            self._done += 1
            self._force = self._force.after(due)
            scene = replace(self._at(due.place), now=due.now, popularity=popularity, shown=self._shown_before(due.now))
            deed = self._interventions[due.place].act(due.event, scene)
            self._keep(due, deed)
            kind = self._kinds[due.place]
            acts = [Act(due.now, due.place, kind, due.event, detail) for detail in deed.details]
            yield self._done, acts, deed

    def _at(self, place: int) -> Scene:
        nth = Counter(self._kinds[:place])[self._kinds[place]]
        return replace(self._scene, withheld=self._withheld[place], kept=self._kept[place], nth=nth)

    def _keep(self, due: Moment, deed: Deed) -> None:
        self._kept[due.place] = deed.kept
        if deed.withheld is not None:
            let_in = self._withheld[due.place] & ~deed.withheld
            self.released[let_in] = np.maximum(self._arrival[let_in], due.now)
            self._withheld[due.place] = deed.withheld

    def _shown_before(self, now: float) -> Ints:
        """Return how often items were shown before a moment of the window that was counted last."""
        moment, slates = self._last
        return self._shown - self._times(slates[moment >= now])

    def _times(self, item_id: Ints) -> Ints:
        return np.bincount(item_id[item_id >= 0].astype(np.int64), minlength=len(self._shown))

    # -- where it stands ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes, as arrays."""
        kept = (prefixed(f"kept{place}", state) for place, state in enumerate(self._kept))
        return _joined(kept) | {
            "done": np.array(self._done),
            "force": np.array(json.dumps(self._force.places)),
            "withheld": self._withheld,
            "shown": self._shown,
            "released": self.released,
        }

    def load_state(self, state: State) -> None:
        """Become the agenda that returned this state."""
        self._done, self._force = int(state["done"]), Force(tuple(json.loads(str(state["force"]))))
        self._withheld, self.released = np.array(state["withheld"]), np.array(state["released"])
        self._shown = np.asarray(state["shown"], dtype=np.int64)
        self._kept = [under(f"kept{place}.", state) for place in range(len(self._interventions))]


def _joined(states: Iterable[State]) -> State:
    return {key: value for state in states for key, value in state.items()}
