"""Gated, time-aware weighing of the newest items of a history predicts the next one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from simulator.recommenders.next_item import NextKnownItem

if TYPE_CHECKING:
    from simulator.recommenders.transformer import Unit


@dataclass
class Hstu(NextKnownItem):
    """Predict the next item from content, distance and elapsed time of the newest ones (HSTU, ICML 2024).

    Above 10,000 items, targets are compared with a sample of the catalog.

    epochs: passes over the log in a first fit.
    refit_epochs: passes in a refit that continues from the current state.
    length: newest entries of a history that are read.
    width: size of the network's states.
    blocks: gated units.
    dropout: share of states silenced in training.
    temperature: divides the cosines of predicted and offered items.
    learning_rate: the highest of a fit; refits start at a quarter, updates at a tenth.
    batch: rows per step, of ``length`` or, where histories are short, less.
    reads: entries of the log that a fit reads at most: a large one is passed over less often.
    """

    epochs: Annotated[int, Field(ge=1)] = 20
    refit_epochs: Annotated[int, Field(ge=1)] = 5
    length: Annotated[int, Field(ge=1)] = 50
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    blocks: Annotated[int, Field(ge=1)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    temperature: Annotated[float, Field(gt=0)] = 0.07
    learning_rate: Annotated[float, Field(gt=0)] = 0.004
    batch: Annotated[int, Field(ge=1)] = 25
    reads: Annotated[int, Field(ge=1)] = 10_000_000

    def _layer(self) -> type["Unit"]:
        from simulator.recommenders.transformer import Unit

        return Unit
