"""The platform under test: what it knows, what it shows, and when that changes."""

from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import simpy

from agents.schema import PAD, Action, Decision, ExitReason, Floats, Ints, Item, Observation, Persona
from agents.user import UserAgent
from simulator.cast import Cast
from simulator.catalog import Interactions
from simulator.components import build, kind_of
from simulator.fits import Fits
from simulator.log import CatalogItem, Refit, Session, Taken, User
from simulator.recommenders.base import Progress, Recommender, Requests, Slates, silent
from simulator.record import PageShown, Record
from simulator.scenario import Scenario
from simulator.seeds import Streams
from simulator.window import Version

PLATFORM = -1
"""Stands where rows carry a user id but the platform acted."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A slate on its way to a user."""

    items: tuple[Item, ...]
    item_id: Ints
    score: Floats
    propensity: Floats
    popularity: tuple[float, ...]
    version: Version


class Trail:
    """What one user has taken, oldest first: grows in place, read without copying."""

    def __init__(self, items: Ints, times: Floats) -> None:
        self.items = array("q", items.tobytes())
        self.times = array("d", times.tobytes())

    def add(self, item: int, time: float) -> None:
        """Append one interaction."""
        self.items.append(item)
        self.times.append(time)


class World:
    """Shared state with a single writer: users read ``Version`` objects, commits make new ones."""

    def __init__(self, scenario: Scenario, cast: Cast, fits: Fits, progress: Progress = silent) -> None:
        self.scenario = scenario
        self.cast = cast
        self.streams = Streams(scenario.seed)
        self.record = Record(scenario.platform.window)
        self.env = simpy.Environment()
        self._fits = fits
        self._progress = progress
        self._log = [cast.known]
        self._popularity = cast.setting.popularity
        self._trails = [Trail(items, times) for items, times in _known_by_user(cast)]
        self._note_cast()
        self._levers = [build("levers", lever.spec()) for lever in scenario.recommender.levers]
        self.version: Version
        """What the next commit publishes."""
        self._refit(0.0, None, 0)
        if scenario.recommender.retrain != "never":
            self.env.process(self._retraining(scenario.recommender.retrain))

    # -- what users get ---------------------------------------------------------------------------

    def serve(self, asks: Sequence[tuple[UserAgent, float, Version]]) -> list[Shown]:
        """Answer slate requests, batched by the recommender version each may see."""
        answers: dict[int, Shown] = {}
        by_version: dict[int, list[int]] = {}
        for place, (_, _, version) in enumerate(asks):
            by_version.setdefault(version.number, []).append(place)
        for places in by_version.values():
            recommender = asks[places[0]][2].recommender
            requests = self._requests([asks[place] for place in places])
            slates = recommender.recommend(requests, self.scenario.recommender.slate_size)
            for row, place in enumerate(places):
                answers[place] = self._shown(slates, row, asks[place][2])
        return [answers[place] for place in range(len(asks))]

    def _shown(self, slates: Slates, row: int, version: Version) -> Shown:
        kept = slates.item_id[row] != PAD
        item_id = slates.item_id[row][kept]
        return Shown(
            items=tuple(self.cast.catalog.items[item] for item in item_id),
            item_id=item_id,
            score=slates.score[row][kept],
            propensity=np.exp(slates.log_propensity[row][kept]),
            popularity=tuple(version.popularity[item_id].tolist()),
            version=version,
        )

    def _requests(self, asks: Sequence[tuple[UserAgent, float, Version]]) -> Requests:
        users = np.array([user.user_id for user, _, _ in asks], dtype=np.int64)
        trails = [self._trails[user] for user in users]
        starts = np.concatenate([[0], np.cumsum([len(trail.items) for trail in trails])]).astype(np.int64)
        history = np.concatenate([np.asarray(trail.items) for trail in trails])
        times = np.concatenate([np.asarray(trail.times) for trail in trails])
        hide = self.scenario.recommender.exclude_seen
        return Requests(
            user_id=users,
            now=np.array([now for _, now, _ in asks]),
            history=history,
            history_time=times,
            starts=starts,
            exclude=history if hide else np.empty(0, dtype=np.int64),
            exclude_starts=starts if hide else np.zeros_like(starts),
            seed=self.streams.words("request", users, [user.decisions for user, _, _ in asks]),
        )

    # -- what users did ---------------------------------------------------------------------------

    def page_happened(self, user: UserAgent, shown: Shown, observation: Observation, decision: Decision) -> PageShown:
        """Record a page and return the row; what the user took is in its own history at once."""
        for item, action in zip(observation.items, decision.actions, strict=True):
            if action == Action.WATCH:
                self._trails[user.user_id].add(item.item_id, observation.now)
        page = PageShown(
            now=observation.now,
            user_id=user.user_id,
            decision=observation.decision,
            session_id=observation.session_id,
            page=observation.page,
            item_id=shown.item_id,
            score=shown.score,
            propensity=shown.propensity,
            popularity_rank=shown.version.popularity_rank[shown.item_id],
            action=decision.actions,
            rating=decision.ratings,
            dwell=decision.dwell,
            decided_by=decision.decided_by,
            call_id=decision.call_id,
            recommender=self.scenario.recommender.kind,
            model_version=shown.version.number,
        )
        self.record.page(page)
        return page

    def session_ended(
        self, user: UserAgent, session_id: int, start: float, end: float, pages: int, reason: ExitReason
    ) -> None:
        """Record a visit."""
        row = Session(session_id, user.user_id, start, end, pages, reason.name.lower(), user.satisfaction, user.fatigue)
        self.record.row("sessions", end, user.user_id, user.visits, row)

    # -- what becomes of it -----------------------------------------------------------------------

    def fold(self, pages: Sequence[PageShown]) -> None:
        """Take pages, in canonical order, into the platform's log and the public counts."""
        taken = [
            (page.user_id, item, rating, page.now)
            for page in pages
            for item, action, rating in zip(page.item_id, page.action, page.rating, strict=True)
            if action == Action.WATCH
        ]
        if not taken:
            return
        users, items, ratings, times = (np.array(column) for column in zip(*taken, strict=True))
        self._log.append(
            Interactions(users.astype(np.int64), items.astype(np.int64), ratings, times, np.ones(len(users), bool))
        )
        if self.scenario.platform.popularity == "live":
            self._popularity = self._popularity + np.bincount(items, minlength=len(self._popularity))
            self.version = replace(self.version, popularity=self._popularity)

    def _retraining(self, every: float) -> Generator[simpy.Event, None, None]:
        """Refit at fixed intervals on everything logged before that moment."""
        while True:
            yield self.env.timeout(every)
            self._refit(self.env.now, self._fitted, self.version.number + 1)

    def _refit(self, now: float, before: Recommender | None, number: int) -> None:
        """Fit on what was logged before now, and make the next version: the fit as the levers bend it."""
        log = self._training_log(now)
        self._fitted = self._fits.fit(number, log, before, self._progress)
        bent: Recommender = self._fitted
        for lever in self._levers:
            bent = lever.wrap(bent)
        self.version = Version(bent, number, self._popularity)
        warm = before is not None and self._fits.continues
        row = Refit(now, number, self.scenario.recommender.kind, len(log), int(log.is_synthetic.sum()), warm)
        self.record.row("refits", now, PLATFORM, number, row)

    def _training_log(self, now: float) -> Interactions:
        log = Interactions.concatenate(self._log)
        self._log = [log]
        keep = ~log.is_synthetic | (log.time < now)
        if self.scenario.recommender.fit_window is not None:
            keep &= ~log.is_synthetic | (log.time >= now - self.scenario.recommender.fit_window)
        return log.take(keep)

    def _note_cast(self) -> None:
        """Record who plays, what is on offer, and what was known at time 0."""
        cast, counts = self.cast, self._popularity.astype(np.int64)
        for persona in cast.personas:
            row = _user(persona, kind_of("behaviors", type(cast.behavior(persona.user_id))))
            self.record.row("users", 0.0, persona.user_id, 0, row)
        for item, name in zip(cast.catalog.items, cast.catalog.names, strict=True):
            entry = CatalogItem(
                item.item_id, name, item.title, "|".join(item.genres), item.year or -1, int(counts[item.item_id])
            )
            self.record.row("items", 0.0, PLATFORM, item.item_id, entry)
        known = cast.known
        columns = (known.user_id, known.item_id, known.rating, known.time)
        for place, taken in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            self.record.row("history", 0.0, PLATFORM, place, Taken(*taken))


def _known_by_user(cast: Cast) -> Iterator[tuple[Ints, Floats]]:
    """Yield (items, times) that the platform knows of each simulated user, oldest first."""
    n_users = len(cast.personas)
    mine = cast.known.take(cast.known.user_id < n_users)
    rows, offsets = mine.by_user(n_users)
    for user in range(n_users):
        chosen = rows[offsets[user] : offsets[user + 1]]
        yield mine.item_id[chosen], mine.time[chosen]


def _user(persona: Persona, behavior: str) -> User:
    """Return the row of a simulated user."""
    return User(
        persona.user_id,
        persona.name,
        persona.source,
        behavior,
        persona.activity,
        persona.conformity,
        persona.diversity,
        persona.mainstreaminess,
        persona.rating_mean,
        persona.rating_sd,
        persona.attention,
        persona.narrative,
    )
