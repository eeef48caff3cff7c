"""Load a run folder into tidy frames."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from agents.errors import InvalidInput
from simulator.log import TABLES


@dataclass(frozen=True)
class Run:
    """One run as frames, one per table of simulator.log, each read when first asked for."""

    folder: Path
    manifest: dict[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table in log order, empty (with its columns) where the run wrote no row."""
        parts = sorted((self.folder / "log").glob(f"{name}-*.parquet"))
        if not parts:
            return pd.DataFrame(columns=list(TABLES[name].__annotations__))
        return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)

    @cached_property
    def impressions(self) -> pd.DataFrame:
        """Return every item shown (simulator.log.Impression)."""
        return self.table("impressions")

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Return every finished visit (simulator.log.Session)."""
        return self.table("sessions")

    @cached_property
    def users(self) -> pd.DataFrame:
        """Return the simulated users (simulator.log.User)."""
        return self.table("users")

    @cached_property
    def items(self) -> pd.DataFrame:
        """Return the catalog (simulator.log.CatalogItem), row i is item_id i."""
        return self.table("items")

    @cached_property
    def history(self) -> pd.DataFrame:
        """Return the interactions the platform knew at time 0 (simulator.log.Taken)."""
        return self.table("history")

    @cached_property
    def llm_calls(self) -> pd.DataFrame:
        """Return every question to a language model (simulator.log.LlmCall)."""
        return self.table("llm_calls")

    @cached_property
    def refits(self) -> pd.DataFrame:
        """Return every training of the recommender (simulator.log.Refit)."""
        return self.table("refits")


def load(folder: Path) -> Run:
    """Open a run folder; raise InvalidInput if it is none."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise InvalidInput(f"{folder} is not a run folder: it has no manifest.json")
    return Run(folder, json.loads(manifest.read_text(encoding="utf-8")))
