"""Where a run of columns stands, on disk: after a kill it goes on from there, not from its beginning."""

import time
from pathlib import Path

import numpy as np

from simulator.commits import durably
from simulator.fits import load_state
from simulator.recommenders.base import State

REST = 20.0
"""Checkpoints are this many times their own duration apart, so that they cost five percent at most,"""
LEAST_S = 0.5
"""and at least this many seconds."""


class Checkpoint:
    """The latest checkpoint of one run; ``key`` says of which scenario."""

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self.key = key
        self._next = time.monotonic() + LEAST_S

    def due(self) -> bool:
        """Say whether it is time for another one; the clock decides when one is taken, never what is in it."""
        return time.monotonic() >= self._next

    def save(self, state: State) -> None:
        """Put a checkpoint in the place of the one before it, whole or not at all."""
        began = time.monotonic()
        with durably(self._path) as file:
            np.savez(file, allow_pickle=False, **state, __key__=np.array(self.key))
        ended = time.monotonic()
        self._next = ended + max(REST * (ended - began), LEAST_S)

    def load(self) -> State | None:
        """Return the latest checkpoint if there is a whole one of this scenario."""
        return load_state(self._path, self.key)

    def drop(self) -> None:
        """Remove it: the run is over."""
        self._path.unlink(missing_ok=True)


def prefixed(name: str, state: State) -> State:
    """Return a part's state under its name, as it goes into the state of the whole."""
    return {f"{name}.{key}": value for key, value in state.items()}
