"""The file ``run.log`` of a run or study folder: what was done to it when, and every warning."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.redaction import redacted


class _Redacted(logging.Formatter):
    """Write moments in universal time, and no secrets."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _File(logging.FileHandler):
    """A file that may fill its disk without a word: whatever else is written there says so."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        pass


@contextmanager
def logbook(folder: Path) -> Iterator[logging.Logger]:
    """Append to a folder's ``run.log`` until the block ends; warnings go to stderr too.

    What ends the block with an error is noted. The file is for people: nothing reads it.
    """
    file, screen = _File(folder / "run.log", encoding="utf-8"), logging.StreamHandler(sys.stderr)
    file.setFormatter(_Redacted("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ"))
    screen.setFormatter(_Redacted("%(message)s"))
    screen.setLevel(logging.WARNING)
    root, logger = logging.getLogger(), logging.getLogger(__name__)
    logger.setLevel(logging.INFO)
    for handler in (file, screen):
        root.addHandler(handler)
    try:
        yield logger
    except BaseException as error:
        logger.info("ended with %s: %s", type(error).__name__, error)
        raise
    finally:
        for handler in (file, screen):
            root.removeHandler(handler)
        file.close()
