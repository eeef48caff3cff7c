"""What a behavior is: a page in, a decision out, never the world."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from agents.errors import InvalidInput
from agents.llm.base import Answer, Kind, Prompt
from agents.pairs import Pairs
from agents.schema import Decisions, Floats, Observation, Pages, Setting


@dataclass
class Behavior(ABC):
    """Decide what users do with the pages they are shown.

    share: relative number of users who behave like this, where behaviors are mixed.
    """

    share: float = field(default=1.0, kw_only=True)
    asks_watches: ClassVar[bool] = False
    """Whether its pages must say how often their user watched each item before."""

    def __post_init__(self) -> None:
        if not 0 < self.share < float("inf"):
            raise InvalidInput(f"share: {self.share} is not a positive number")

    def prepare(self, setting: Setting) -> None:  # noqa: B027  (an empty default is the point)
        """Learn, once and before time starts, what the behavior learns from training history."""

    @abstractmethod
    def respond(self, pages: Pages) -> Decisions:
        """Answer a batch of pages; a row's answer never depends on the other rows."""

    def appeal(self, pairs: Pairs) -> Floats:
        """Return, per pair, what the chance to watch at the first reading rises with; optional, for an oracle alone."""
        raise NotImplementedError

    def shares(self) -> Sequence[tuple["Behavior", float]]:
        """Return the behaviors users are assigned to, with their shares; itself unless mixed."""
        return ((self, self.share),)

    def assumptions(self) -> dict[str, float | str]:
        """Return the fitted and declared figures the report prints for this behavior."""
        return {}


@dataclass(frozen=True, slots=True)
class Talked:
    """How a conversation with a language model ended; what ``content`` means is its behavior's business."""

    content: Any = None
    call_id: str = ""
    """Content hash of the request that decided."""
    notes: tuple[str, ...] = ()
    """How each answer on the way parsed, for the counters."""


@dataclass
class TalkingBehavior(Behavior):
    """A behavior that asks a language model, one question at a time.

    ``respond`` is its answer without a model (the fallback). ``converse`` begins conversations,
    generators that yield prompts and are sent answers; ``conclude`` makes decisions of how they
    ended. Both work on batches of any composition. A conversation must not touch anything but what
    it was begun with, so that it can be suspended for as long as an answer takes.
    """

    model: str = field(kw_only=True)
    """Name of the entry of the scenario's ``llm`` section that it asks."""

    def settle(self, kinds: frozenset[Kind]) -> None:
        """Choose how to ask, before ``prepare``, from the kinds of prompt the model can answer.

        Raise InvalidInput where the way the scenario names is not among them.
        """

    @property
    def asks_of_pages(self) -> bool:
        """Return whether pages are put to the model; if not, all that it is asked is the catalog, once."""
        return True

    @abstractmethod
    def converse(
        self, pages: Pages, seen: Sequence[Observation], memories: Sequence[str]
    ) -> Sequence[Generator[Prompt, Answer, Talked]]:
        """Begin one conversation per page; ``seen`` are the same pages one by one, ``memories`` the recalled texts."""

    @abstractmethod
    def conclude(self, pages: Pages, ends: Sequence[Talked]) -> Decisions:
        """Return the decisions that finished conversations about these pages came to, row for row."""

    def reading(self) -> Sequence[Generator[Prompt, Answer, Any]]:
        """Return the conversations by which the model reads the catalog before anything else; none by default."""
        return ()

    def read(self, outcomes: Sequence[Any]) -> None:
        """Take in what reading the catalog returned, in its order."""

    def calibration(self) -> Sequence[Generator[Prompt, Answer, Any]]:
        """Return the conversations that calibrate the model before time starts, held side by side; none by default."""
        return ()

    def calibrate(self, outcomes: Sequence[Any]) -> None:
        """Take in what the calibration's conversations returned, in their order."""
