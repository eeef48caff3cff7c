"""What levers on the objective share: one of its strengths is set before the fit."""

from dataclasses import replace
from typing import ClassVar

from agents.errors import InvalidInput
from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender


class Training(Lever):
    """A lever that sets the strength of its own name in the recommender's ``objective``."""

    name: ClassVar[str]
    preference: ClassVar[bool] = False
    """Whether it is a preference, which recommenders that declare ``learns_preferences = False`` do not learn."""

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its objective changed."""
        part = holder(recommender, "objective", self.name)
        if self.preference and not getattr(part, "learns_preferences", True):
            remedy = "remove the lever, or take another recommender"
            raise InvalidInput(f"{self.name}: {type(part).__name__} learns no preferences; {remedy}")
        part.objective = replace(part.objective, **{self.name: self.strength})
        return recommender
