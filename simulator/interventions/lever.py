"""A lever switched in mid-run."""

from dataclasses import dataclass, replace

from agents.errors import InvalidInput
from simulator.components import describe
from simulator.interventions.base import Deed, Intervention, Scene, Terms
from simulator.levers.base import Lever as AnyLever
from simulator.levers.base import parted
from simulator.scenario import Duration


@dataclass
class Lever(Intervention):
    """Switch a lever on, outermost, or off where the recommender has it.

    The recommender keeps what it learned where the lever changes lists; where it changes training, a fresh one is
    fitted on all that was logged.

    at: when.
    until: when it is switched back (none: never).
    lever: the lever.
    on: whether it is switched on, or off.
    """

    at: Duration
    lever: AnyLever
    until: Duration | None = None
    on: bool = True

    def terms(self, terms: Terms) -> Terms:
        """Return the terms with, or without, the lever; raise InvalidInput where there is none to switch off."""
        _, levers = parted(terms.recommender)
        before, mine = [describe("levers", lever) for lever in levers], describe("levers", self.lever)
        if not self.on and mine not in before:
            kinds = ", ".join(lever["kind"] for lever in before) or "none"
            raise InvalidInput(f"there is no such lever to switch off; in force are: {kinds}")
        after = [*before, mine] if self.on else [lever for lever in before if lever != mine]
        return replace(terms, recommender={**terms.recommender, "levers": after})

    def act(self, event: str, scene: Scene) -> Deed:
        """Say which."""
        spec = describe("levers", self.lever)
        on = self.on == (event == "begin")
        return Deed((f"{spec['kind']} {'on' if on else 'off'}, strength {self.lever.strength:g}",))
