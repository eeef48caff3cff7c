"""Another rhythm of training."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from agents.errors import InvalidInput
from simulator.interventions.base import NEVER, Deed, Intervention, Scene, Terms, Timetable
from simulator.scenario import Duration, duration

Some = Annotated[Duration, Field(gt=0)]


@dataclass
class Retraining(Intervention):
    """Change how often the recommender is trained; times count from the moment of the change.

    at: when.
    until: when the schedule before comes back (none: never).
    retrain: simulated time between refits (none: as before).
    update: simulated time between cheap updates (none: as before).
    """

    at: Duration
    until: Duration | None = None
    retrain: Some | Literal["never"] | None = None
    update: Some | Literal["never"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.retrain is None and self.update is None:
            raise InvalidInput("nothing changes; give retrain, update, or both")

    def terms(self, terms: Terms) -> Terms:
        """Return the terms with the other timetable."""
        pairs = zip((self.retrain, self.update), terms.timetable, strict=True)
        every = (old if new is None else NEVER if isinstance(new, str) else new for new, old in pairs)
        return replace(terms, timetable=Timetable(*every))

    def act(self, event: str, scene: Scene) -> Deed:
        """Say what changes."""
        said = [
            f"{name} {value if isinstance(value, str) else 'every ' + duration(value)}"
            for name, value in (("retrain", self.retrain), ("update", self.update))
            if value is not None
        ]
        return Deed((", ".join(said),))
