"""A platform that is down."""

from dataclasses import dataclass, replace

from simulator.components import describe
from simulator.interventions.base import Deed, Intervention, Scene, Terms
from simulator.recommenders.base import Recommender
from simulator.scenario import Duration


@dataclass
class Outage(Intervention):
    """Show nothing, or what a fallback recommender makes.

    Users who come find nothing and leave; where there is a fallback, it is fitted on all that was logged, levers do not
    apply to it, and when the outage ends the recommender is fitted afresh.

    at: when it begins.
    until: when it ends.
    fallback: the recommender in its place (none: nothing is shown, nor found by search).
    """

    at: Duration
    until: Duration
    fallback: Recommender | None = None

    def terms(self, terms: Terms) -> Terms:
        """Return the terms of a platform that is closed, or served by the fallback."""
        if self.fallback is None:
            return replace(terms, open=False)
        return replace(terms, recommender=describe("recommenders", self.fallback))

    def act(self, event: str, scene: Scene) -> Deed:
        """Say what is shown."""
        if event == "end":
            return Deed(("over",))
        if self.fallback is None:
            return Deed(("nothing is shown",))
        return Deed((f"{describe('recommenders', self.fallback)['kind']} in place of the recommender",))
