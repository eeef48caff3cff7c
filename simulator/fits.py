"""Fitted recommenders, one file per refit or update: made once, loaded ever after."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simulator.catalog import Catalog, Interactions
from simulator.commits import write_durably
from simulator.levers.base import described, levered, nested
from simulator.levers.reranked import core, foundation, relearn
from simulator.recommenders.base import Progress, Recommender, State, silent
from simulator.recommenders.talking import Heard, Overheard, Voices, lend
from simulator.seeds import Streams


def fit_key(spec: Mapping[str, Any], seed: int, number: int, log: Interactions, before: str) -> str:
    """Return what a fit depends on, as a hash: recommender, seed, refit number, log, and the state it continues."""
    digest = hashlib.blake2b(json.dumps([spec, seed, number, before], sort_keys=True).encode(), digest_size=16)
    for column in (log.user_id, log.item_id, log.rating, log.time, log.is_synthetic):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def save_state(path: Path, state: State, key: str) -> None:
    """Write a recommender's state as npz with the key it belongs to."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **state, __key__=np.array(key))
    write_durably(path, buffer.getvalue())


def load_state(path: Path, key: str) -> State | None:
    """Return a saved state if the file is whole and belongs to the key, else None."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            state = dict(stored)
    except (OSError, ValueError, KeyError, EOFError):
        return None
    return state if str(state.pop("__key__", "")) == key else None


Make = Callable[[Recommender, Progress], None]
"""Bring a recommender that is new into a state."""
Elsewhere = Callable[[Callable[[], State]], State]
"""Have a state made by another process."""


def made(spec: Mapping[str, Any], make: Make) -> State:
    """Return the state that a recommender is brought into."""
    recommender = levered(spec)
    make(recommender, silent)
    return recommender.state()


class Fits:
    """Fit recommenders of one run, or load them from its ``checkpoints`` where that fit was made before.

    A specification is a recommender's with its ``levers``: what they change is part of what is fitted and saved.
    """

    def __init__(
        self,
        folder: Path,
        spec: Mapping[str, Any],
        seed: int,
        catalog: Catalog,
        *,
        warm: bool,
        voices: Voices | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.folder = folder
        self._streams = Streams(seed)
        self._catalog = catalog
        self._warm = warm
        self._voices = voices
        """Lent to recommenders that ask a language model; where only fits are made nobody asks."""
        self._elsewhere = elsewhere
        self.use(spec)
        self.key = ""
        """What the latest fit or update was made from."""
        folder.mkdir(parents=True, exist_ok=True)

    def use(self, spec: Mapping[str, Any]) -> None:
        """Make this recommender from now on."""
        self.spec = described(spec)
        """The specification with every default: a resolved scenario spells them out, and must find the same fits."""
        probe = self._built()
        self.continues = self._warm and bool(getattr(probe, "warm", False))
        """Whether refits continue from the state before them."""
        *_, innermost = nested(probe)
        self.updates = type(innermost).update is not Recommender.update
        """Whether it takes in events between refits."""

    @property
    def kind(self) -> str:
        """Return the kind of the recommender, levers aside."""
        return str(self.spec["kind"])

    def keeps(self, spec: Mapping[str, Any]) -> bool:
        """Tell whether another specification is that of the same recommender under other levers on its lists."""
        return foundation(spec) == foundation(self.spec)

    def overheard(self, heard: Heard) -> None:
        """Pass every answer that recommenders made from now on get to ``heard`` too."""
        if self._voices is not None:
            self._voices = Overheard(self._voices, heard)

    def fit(
        self, number: int, log: Interactions, before: Recommender | None, progress: Progress = silent
    ) -> Recommender:
        """Return refit ``number`` on ``log``, warm from ``before`` where asked for and possible."""
        warm = before is not None and self.continues
        key = fit_key(self.spec, self._streams.seed, number, log, self.key if warm else "")

        streams, catalog = self._streams, self._catalog

        def make(recommender: Recommender, progress: Progress) -> None:
            if warm and before is not None:
                core(recommender).load_state(core(before).state())
            recommender.fit(log, catalog, rng=streams.generator("fit", number), progress=progress)

        return self._found_or_made(number, key, make, progress)

    def update(self, number: int, events: Interactions, before: Recommender) -> Recommender:
        """Return the recommender that ``before`` is after these events, as number ``number``; itself it stays."""

        def make(recommender: Recommender, _: Progress) -> None:
            recommender.load_state(before.state())
            recommender.update(events)

        key = fit_key(self.spec, self._streams.seed, number, events, f"updated {self.key}")
        return self._found_or_made(number, key, make)

    def relever(self, number: int, log: Interactions, before: Recommender) -> Recommender:
        """Return what ``before`` learned under the levers in use now, as number ``number``; levers learn on ``log``."""

        streams, catalog = self._streams, self._catalog

        def make(recommender: Recommender, _: Progress) -> None:
            core(recommender).load_state(core(before).state())
            relearn(recommender, log, catalog, streams.generator("fit", number))

        key = fit_key(self.spec, self._streams.seed, number, log, f"relevered {self.key}")
        return self._found_or_made(number, key, make)

    def _found_or_made(self, number: int, key: str, make: Make, progress: Progress = silent) -> Recommender:
        recommender = self.again(number, key)
        if recommender is None:
            recommender = self._built()
            if self._elsewhere:
                recommender.load_state(self._elsewhere(partial(made, self.spec, make)))
            else:
                make(recommender, progress)
            save_state(self._path(number), recommender.state(), key)
        self.key = key
        return recommender

    def again(self, number: int, key: str) -> Recommender | None:
        """Return refit or update ``number``, made before from what ``key`` says; None where it is gone."""
        state = load_state(self._path(number), key)
        if state is None:
            return None
        recommender = self._built()
        recommender.load_state(state)
        return recommender

    def _path(self, number: int) -> Path:
        return self.folder / f"fit-{number:08d}.npz"  # so wide that names sort as numbers do

    def forget(self) -> None:
        """Delete every fit and update but the newest: they were there to go on with after a stop."""
        for path in sorted(self.folder.glob("fit-*.npz"))[:-1]:
            path.unlink()

    def _built(self) -> Recommender:
        recommender = levered(self.spec)
        return lend(recommender, self._voices) if self._voices is not None else recommender
