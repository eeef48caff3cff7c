"""The tables of a dataset that are for others to have: all but the evaluation split."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from analysis.augment.dataset import TrainingData, to_arrow

KEPT_BACK = frozenset({"held_out"})
SEPARATOR = "|"


def tables(data: TrainingData) -> Iterator[tuple[str, pa.Table]]:
    """Yield each table with its name."""
    for name, frame in data.tables.items():
        if name not in KEPT_BACK:
            yield name, to_arrow(frame, name)


def flat(table: pa.Table) -> pa.Table:
    """Return a table for files that know no lists: their elements are one text, with ``|`` between them."""
    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            words = pc.cast(table.column(place).combine_chunks(), pa.list_(pa.string()))
            table = table.set_column(place, field.name, pc.binary_join(words, SEPARATOR))
    return table
