"""Put a dataset that passed its gates into a format: under its licence, with checksums, whole or not at all."""

import json
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import analysis.export
from agents.cache import sha256
from agents.errors import InvalidInput
from analysis.augment.dataset import ABOUT, TrainingData, new_folder

SUMS = "SHA256SUMS"
TERMS = "LICENCE.txt"


def formats() -> tuple[str, ...]:
    """Return the names of all formats.

    >>> "recbole" in formats(), "open-bandit" in formats(), "exporting" in formats()
    (True, True, False)
    """
    found = sorted(module.name for module in pkgutil.iter_modules(analysis.export.__path__))
    return tuple(name.replace("_", "-") for name in found if _writer(name) is not None)


def export(data: TrainingData, kind: str, out: Path, permission: str = "") -> dict[str, Any]:
    """Write a dataset into a new folder and return what the format says of it, with the files and their SHA-256.

    ``permission`` is the reference of a permission to redistribute, which goes into the licence. Raise InvalidInput
    for an unknown format, where the source forbids redistribution, or where a folder is there already.
    """
    writer = _writer(kind.replace("-", "_")) if kind.replace("-", "_").isidentifier() else None
    if writer is None:
        raise InvalidInput(f"--format {kind!r} is not known; formats are {', '.join(formats())}")
    terms = licence(data.about, permission)
    with new_folder(out) as folder:
        (folder / TERMS).write_text(terms, encoding="utf-8")
        about = {key: value for key, value in data.about.items() if key != "checksums"}
        (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        told = writer.write(data, folder, out.name)
        files = {path.relative_to(folder).as_posix(): sha256(path) for path in _files(folder)}
        (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in files.items()), encoding="utf-8")
    return {**told, "files": files}


def licence(about: dict[str, Any], permission: str = "") -> str:
    """Return the terms of a dataset, which are those of its source.

    Raise InvalidInput where they forbid redistribution and no permission is named: real rows are copies, and synthetic
    ones are derived from what users and items of the source are and bear their names.
    """
    source = about["source"]
    if source["redistributable"] is False and not permission:
        raise InvalidInput(
            f"{source['name']} may not be redistributed without permission ({source['licence']}), and real and "
            "synthetic rows alike derive from it, so nothing is exported; if you have the permission, or the files "
            "stay with you, say so: --permission 'who gave it, and when'. Data sets that are free to share: "
            "movietweetings-100k, synthetic:*"
        )
    lines = [
        f"{about['name']}: real rows of {source['name']} and synthetic rows derived from it.",
        f"Licence, that of the source: {source.get('licence') or 'not stated'}",
        *([f"Permission to redistribute, as stated by who exported: {permission}"] if permission else []),
        *([f"Please cite: {source['citation']}"] if source.get("citation") else []),
        *(["", source["licence_text"]] if source.get("licence_text") else []),
    ]
    return "\n".join(lines) + "\n"


def _writer(name: str) -> Any:
    """Return the module of a format, None if there is none of the name."""
    if name not in {module.name for module in pkgutil.iter_modules(analysis.export.__path__)}:
        return None
    module = import_module(f"analysis.export.{name}")
    return module if hasattr(module, "write") else None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
