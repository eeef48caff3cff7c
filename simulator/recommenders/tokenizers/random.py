"""IDs without meaning: the placebo of every semantic tokenizer."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from agents.schema import Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import State
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer


@dataclass
class Random(Tokenizer):
    """Draw each digit uniformly, so that only chance makes items alike.

    digits: codes per item.
    codes: different codes per digit.
    """

    digits: Annotated[int, Field(ge=1)] = 16
    codes: Annotated[int, Field(ge=2)] = 32

    def fit(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        """Learn nothing."""

    def encode(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> Ints:
        """Return fresh draws."""
        drawn = rng.integers(0, self.codes, (len(catalog), self.digits))
        return np.where(log.counts(len(catalog))[:, None] > 0, drawn, NO_CODE)

    def state(self) -> State:
        """Return nothing."""
        return {}

    def load_state(self, state: State) -> None:
        """Take nothing over."""
