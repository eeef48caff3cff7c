"""What a tokenizer is: items in, semantic IDs out."""

from abc import ABC, abstractmethod

import numpy as np

from agents.schema import Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import State

NO_CODE = -1
"""Digit of an item without a semantic ID: nobody has taken it."""


class Tokenizer(ABC):
    """Give every item that somebody took a semantic ID: ``digits`` codes in 0..codes-1, shared by similar items.

    Items that come after the fit are placed by what was learned; who uses a tokenizer keeps the IDs items have.
    """

    digits: int
    codes: int

    @abstractmethod
    def fit(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        """Learn what IDs are made of (replaces what was learned)."""

    @abstractmethod
    def encode(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> Ints:
        """Return (items, digits) codes by what was learned, rows of NO_CODE for items nobody took."""

    @abstractmethod
    def state(self) -> State:
        """Return everything learned."""

    @abstractmethod
    def load_state(self, state: State) -> None:
        """Become the tokenizer that returned this state."""


def extended(codes: Ints, fresh: Ints) -> Ints:
    """Return the fresh codes with those that items already had in their place."""
    had = np.flatnonzero(codes[:, 0] != NO_CODE)
    extended = fresh.copy()
    extended[had] = codes[had]
    return extended
