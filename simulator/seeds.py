"""Counter-based random numbers: a number is a function of what it is for, never of when it is drawn."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

# Arrays of no dimension, which numpy takes as they are; its scalars it would convert at every use.
_GOLDEN = np.array(0x9E3779B97F4A7C15, dtype=np.uint64)
_FIRST = np.array(0xBF58476D1CE4E5B9, dtype=np.uint64)
_SECOND = np.array(0x94D049BB133111EB, dtype=np.uint64)
_11, _27, _30, _31 = (np.array(bits, dtype=np.uint64) for bits in (11, 27, 30, 31))

FEW = 2048
"""Keys up to this long are scrambled together: below it the cost is that of calling numpy."""


def _mix(words: Words) -> None:
    """Scramble 64-bit words in place (the finalizer of splitmix64, Steele et al. 2014)."""
    spare = np.empty_like(words)
    np.bitwise_xor(words, np.right_shift(words, _30, out=spare), out=words)
    np.multiply(words, _FIRST, out=words)
    np.bitwise_xor(words, np.right_shift(words, _27, out=spare), out=words)
    np.multiply(words, _SECOND, out=words)
    np.bitwise_xor(words, np.right_shift(words, _31, out=spare), out=words)


def _scrambled(keys: Sequence[npt.NDArray[np.int64]]) -> Sequence[Words] | Words:
    """Return each key's words mixed: few rows at one go, which costs what one key does, many rows within cache."""
    if len(keys) > 1 and (keys[0].size > FEW or any(key.shape != keys[0].shape for key in keys)):
        return [_scrambled([key])[0] for key in keys]
    words = np.array(keys, dtype=np.int64).view(np.uint64)
    np.add(words, _GOLDEN, out=words)
    _mix(words)
    return words


@cache
def _start(seed: int, purpose: str) -> np.uint64:
    """Return the state before any key; a program names few purposes, and draws for each of them often."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    state = np.array(int.from_bytes(digest, "little"), dtype=np.uint64)
    _mix(state)
    return np.uint64(state)


@dataclass(frozen=True, slots=True)
class Streams:
    """All random numbers of one run, keyed by purpose and integers.

    >>> a = Streams(7).uniform("watch", [0, 1, 2], 5)
    >>> b = Streams(7).uniform("watch", [2], 5)
    >>> bool(a[2] == b[0]), a.shape
    (True, (3,))
    """

    seed: int

    def words(self, purpose: str, *keys: npt.ArrayLike) -> Words:
        """Return 64 random bits for each element of the broadcast integer keys."""
        state = np.array(_start(self.seed, purpose))
        for part in _scrambled([np.asarray(key).astype(np.int64, copy=False) for key in keys]):
            np.add(state, _GOLDEN, out=state)
            state = np.asarray(state ^ part)
            _mix(state)
        return state

    def uniform(self, purpose: str, *keys: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return uniforms in [0, 1) with 53 random bits, shaped like the broadcast keys."""
        words = self.words(purpose, *keys)
        share = np.right_shift(words, _11, out=words).astype(np.float64)
        return np.multiply(share, 2.0**-53, out=share)

    def normal(self, purpose: str, *keys: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return standard normals by inversion, shaped like the broadcast keys."""
        from scipy.special import ndtri  # a quarter of a second that commands which draw nothing need not wait

        share = self.uniform(purpose, *keys)
        share += 2.0**-54
        return np.asarray(ndtri(share, out=share))

    def generator(self, purpose: str, *keys: int) -> np.random.Generator:
        """Return a numpy Generator for code that needs one (fits); costs 17 us, so not per draw."""
        return np.random.Generator(np.random.Philox(key=int(self.words(purpose, *keys))))
