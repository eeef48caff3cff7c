"""What users look for when they search: a mood for a genre, drawn from their tastes at each visit."""

from dataclasses import dataclass

import numpy as np

from agents.schema import Draws, Floats, Ints, Setting
from agents.traits import Singles


@dataclass(frozen=True)
class Needs:
    """The genre each user is in the mood for; the chance of a genre grows with exp(taste)."""

    genres: tuple[str, ...]
    tastes: Singles
    draws: Draws

    @classmethod
    def of(cls, setting: Setting) -> "Needs":
        """Return the needs of a setting's users."""
        traits = setting.personas.traits
        return cls(traits.genres, traits.tastes, setting.draws)

    def mood(self, rows: Ints, visits: Ints, drift: Singles | None = None) -> Ints:
        """Return, per user, which of ``genres`` it is after on its visit of that number (Gumbel-max).

        ``drift`` is how far the tastes of each have moved.
        """
        tastes = self.tastes[rows] if drift is None else self.tastes[rows] + drift
        chance: Floats = self.draws.uniform("mood", rows[:, None], visits[:, None], np.arange(len(self.genres)))
        return np.asarray(np.argmax(tastes - np.log(-np.log(chance + 2.0**-54)), axis=1))
