"""Semantic IDs that share their codes evenly."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.levers.base import Lever, holder
from simulator.recommenders.base import Recommender, State
from simulator.recommenders.linear import taken
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer


@dataclass
class CodebookRebalancing(Lever):
    """Move items from crowded codes to the most fitting of the others (compare LC-Rec's uniform codes, ICDE 2024).

    Crowded codes are those of popular items' neighborhoods; what a generator learns of a code it learns for all of
    them. The items moved are those least like the rest of their code, by who took them.

    strength: how far the most crowded code of each digit is brought from its size to an even share.
    """

    strength: Annotated[float, Field(ge=0, le=1)]

    def changed(self, recommender: Recommender) -> Recommender:
        """Return the recommender with its tokenizer wrapped."""
        part = holder(recommender, "tokenizer", "codebook_rebalancing")
        part.tokenizer = Balanced(part.tokenizer, self.strength)
        return recommender


@dataclass
class Balanced(Tokenizer):
    """Even out the codes that another tokenizer gives."""

    inner: Tokenizer
    strength: float

    def __post_init__(self) -> None:
        self.digits, self.codes = self.inner.digits, self.inner.codes

    def fit(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        """Fit the tokenizer."""
        self.inner.fit(log, catalog, rng)

    def encode(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> Ints:
        """Return the tokenizer's codes, evened out digit by digit."""
        codes = self.inner.encode(log, catalog, rng).copy()
        coded = np.flatnonzero(codes[:, 0] != NO_CODE)
        matrix = sparse.csr_array(taken(log, len(codes))[:, coded])
        unit = sparse.csr_array(matrix @ sparse.diags_array(1 / np.sqrt(np.maximum(matrix.sum(axis=0), 1.0))))
        for digit in range(codes.shape[1]):
            codes[coded, digit] = evened(codes[coded, digit], unit, self.codes, self.strength)
        return codes

    def state(self) -> State:
        """Return the tokenizer's state."""
        return self.inner.state()

    def load_state(self, state: State) -> None:
        """Hand it on."""
        self.inner.load_state(state)


def evened(member: Ints, unit: sparse.csr_array, codes: int, strength: float) -> Ints:
    """Return the code of each item (a column of ``unit``, of length 1) with none above the size allowed.

    That size lies between the largest there is and an even share, by ``strength``.
    """
    size = np.bincount(member, minlength=codes)
    even, largest = -(-len(member) // codes), int(size.max(initial=0))
    room = even + int((1 - strength) * (largest - even))
    likeness = _likeness(member, size, unit)
    mine = likeness[np.arange(len(member)), member]
    order = np.lexsort((-mine, member))  # each code's items together, those most like the rest first
    place = np.arange(len(member)) - np.searchsorted(member[order], member[order])
    member, size = member.copy(), np.minimum(size, room)
    for item in order[place >= room].tolist():
        member[item] = int(np.where(size < room, likeness[item], -np.inf).argmax())
        size[member[item]] += 1
    return member


def _likeness(member: Ints, size: Ints, unit: sparse.csr_array) -> Floats:
    """Return (items, codes): the mean cosine of each item with those of each code."""
    share = 1 / np.maximum(size, 1)[member]
    belongs = sparse.csr_array((share, (np.arange(len(member)), member)), shape=(len(member), len(size)))
    return np.asarray((unit.T @ (unit @ belongs)).toarray())
