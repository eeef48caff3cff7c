"""The layout of a dataset repository of Hugging Face: Parquet, one configuration a table, and a card.

Written for ``datasets.load_dataset(FOLDER, TABLE)``; see huggingface.co/docs/hub/datasets-manual-configuration.
"""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from analysis.augment.dataset import TrainingData
from analysis.export import story
from analysis.export.exporting import TERMS
from analysis.export.shared_tables import tables

IDENTIFIERS = {"MIT": "mit"}
"""Licence of a source -> the hub's word for it; others are ``other``, with their text beside the card."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write every table but the evaluation split, and the card."""
    written = []
    for table, rows in tables(data):
        (folder / table).mkdir()
        pq.write_table(rows, folder / table / "train-00000-of-00001.parquet")
        written.append(table)
    _card(data, written).save(folder / "README.md")
    return {"rows": len(data.interactions)}


def _card(data: TrainingData, written: list[str]) -> Any:
    from huggingface_hub import DatasetCard, DatasetCardData

    about, known = data.about, IDENTIFIERS.get(data.about["source"].get("licence") or "")
    terms: dict[str, Any] = (
        {"license": known} if known else {"license": "other", "license_name": "inherited", "license_link": TERMS}
    )
    facts = DatasetCardData(
        **terms,
        pretty_name=data.name,
        task_categories=["other"],
        size_categories=[next((word for limit, word in SIZES if len(data.interactions) < limit), "n>1T")],
        source_datasets=[about["source"]["name"]],
        tags=["recommender-systems", "synthetic", "tasteloop"],
        configs=[
            {
                "config_name": table,
                "data_files": [{"split": "train", "path": f"{table}/*.parquet"}],
                **({"default": True} if table == "interactions" else {}),
            }
            for table in written
        ],
    )
    return DatasetCard(f"---\n{facts.to_yaml()}\n---\n\n{_text(about)}")


def _text(about: dict[str, Any]) -> str:
    runs = "\n".join(
        f"| `{run['run']}` | {run['arm']} | {run['recommender']['kind']} | {run['seed']} | {run['days']:g} |"
        for run in about["runs"]
    )
    parts = {
        "How the synthetic rows were made": story.making(about),
        "What was done to them": story.preparing(about),
        "Biases": story.biases(about),
        "Limits": story.limits(about),
        "Personal information": story.privacy(about),
        "Licence": f"That of the source: {about['source'].get('licence') or 'not stated'}. See {TERMS}.",
        "Citation": about["source"].get("citation") or "None stated by the source.",
        "Runs": f"| run | arm | recommender | seed | days |\n|---|---|---|---|---|\n{runs}",
    }
    sections = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())
    return f"# {about['name']}\n\n{story.summary(about)}\n\n{sections}\n"
