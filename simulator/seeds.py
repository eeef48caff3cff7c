"""Counter-based random numbers: a number is a function of what it is for, never of when it is drawn."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(words: Words) -> Words:
    """Scramble 64-bit words (the finalizer of splitmix64, Steele et al. 2014)."""
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


def _word(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


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
        with np.errstate(over="ignore"):
            state: Words = _mix(np.asarray(_word(f"{self.seed}/{purpose}")))
            for key in keys:
                state = _mix((state + _GOLDEN) ^ _mix(np.asarray(key).astype(np.int64).view(np.uint64) + _GOLDEN))
        return state

    def uniform(self, purpose: str, *keys: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return uniforms in [0, 1) with 53 random bits, shaped like the broadcast keys."""
        return (self.words(purpose, *keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, purpose: str, *keys: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return standard normals by inversion, shaped like the broadcast keys."""
        from scipy.special import ndtri  # a quarter of a second that commands which draw nothing need not wait

        return np.asarray(ndtri(self.uniform(purpose, *keys) + 2.0**-54))

    def generator(self, purpose: str, *keys: int) -> np.random.Generator:
        """Return a numpy Generator for code that needs one (fits); costs 17 us, so not per draw."""
        return np.random.Generator(np.random.Philox(key=int(self.words(purpose, *keys))))
