"""Another recommender in mid-run."""

from dataclasses import dataclass, replace

from simulator.components import describe
from simulator.interventions.base import Deed, Intervention, Scene, Terms
from simulator.recommenders.base import Recommender
from simulator.scenario import Duration


@dataclass
class SwitchRecommender(Intervention):
    """Replace the recommender by another one, fitted then on all that was logged; levers stay.

    When it ends, the one before is fitted afresh too.

    at: when.
    until: when the one before comes back (none: never).
    recommender: the other one.
    """

    at: Duration
    recommender: Recommender
    until: Duration | None = None

    def terms(self, terms: Terms) -> Terms:
        """Return the terms with the other recommender."""
        levers = {key: value for key, value in terms.recommender.items() if key == "levers"}
        return replace(terms, recommender=describe("recommenders", self.recommender) | levers)

    def act(self, event: str, scene: Scene) -> Deed:
        """Say which."""
        kind = describe("recommenders", self.recommender)["kind"]
        return Deed((f"to {kind}" if event == "begin" else f"back from {kind}",))
