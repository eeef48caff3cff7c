"""The platform under test: what it knows, what it shows next, and when that changes."""

import math
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import simpy

from agents.errors import InvalidInput
from agents.llm.base import Answer, Prompt
from agents.schema import Action, Floats, Ints
from simulator.agenda import Agenda
from simulator.cast import Cast
from simulator.checkpoint import prefixed
from simulator.fits import Fits
from simulator.interventions.base import NEVER, Opinions
from simulator.learning import Learning
from simulator.levers.base import described
from simulator.log import Refit, Update, llm_call
from simulator.opening import PLATFORM, Opening, note_opening, released
from simulator.recommenders.base import Progress, Recommender, State, silent, under
from simulator.record import Columns, Record
from simulator.scenario import Scenario
from simulator.seeds import Streams
from simulator.social import Social
from simulator.truth import Minds, reveal
from simulator.window import Version

FOLDED = ("user_id", "now", "item_id", "action", "rating")
"""What of a page becomes known to the platform."""


class World:
    """Shared state with a single writer: users (``crowd.py``) read ``Version`` objects, commits make new ones."""

    def __init__(self, scenario: Scenario, cast: Cast, fits: Fits, progress: Progress = silent) -> None:
        self.scenario = scenario
        self.cast = cast
        self.streams = Streams(scenario.seed)
        self.record = Record(scenario.platform.window)
        self._agenda = Agenda(
            scenario, cast.catalog, cast.setting.popularity, len(cast.setting.personas), cast.dataset.scale
        )
        self._popularity = np.where(self._agenda.unreleased, 0.0, cast.setting.popularity)
        self.opening = Opening(released(cast.known, self._agenda.unreleased), self._popularity)
        self.social = Social(scenario.social, cast.setting, self.streams) if scenario.social else None
        self.tips: list[Columns] = []
        """What users told friends in the window committed last."""
        note_opening(self.record, cast, self.opening, self.social)
        timetable = self._agenda.terms.timetable
        self._learning = Learning(scenario.recommender, fits, self.opening.known, timetable, progress)
        self.version: Version
        """What the next commit publishes."""
        fits.overheard(self._note_call)
        self._publish(*self._learning.refit(0.0, None, 0))
        self._start(0.0)

    def _start(self, now: float) -> None:
        """Let the platform's own clock run from a moment on."""
        self.env = simpy.Environment(initial_time=now)
        if self._learns:
            self.env.process(self._developing())

    @property
    def _learns(self) -> bool:
        """Tell whether what users do is ever taken in."""
        section = self.scenario.recommender
        return section.retrain != "never" or section.update != "never" or bool(self._agenda)

    # -- windows of time ------------------------------------------------------------------------------

    @property
    def last_window(self) -> int:
        """Return the window in which the run ends."""
        return math.ceil(self.scenario.end / self.scenario.platform.window) - 1

    def end_of(self, window: int) -> float:
        """Return the moment at which a window ends, and with the last one the run."""
        return min((window + 1) * self.scenario.platform.window, self.scenario.end)

    def over(self, window: int, passed: float) -> bool:
        """Tell whether a window of this run is over for users who have all passed a moment."""
        return window <= self.last_window and self.end_of(window) <= passed

    # -- what becomes of it -----------------------------------------------------------------------

    def commit(self, window: int) -> dict[str, pa.Table]:
        """Fold a window's pages, let the platform's own clock run to the window's end; return the window's rows."""
        self.tips = []
        pages = self.record.pages(window)
        if pages is not None:
            user_id, now, item_id, action, rating = (pages[name] for name in FOLDED)
            self.fold(user_id, now, item_id, action, rating, pages.get("feedback"))
        self.env.run(until=(window + 1) * self.scenario.platform.window)
        return self.record.tables(window, pages)

    def fold(
        self, user_id: Ints, now: Floats, item_id: Ints, action: Any, rating: Floats, feedback: Any = None
    ) -> None:
        """Take pages, in canonical order, into the platform's log, the public counts and what friends are told."""
        if self._agenda:
            self._agenda.see(now, item_id)
        watched = action == Action.WATCH
        if not watched.any():
            return
        owner = np.repeat(np.arange(len(watched)), watched.sum(axis=1))
        items = item_id[watched].astype(np.int64)
        if self.social:
            said = None if feedback is None else feedback[watched]
            self._note_tips(self.social.spread(user_id[owner], items, rating[watched], now[owner], said))
        self._take(user_id[owner], items, rating[watched], now[owner])

    def _note_call(self, model: str, prompt: Prompt, answer: Answer) -> None:
        """Record a question that a recommender asked while it made a page."""
        row = llm_call((model, prompt, answer), prompt.now, prompt.user_id, prompt.decision, answer.status)
        columns = {name: np.array([value]) for name, value in row._asdict().items()}
        self.record.add("llm_calls", columns["now"], columns["user_id"], columns["decision"], columns)

    def _note_tips(self, tips: Columns) -> None:
        self.tips.append(tips)
        self.record.add("tips", tips["now"], tips["user_id"], tips["item_id"], tips)

    def _take(self, user_id: Ints, item_id: Ints, rating: Floats, now: Floats) -> None:
        """Take interactions into the log, and into the public counts where these grow."""
        if self._learns:
            self._learning.take(user_id, item_id, rating, now)
        if self.scenario.platform.popularity == "live":
            self._popularity = self._popularity + np.bincount(item_id, minlength=len(self._popularity))
            self.version = replace(self.version, popularity=self._popularity)

    def _developing(self) -> Generator[simpy.Event, None, None]:
        """Refit at fixed intervals on everything logged before, update in between, let interventions act."""
        while True:
            refit, update = self._learning.due()
            moment = min(refit, update, self._agenda.next)
            if moment == NEVER:
                return
            yield self.env.timeout(moment - self.env.now)
            self._learning.turn(refit=refit == moment, update=update == moment)
            self._intervene(moment)
            self._learn(self.env.now, refit=refit == moment, update=update == moment)

    def _intervene(self, moment: float) -> None:
        """Let interventions act whose time has come."""
        for number, acts, deed in self._agenda.turn(moment, self._popularity):
            for act in acts:
                self.record.row("interventions", act.now, PLATFORM, number, act)
            if deed.opinions:
                self._voice(moment, deed.opinions)
        if self._agenda:
            withheld, terms = self._agenda.withheld, self._agenda.terms
            self.version = replace(self.version, withheld=withheld, open=terms.open, released=self._released())
            self._learning.reschedule(moment, terms.timetable)

    def _voice(self, now: float, opinions: Opinions) -> None:
        """Let users hear of items, or the platform take ratings for theirs."""
        user_id, item_id, moment = opinions.user_id, opinions.item_id, np.full(len(opinions.user_id), now)
        if opinions.rating is not None:
            self._take(user_id, item_id, opinions.rating, moment)
        elif self.social:
            self._note_tips(self.social.whisper(user_id, item_id, moment))

    def _learn(self, now: float, *, refit: bool, update: bool) -> None:
        """Make the next version where that is due, or where the recommender has become another one."""
        fits, spec, number = self._learning.fits, self._agenda.terms.recommender, self.version.number + 1
        changed, kept = described(spec) != fits.spec, fits.keeps(spec)
        if changed:
            fits.use(spec)
            self._learning.check()
        if refit or not kept:
            self._publish(*self._learning.refit(now, self.version.recommender if kept else None, number))
            return
        if changed:
            self._publish(*self._learning.relever(now, self.version.recommender, number))
        if update:
            number = self.version.number + 1
            self._publish(*self._learning.update(now, self.version.recommender, number))

    def _publish(self, fitted: Recommender, row: Refit | Update) -> None:
        """Serve with another recommender from the next commit on."""
        fits, terms = self._learning.fits, self._agenda.terms
        withheld, told = self._agenda.withheld, self._told(fitted)
        self.version = Version(
            told,
            row.model_version,
            self._popularity,
            fits.key,
            spec=fits.spec,
            withheld=withheld,
            open=terms.open,
            released=self._released(),
        )
        self.record.row("refits" if isinstance(row, Refit) else "updates", row.now, PLATFORM, row.model_version, row)

    def _released(self) -> Floats:
        return self._agenda.released.copy() if self._agenda else np.zeros(0)

    def _told(self, fitted: Recommender) -> Recommender:
        """Tell an oracle what users want."""
        reveal(fitted, lambda: Minds(self.cast.behaviors, self.cast.member))
        return fitted

    # -- where it stands ------------------------------------------------------------------------------

    def state(self) -> State:
        """Return everything that changes, the recommender excepted, as arrays."""
        return (
            {"now": np.array(self.env.now), "popularity": self._popularity}
            | prefixed("learning", self._learning.state())
            | prefixed("agenda", self._agenda.state())
            | prefixed("social", self.social.state() if self.social else {})
            | prefixed("record", self.record.state())
        )

    def load_state(self, state: State, version: Version) -> None:
        """Become the world that returned this state, when ``version`` was the one to be published next."""
        self._popularity = np.asarray(state["popularity"], dtype=np.float64)
        self._learning.load_state(under("learning.", state))
        self._agenda.load_state(under("agenda.", state))
        if self.social:
            self.social.load_state(under("social.", state))
        self.record.load_state(under("record.", state))
        self.version = replace(version, popularity=self._popularity)
        self._learning.fits.use(version.spec)
        self._learning.fits.key = version.fit
        self._start(float(state["now"]))

    def fitted(self, spec: Mapping[str, Any], number: int, key: str) -> Recommender:
        """Return a recommender fitted before; raise InvalidInput where it is gone."""
        fits = self._learning.fits
        fits.use(spec)
        fitted = fits.again(number, key)
        if fitted is None:
            raise InvalidInput(f"{fits.folder}: refit {number} is missing; remove the folder to begin again")
        return self._told(fitted)
