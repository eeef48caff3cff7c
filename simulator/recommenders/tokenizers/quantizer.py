"""What tokenizers share that quantize points: where the points come from, and who gets an ID."""

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np

from agents.schema import Floats, Ints
from simulator.catalog import Catalog, Interactions
from simulator.recommenders.base import State, under
from simulator.recommenders.tokenizers.base import NO_CODE, Tokenizer
from simulator.recommenders.tokenizers.points import Points, Source


@dataclass
class Quantizer(Tokenizer):
    """Place items as points and give each the codes nearest to it; items that came after the fit are projected.

    of: what places items: ``collaborative`` (who takes what together), ``text`` (title and genres), or
        ``collaborative_text`` (each for half of the dimensions).
    """

    of: Source = "collaborative"
    _points: Points = field(init=False, repr=False, default_factory=lambda: Points(np.zeros((0, 0)), np.zeros((0, 0))))

    @property
    @abstractmethod
    def dimensions(self) -> int:
        """Return how many coordinates points have."""

    @abstractmethod
    def learn(self, points: Floats, rng: np.random.Generator) -> None:
        """Learn codes from the (n, dimensions) points of the items somebody took."""

    @abstractmethod
    def quantize(self, points: Floats) -> Ints:
        """Return the (n, digits) codes of points."""

    @abstractmethod
    def learned(self) -> State:
        """Return what ``learn`` learned."""

    @abstractmethod
    def take_over(self, state: State) -> None:
        """Become the quantizer that returned this from ``learned``."""

    def fit(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> None:
        """Learn the points' axes, then the codes."""
        self._points = Points.learned(self.of, self.dimensions, log, catalog, rng)
        points = self._points.place(log, catalog)
        self.learn(points[log.counts(len(catalog)) > 0], rng)

    def encode(self, log: Interactions, catalog: Catalog, rng: np.random.Generator) -> Ints:
        """Return the codes of every item that was taken; draws nothing."""
        codes = self.quantize(self._points.place(log, catalog))
        return np.where(log.counts(len(catalog))[:, None] > 0, codes, NO_CODE)

    def state(self) -> State:
        """Return axes and codes."""
        return {**{f"points.{name}": value for name, value in self._points.state().items()}, **self.learned()}

    def load_state(self, state: State) -> None:
        """Take over axes and codes."""
        self._points = Points.of_state(under("points.", state))
        self.take_over(state)
