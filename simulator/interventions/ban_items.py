"""Items taken off the platform."""

from dataclasses import dataclass

from agents.schema import Bools
from simulator.interventions.base import Deed, Scene
from simulator.interventions.chosen import Chosen, told
from simulator.scenario import Duration


@dataclass(kw_only=True)
class BanItems(Chosen):
    """Show some items to nobody any more, neither recommended nor found by search.

    at: when.
    """

    at: Duration

    def prepare(self, scene: Scene) -> Bools:
        """Find the items before time starts, so that unknown ones are said then; hold nothing back."""
        self.chosen(scene)
        return super().prepare(scene)

    def act(self, event: str, scene: Scene) -> Deed:
        """Withhold the items, the most popular ones as of now."""
        banned = self.chosen(scene)
        return Deed((told(banned, scene.catalog),), withheld=banned)
