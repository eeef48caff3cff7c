"""What the platform's recommender is trained on, and when."""

import numpy as np

from agents.errors import InvalidInput
from agents.schema import Floats, Ints
from simulator.catalog import Interactions
from simulator.checkpoint import prefixed
from simulator.fits import Fits
from simulator.interventions.base import NEVER, Timetable
from simulator.log import Refit, Update
from simulator.recommenders.base import Progress, Recommender, State, under
from simulator.scenario import RecommenderSection


class Learning:
    """The platform's log, the recommender made from it, and when the next one is due."""

    def __init__(
        self, section: RecommenderSection, fits: Fits, known: Interactions, timetable: Timetable, progress: Progress
    ) -> None:
        self.fits = fits
        self.timetable = timetable
        self._section = section
        self._progress = progress
        self._log = [known]
        self._began = 0.0
        """When the timetable came into force."""
        self._turns: Ints = np.zeros(2, dtype=np.int64)
        """Refits and updates since then whose time has come."""
        self._learned = 0.0
        """What was logged before this moment is in the recommender."""
        self.check()

    def check(self) -> None:
        """Raise InvalidInput where updates are due that the recommender cannot take in."""
        if self.timetable.update != NEVER and not self.fits.updates:
            raise InvalidInput(
                f"recommender.update: {self.fits.kind} takes nothing in between refits; "
                "remove the key, or use a recommender that does (sasrec, hstu, semantic_id)"
            )

    # -- when -----------------------------------------------------------------------------------------

    def due(self) -> tuple[float, float]:
        """Return when the next refit and the next update are due; where both are, the refit takes in everything."""
        refit, update = self._began + (self._turns + 1) * self.timetable
        return float(refit), float(update)

    def turn(self, *, refit: bool, update: bool) -> None:
        """Count that their time has come."""
        self._turns += [refit, update]

    def reschedule(self, now: float, timetable: Timetable) -> None:
        """Let another timetable come into force."""
        if timetable != self.timetable:
            self.timetable, self._began, self._turns = timetable, now, np.zeros(2, dtype=np.int64)

    # -- what -----------------------------------------------------------------------------------------

    def take(self, user_id: Ints, item_id: Ints, rating: Floats, now: Floats) -> None:
        """Take what users did into the log."""
        self._log.append(Interactions(user_id, item_id, rating, now, np.ones(len(item_id), bool)))

    def refit(self, now: float, before: Recommender | None, number: int) -> tuple[Recommender, Refit]:
        """Fit on what was logged before now."""
        log = self._logged(now)
        fitted = self.fits.fit(number, log, before, self._progress)
        self._learned = now
        warm = before is not None and self.fits.continues
        return fitted, Refit(now, number, self.fits.kind, len(log), int(log.is_synthetic.sum()), warm)

    def update(self, now: float, before: Recommender, number: int) -> tuple[Recommender, Update]:
        """Take in what was logged since the last refit or update."""
        log = self._logged(now)
        events = log.take(log.is_synthetic & (log.time >= self._learned))
        fitted = self.fits.update(number, events, before)
        self._learned = now
        return fitted, Update(now, number, self.fits.kind, len(events))

    def relever(self, now: float, before: Recommender, number: int) -> tuple[Recommender, Refit]:
        """Keep what the recommender learned, and let its levers learn what they need of what was logged before now."""
        log = self._logged(now)
        fitted = self.fits.relever(number, log, before)
        return fitted, Refit(now, number, self.fits.kind, len(log), int(log.is_synthetic.sum()), True)

    def _logged(self, now: float) -> Interactions:
        """Return what a refit may learn from, and forget what no later one will."""
        log = Interactions.concatenate(self._log)
        window = self._section.fit_window
        if window is not None:
            log = log.take(~log.is_synthetic | (log.time >= now - window))
        self._log = [log]
        return log.take(~log.is_synthetic | (log.time < now))

    # -- where it stands ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes, the recommender excepted, as arrays."""
        log = Interactions.concatenate(self._log)
        self._log = [log]
        return (
            {"turns": self._turns, "learned": np.array(self._learned), "began": np.array(self._began)}
            | {"timetable": np.array(self.timetable)}
            | prefixed("log", {name: getattr(log, name) for name in Interactions.__annotations__})
        )

    def load_state(self, state: State) -> None:
        """Become the learning that returned this state."""
        self._turns, self._learned = np.array(state["turns"]), float(state["learned"])
        self._began, self.timetable = float(state["began"]), Timetable(*np.asarray(state["timetable"]).tolist())
        self._log = [Interactions(**under("log.", state))]  # type: ignore[arg-type]
