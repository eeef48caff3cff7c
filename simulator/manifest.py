"""What a run says of itself: the manifest, the heartbeat, the lock."""

import fcntl
import hashlib
import importlib.metadata
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.errors import InvalidInput
from simulator.commits import write_durably

PACKAGES = ("mesa", "simpy", "numpy", "scipy", "torch", "transformers", "pandas", "pyarrow", "pydantic", "openai")
LASTING = (
    "scenario.yaml",
    "scenario.resolved.yaml",
    "answers.journal",
    "log/*.parquet",
    "log/seal-*.json",
    "checkpoints/*",
)
"""What a finished run leaves for good; figures and reports may be made anew."""


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: NaN and infinities become null, in any depth."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Put a JSON file in place, whole or not at all."""
    write_durably(path, (json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's mapping; raise InvalidInput if it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read as a run's record: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} holds no JSON mapping")
    return content


def seal(folder: Path) -> None:
    """Add to a finished run's manifest the SHA-256 of every file that never changes again, by its path."""
    path = folder / "manifest.json"
    manifest = read_json(path)
    if manifest["status"] == "finished" and "artifacts" not in manifest:
        kept = sorted(file for pattern in LASTING for file in folder.glob(pattern) if not file.name.startswith("."))
        write_json(path, manifest | {"artifacts": {file.relative_to(folder).as_posix(): sha256(file) for file in kept}})


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the packages a result depends on."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process; raise InvalidInput where another one has it."""
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InvalidInput(f"{folder} is being written by another process; wait for it or end it") from error
        yield
    finally:
        os.close(handle)
