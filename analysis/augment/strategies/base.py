"""What a strategy is told and what it gives."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from agents.llm.base import Answer, Prompt
from analysis.augment.shown import Played
from analysis.augment.source import Source

Mask = npt.NDArray[np.bool_]


class Voice(Protocol):
    """A language model that writes."""

    @property
    def name(self) -> str:
        """Return its fingerprint: what it is, to the byte."""
        ...

    def ask(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Return the answers to prompts, in their order."""
        ...


@dataclass(frozen=True)
class Material:
    """What datasets are made of.

    ``rows`` are the simulated interactions to choose from (analysis.augment.shown.read, those watched), ``baseline``
    is the arm the others are compared with.
    """

    source: Source
    runs: tuple[Played, ...]
    rows: pd.DataFrame
    baseline: str


class Strategy(ABC):
    """Choose simulated interactions, or write texts; the class's dataclass fields are its parameters."""

    writes: ClassVar[bool] = False
    """Whether it needs a language model."""

    @abstractmethod
    def choose(self, material: Material) -> Mask:
        """Return per row of the material whether it is wanted."""

    def describe(self, material: Material, voice: Voice | None) -> list[dict[str, Any]]:
        """Return rows of the table of descriptions (analysis.augment.dataset), without text where none was usable."""
        return []
