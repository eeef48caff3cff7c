"""``data``: list, fetch, describe and import data sets."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.errors import InvalidInput

if TYPE_CHECKING:
    from simulator.data.base import Dataset
    from simulator.data.entry import Entry

app = typer.Typer(no_args_is_help=True, help="List, fetch, describe and import data sets.")

Json = Annotated[bool, typer.Option("--json", help="print one line of JSON")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the data sets Tasteloop knows, and those imported here."""
    rows = [_line(entry) for entry in _entries().values()] + _invented() + _imported()
    if as_json:
        typer.echo(json.dumps({"datasets": rows}))
        return
    for row in rows:
        size = f"{row['users']:>9,} users {row['items']:>7,} items" if row.get("users") else ""
        typer.echo(f"{row['kind']:<22} {row['state']:<12} {size:<32} {row['licence']}")


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="data sets, such as ml-100k")], as_json: Json = False
) -> None:
    """Bring data sets into the cache: licence shown, checksums verified, nothing done twice."""
    known = _entries()
    wanted = [_known(name, known) for name in names]
    for entry in wanted:
        entry.fetch(_say)
    folders = {entry.name: str(entry.folder) for entry in wanted}
    typer.echo(json.dumps({"fetched": folders}) if as_json else "\n".join(folders.values()))


@app.command()
def info(
    kind: Annotated[str, typer.Argument(help="ml-100k, synthetic:small, imported:NAME, or a file or folder")],
    as_json: Json = False,
) -> None:
    """Load a data set and print its size, its ratings, its terms and where it comes from."""
    from simulator.components import build

    spec = {"kind": "tables", "path": kind} if Path(kind).exists() else {"kind": kind}
    facts = _facts(build("data", spec).load())
    if kind in (known := _entries()):
        entry = known[kind]
        facts |= {"licence_text": entry.licence_text, "redistributable": entry.redistributable}
        facts |= {"bytes": entry.bytes, "path": str(entry.folder)}
    typer.echo(json.dumps(facts) if as_json else "\n".join(_readable(facts)))


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="csv, parquet or RecBole file of interactions, or a folder of them")],
    name: Annotated[str, typer.Option(help="what to call it; a known data set's name takes its published files")],
    items: Annotated[Path | None, typer.Option(help="file of items, where the folder does not tell")] = None,
    column: Annotated[list[str] | None, typer.Option(help="ROLE=NAME, such as user=reviewer; repeatable")] = None,
    as_json: Json = False,
) -> None:
    """Check data and keep a converted copy, usable as ``data: {kind: imported:NAME}``."""
    from simulator.data import store
    from simulator.data.imported import check_name
    from simulator.data.tables import Tables

    known = _entries()
    if name in known:
        known[name].adopt(path, _say)
        kind, folder = name, known[name].folder
    else:
        kind, folder = f"imported:{check_name(name)}", store.imported(name)
        source = Tables(str(path), str(items) if items else None, dict(map(_pair, column or [])))
        store.save(_renamed(source.load(), kind), folder)
    from simulator.components import build

    facts = _facts(build("data", {"kind": kind}).load()) | {"kind": kind, "path": str(folder)}
    typer.echo(json.dumps(facts) if as_json else "\n".join(_readable(facts)))


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _entries() -> "dict[str, Entry]":
    """Return the registry: what the components of the data folder state of themselves."""
    from simulator.components import find, names

    entries = (getattr(find("data", kind), "ENTRY", None) for kind in names("data"))
    return {entry.name: entry for entry in entries if entry is not None}


def _known(name: str, known: "dict[str, Entry]") -> "Entry":
    if name not in known:
        raise InvalidInput(f"{name!r} is no data set that can be fetched; there are {', '.join(known)}")
    return known[name]


def _line(entry: "Entry") -> dict[str, Any]:
    state = "ready" if entry.ready() else "to fetch" if entry.wheel else "to import"
    return {"kind": entry.name, "state": state, **_published(entry)}


def _published(entry: "Entry") -> dict[str, Any]:
    return {key: value for key, value in asdict(entry).items() if key not in ("licence_text", "name")}


def _invented() -> list[dict[str, Any]]:
    from simulator.data.synthetic import PRESETS

    sizes = PRESETS.items()
    row = {"state": "ready", "licence": "none needed: invented"}
    return [{"kind": f"synthetic:{name}", "users": users, "items": items, **row} for name, (users, items, _) in sizes]


def _imported() -> list[dict[str, Any]]:
    from simulator.data import store

    parent = store.imported("x").parent
    names = sorted(f.name for f in parent.iterdir() if not f.name.startswith(".")) if parent.is_dir() else []
    return [{"kind": f"imported:{name}", "state": "ready", "licence": "yours to know"} for name in names]


def _pair(text: str) -> tuple[str, str]:
    role, equals, column = text.partition("=")
    if not equals:
        raise InvalidInput(f"--column {text!r}: write ROLE=NAME, such as user=reviewer")
    return role, column


def _renamed(dataset: "Dataset", name: str) -> "Dataset":
    from dataclasses import replace

    return replace(dataset, name=name, identity={**dataset.identity, "name": name})


def _facts(dataset: "Dataset") -> dict[str, Any]:
    """Return what there is to know about a data set, as plain values."""
    import numpy as np

    log = dataset.interactions
    values, counts = np.unique(log.rating[np.isfinite(log.rating)], return_counts=True)
    cells = len(dataset.users) * len(dataset.catalog)
    return {
        **dataset.identity,
        "interactions": len(log),
        "users": len(dataset.users),
        "items": len(dataset.catalog),
        "density": len(log) / cells,
        "scale": list(dataset.scale),
        "ratings": {f"{value:g}": int(count) for value, count in zip(values[:50], counts[:50], strict=True)},
        "genres": len(dataset.catalog.genres),
        "days": round(float(log.time.max() - log.time.min()) / 1440, 1),
    }


def _readable(facts: dict[str, Any], indent: str = "") -> list[str]:
    """Return the facts as lines, a dictionary's indented under its name."""
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{key}", *_readable(value, indent + "  ")]
        elif value not in ("", [], {}):
            text = _rejections(value) if key == "rejected" else value if isinstance(value, str) else json.dumps(value)
            first, *rest = map(_printable, text.splitlines())
            lines += [f"{indent}{key:<{16 - len(indent)}} {first}", *(" " * 17 + line for line in rest)]
    return lines


def _rejections(files: list[dict[str, Any]]) -> str:
    return "\n".join(
        "\n  ".join([f"{file['file']}: {file['bad']} of {file['rows']} rows bad", *file["first"]]) for file in files
    )


def _printable(text: str) -> str:
    """Return text of other people's files with control and direction characters escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
