"""What a lever is: one knob that changes what any recommender shows."""

from abc import ABC, abstractmethod

from simulator.recommenders.base import Recommender


class Lever(ABC):
    """Wrap a recommender in one that is changed in one declared way, by one strength.

    The wrapper keeps the contract of simulator.recommenders.base in full, so levers compose: each
    wraps what the one before it returned.
    """

    strength: float
    """How much is changed; 0 changes nothing, exactly."""

    def wrap(self, recommender: Recommender) -> Recommender:
        """Return the changed recommender; at strength 0, the recommender itself."""
        return recommender if self.strength == 0 else self.changed(recommender)

    @abstractmethod
    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender changed by a strength other than 0."""
