"""Generative recommendation by semantic IDs whose digits are predicted in parallel."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from agents.schema import Bools, Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import State, under
from simulator.recommenders.next_item import NextItem
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer, extended
from simulator.recommenders.tokenizers.product import Product

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.semantic_network import SemanticNetwork
    from simulator.recommenders.transformer import SequenceNetwork


@dataclass
class SemanticId(NextItem):
    """Generate the next item's semantic ID, all digits at once, and score the catalog exactly (RPG, KDD 2025).

    tokenizer: what gives items their IDs.
    epochs: passes over the log in a first fit.
    refit_epochs: passes in a refit that continues from the current state.
    length: newest entries of a history that are read.
    width: size of the network's states.
    blocks: transformer blocks.
    dropout: share of states silenced in training.
    temperature: divides the cosines of predicted and offered codes.
    learning_rate: the highest of a fit; refits start at a quarter, updates at a tenth.
    batch: rows per step, of ``length`` or, where histories are short, less.
    reads: entries of the log that a fit reads at most: a large one is passed over less often.
    """

    tokenizer: Tokenizer = field(default_factory=Product)
    epochs: Annotated[int, Field(ge=1)] = 40
    refit_epochs: Annotated[int, Field(ge=1)] = 5
    length: Annotated[int, Field(ge=1)] = 20
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    blocks: Annotated[int, Field(ge=1)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    temperature: Annotated[float, Field(gt=0)] = 0.07
    learning_rate: Annotated[float, Field(gt=0)] = 0.004
    batch: Annotated[int, Field(ge=1)] = 64
    reads: Annotated[int, Field(ge=1)] = 10_000_000
    _codes: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 1), dtype=np.int64))

    def _known(self) -> Bools:
        return np.asarray(self._codes[:, 0] != NO_CODE)

    def _prepare(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        """Tokenize; with a network already there, keep its items' IDs and give new items theirs."""
        super()._prepare(log, catalog, rng)
        if self._network is None:
            self.tokenizer.fit(log, catalog, rng)
        self._codes = extended(self._codes, self.tokenizer.encode(log, catalog, rng))

    def _new_network(self) -> "SemanticNetwork":
        import torch

        from simulator.recommenders.semantic_network import SemanticNetwork

        return SemanticNetwork(
            torch.from_numpy(self._codes),
            self.tokenizer.codes,
            length=self.length,
            width=self.width,
            blocks=self.blocks,
            dropout=self.dropout,
            temperature=self.temperature,
        )

    def _item_scores(self, network: "SequenceNetwork", hidden: "Tensor") -> Floats:
        """Return the mean log-probability of each item's digits."""
        from simulator.recommenders.semantic_network import SemanticNetwork

        assert isinstance(network, SemanticNetwork)
        return np.asarray(network.digit_scores(hidden))

    def state(self) -> State:
        """Return IDs, counts, and the tensors of tokenizer and network under their prefixes."""
        tokenizer = {f"tokenizer.{name}": value for name, value in self.tokenizer.state().items()}
        offered = np.full(self._codes.shape[1], self.tokenizer.codes)
        return {"codes": self._codes, "offered": offered, **tokenizer, **super().state()}

    def load_state(self, state: State) -> None:
        """Take over IDs, tokenizer, counts and network."""
        self._codes = np.asarray(state["codes"], dtype=np.int64)
        self.tokenizer.load_state(under("tokenizer.", state))
        super().load_state(state)
