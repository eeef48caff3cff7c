"""Items that come later."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Bools
from simulator.interventions.base import Deed, Scene
from simulator.interventions.chosen import Chosen, told
from simulator.scenario import Duration


@dataclass(kw_only=True)
class AddItems(Chosen):
    """Hold items of the catalog back until a moment, and then let them in without a past.

    Until then nobody is shown them, and the platform knows no interaction with them: what the data set holds of such is
    left out of its log, of its public counts and of what it knows of users. Recommenders know the whole catalog, its
    texts included, all along; whether they can show what nobody has taken is theirs (``new_items``).

    at: when they are let in.
    """

    at: Duration

    def prepare(self, scene: Scene) -> Bools:
        """Hold the items back."""
        return self.chosen(scene)

    def act(self, event: str, scene: Scene) -> Deed:
        """Let them in."""
        return Deed((told(scene.withheld, scene.catalog),), withheld=np.zeros_like(scene.withheld))
