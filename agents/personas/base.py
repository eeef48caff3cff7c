"""Where personas come from."""

from abc import ABC, abstractmethod
from typing import ClassVar

from agents.persona import Personas
from agents.schema import Draws, Floats, History, Ints, Item


class PersonaSource(ABC):
    """Make the personas of the simulated users."""

    invented: ClassVar[bool] = False
    """Whether the personas are nobody's: such users start without a history."""

    @abstractmethod
    def make(
        self,
        source_user: Ints,
        names: tuple[str, ...],
        history: History,
        items: tuple[Item, ...],
        popularity: Floats,
        draws: Draws,
    ) -> Personas:
        """Return one persona per entry of ``source_user`` (user ids in ``history``, -1: invented).

        ``names`` are the outside names of the data set's users, indexed by user id of ``history``;
        ``popularity`` is the public count per item. Raise InvalidInput if it cannot be done.
        """
