"""Croissant 1.1: Parquet files and ``croissant.json``, which describes them, their use and their provenance.

docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html; provenance by PROV-O
(w3.org/TR/prov-o). ``mlcroissant validate --jsonld croissant.json`` finds nothing to object to.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from agents.cache import sha256
from analysis.augment.dataset import TrainingData
from analysis.export import story
from analysis.export.shared_tables import tables

CROISSANT = "http://mlcommons.org/croissant/1.1"
RAI = "http://mlcommons.org/croissant/RAI/1.0"
SPDX = {"MIT": "https://spdx.org/licenses/MIT.html"}
FILE = "croissant.json"
PARQUET = "application/x-parquet"
_OWN = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject", "fileSet",
    "fileProperty", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path",
    "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
    "transform",
)  # fmt: skip
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{term: f"cr:{term}" for term in _OWN},
}
TYPES = {pa.string(): "sc:Text", pa.float64(): "sc:Float", pa.float32(): "sc:Float", pa.int64(): "sc:Integer",
         pa.bool_(): "sc:Boolean"}  # fmt: skip


def write(data: TrainingData, folder: Path, name: str) -> dict[str, Any]:
    """Write every table but the evaluation split, and what describes them."""
    files, records = [], []
    for table, rows in tables(data):
        path = folder / f"{table}.parquet"
        pq.write_table(rows, path)
        files.append(_file(path))
        records.append(_records(table, rows.schema))
    whole = _dataset(data.about, files[0]["sha256"]) | _use(data.about) | _provenance(data.about)
    whole |= {"distribution": files, "recordSet": records}
    (folder / FILE).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"rows": len(data.interactions)}


def _dataset(about: dict[str, Any], digest: str) -> dict[str, Any]:
    terms = about["source"].get("licence") or "not stated"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT, RAI],
        "name": about["name"],
        "description": story.summary(about),
        "url": f"urn:tasteloop:dataset:{about['name']}:{digest}",
        "license": SPDX.get(terms, terms),
        "version": about["version"],
        "datePublished": _today(),
        "creator": {"@type": "sc:Organization", "name": "Tasteloop"},
        "citeAs": about["source"].get("citation") or f"{about['name']}, made with Tasteloop",
        "keywords": ["recommender systems", "synthetic data", "simulated users"],
        "isLiveDataset": False,
    }


def _today() -> str:
    """Return the date of the export; SOURCE_DATE_EPOCH fixes it, as in reproducible builds."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(fixed), UTC) if fixed.isdigit() else datetime.now(UTC)
    return moment.date().isoformat()


def _use(about: dict[str, Any]) -> dict[str, Any]:
    """Return what there is to know for responsible use."""
    return {
        "rai:dataCollection": story.making(about),
        "rai:dataCollectionType": ["Secondary Data Analysis", "Synthetic"],
        "rai:dataPreprocessingProtocol": [story.preparing(about)],
        "rai:dataBiases": [story.biases(about)],
        "rai:dataLimitations": [story.limits(about)],
        "rai:dataUseCases": ["Training recommenders", "Study of recommenders trained on synthetic interactions"],
        "rai:personalSensitiveInformation": [story.privacy(about)],
        "rai:dataSocialImpact": "Recommenders trained on simulated behavior may carry its biases to people.",
        "rai:hasSyntheticData": True,
    }


def _provenance(about: dict[str, Any]) -> dict[str, Any]:
    """Return what the dataset derives from and what made it, a run at a time."""
    source = about["source"]
    origin = {"@id": f"urn:dataset:{source['name']}", "@type": "prov:Entity", "prov:label": source["name"]}
    runs = [
        {
            "@id": f"urn:tasteloop:run:{run['log_digest']}",
            "@type": "prov:Activity",
            "prov:label": f"run, arm {run['arm']}, recommender {run['recommender']['kind']}, seed {run['seed']}",
            "prov:used": {"@id": origin["@id"]},
        }
        for run in about["runs"]
    ]
    agent = {"@id": "urn:tasteloop", "@type": "prov:SoftwareAgent", "prov:label": "Tasteloop"}
    return {"prov:wasDerivedFrom": origin, "prov:wasGeneratedBy": runs, "prov:wasAttributedTo": agent}


def _file(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": PARQUET,
        "sha256": sha256(path),
    }


def _records(table: str, schema: pa.Schema) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "field": [_field(table, column) for column in schema],
    }


def _field(table: str, column: pa.Field) -> dict[str, Any]:
    several = pa.types.is_list(column.type)
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "dataType": TYPES[column.type.value_type if several else column.type],
        "source": {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": column.name}},
        **({"isArray": True, "arrayShape": "-1"} if several else {}),
    }
