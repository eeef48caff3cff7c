"""What is in force when, as far as a scenario alone says it, and whether that can be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.errors import InvalidInput, MissingResource
from simulator.components import build, kind_of
from simulator.interventions.base import NEVER, Intervention, Terms, Timetable
from simulator.levers.base import levered, nested
from simulator.problems import Problem
from simulator.recommenders.base import Recommender
from simulator.scenario import Scenario, duration
from simulator.truth import NO_USERS, Minds, reveal

ORDER = ("end", "begin")
"""Of one moment: what ends first, then what begins, then the rest."""


@dataclass(frozen=True)
class Moment:
    """One act of one intervention."""

    now: float
    event: str
    place: int
    """Of the intervention in the file."""

    @property
    def order(self) -> tuple[float, int, int]:
        """Return what moments are sorted by."""
        return self.now, ORDER.index(self.event) if self.event in ORDER else len(ORDER), self.place


def listed(scenario: Scenario) -> tuple[Intervention, ...]:
    """Return a scenario's interventions."""
    return tuple(build("interventions", component.spec()) for component in scenario.interventions)


def moments(interventions: Sequence[Intervention], end: float) -> tuple[Moment, ...]:
    """Return all that will happen before ``end``, in order."""
    every = (Moment(now, event, n) for n, one in enumerate(interventions) for now, event in one.moments(end))
    return tuple(sorted((moment for moment in every if moment.now < end), key=lambda moment: moment.order))


def usual(scenario: Scenario) -> Terms:
    """Return how the platform serves while no intervention is in force."""
    section = scenario.recommender
    return Terms(section.spec(), Timetable.of(section), section.slate_size)


def course(scenario: Scenario) -> Iterator[tuple[int, Terms]]:
    """Yield the terms after each change of what is in force, with the intervention that brought it about."""
    interventions, force = listed(scenario), Force()
    for moment in moments(interventions, scenario.end):
        force = force.after(moment)
        yield moment.place, force.terms(usual(scenario), interventions)


@dataclass(frozen=True)
class Force:
    """Which interventions are in force, by their places."""

    places: tuple[int, ...] = ()

    def after(self, moment: Moment) -> "Force":
        """Return what is in force after a moment."""
        if moment.event == "begin":
            return Force(tuple(sorted((*self.places, moment.place))))
        return Force(tuple(place for place in self.places if place != moment.place or moment.event != "end"))

    def terms(self, usual: Terms, interventions: Sequence[Intervention]) -> Terms:
        """Return the usual terms as changed by what is in force, in the order of the file."""
        for place in self.places:
            usual = interventions[place].terms(usual)
        return usual


def untimely(scenario: Scenario) -> list[Problem]:
    """Return what is wrong with interventions that are sound by themselves: their time, or what they would change."""
    found = []
    for place, one in enumerate(listed(scenario)):
        if one.at >= scenario.end:
            late = f"{duration(one.at)} is not before the end of the run: days is {scenario.days:g}"
            found.append(Problem(("interventions", place, "at"), late))
        if one.needs_ties and scenario.social is None:
            found.append(Problem(("interventions", place), "users have no friends to hear from; add a social section"))
    if not found and scenario.recommender.kind:
        found = [problem for place, terms in course(scenario) for problem in _impossible(place, terms, scenario)]
    return list(dict.fromkeys(found))


def _impossible(place: int, terms: Terms, scenario: Scenario) -> Iterator[Problem]:
    """Yield the problem of terms that no platform could keep to."""
    try:
        recommender = levered(terms.recommender)
        reveal(
            recommender, lambda: Minds([b for b, _ in build("behaviors", scenario.behavior.spec()).shares()], NO_USERS)
        )
        *_, innermost = nested(recommender)
        if terms.timetable.update != NEVER and type(innermost).update is Recommender.update:
            kind = kind_of("recommenders", type(innermost))
            yield Problem(
                ("interventions", place), f"{kind} takes nothing in between refits, and updates are asked for"
            )
    except InvalidInput as error:
        yield Problem(("interventions", place), str(error))
    except MissingResource:
        pass  # the environment's matter, not the file's
