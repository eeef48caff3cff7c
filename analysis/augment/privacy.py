"""Whether synthetic rows give away whose real rows they were made from."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from sklearn.metrics import roc_auc_score, roc_curve

from agents.schema import Draws, Floats
from analysis.augment.sampling import windows
from analysis.augment.space import taken

if TYPE_CHECKING:
    from simulator.catalog import Interactions

FALSE_ALARMS = 0.01
FEWEST = 100
"""Non-members below which a true-positive rate at 1 % false alarms means nothing."""
RECORD = 20
"""Entries of a record, at most."""
ALIKE = 0.99
ATTACK = (
    "a record is a set of up to 20 neighboring items of a user's history; members are such sets of real training rows, "
    "non-members, of the same size, of the same users' held-out rows; the attacker sees the synthetic table and other "
    "real users' rows, and scores a record by its highest cosine with any synthetic user's set less its highest with "
    "any of those users' sets. Held-out rows are later, so that time alone can move the AUC off .5: read it beside the "
    "random column, which knows no member"
)
"""The attack, in words."""


def closeness(records: csr_array, table: csr_array) -> Floats:
    """Return the highest cosine of each record with any row of a table, both 0/1 over items.

    >>> closeness(csr_array([[1.0, 1, 0], [0, 0, 1]]), csr_array([[1.0, 0, 0], [1, 1, 0]])).round(4).tolist()
    [1.0, 0.0]
    """
    size = [np.sqrt(np.maximum(matrix.sum(axis=1), 1.0)) for matrix in (records, table)]
    common = (records @ table.T).toarray() / size[0][:, None] / size[1][None, :]
    return np.asarray(common.max(axis=1, initial=0.0))


def tpr_at(kind: Floats, score: Floats, false_alarms: float = FALSE_ALARMS) -> float:
    """Return the highest true-positive rate with at most so many false positives.

    >>> tpr_at(np.array([0, 0, 1, 1]), np.array([0.1, 0.8, 0.9, 0.7]), 0.0)
    0.5
    """
    false, true, _ = roc_curve(kind, score, drop_intermediate=False)
    return float(true[false <= false_alarms].max())


def privacy(
    real: "Interactions",
    held_out: "Interactions",
    known: "Interactions",
    other: "Interactions",
    n_items: int,
    draws: Draws,
) -> dict[str, float]:
    """Return what the attack finds out from ``other`` about ``real``, and how much of other is copied.

    ``known`` are the real users the attacker has. ``copied_share`` is the share of other users whose set has a cosine
    of .99 or more with one real user's, ``closest_record`` the median distance (1 - cosine) to the nearest.
    """
    users, sizes = np.unique(held_out.user_id, return_counts=True)
    both = np.isin(users, real.user_id)
    users, sizes = users[both], np.minimum(sizes[both], RECORD)
    counts = np.bincount(real.user_id, minlength=int(users.max(initial=0)) + 1)[users]
    sizes = np.minimum(sizes, counts)
    records = [
        taken(windows(log, users, sizes, users, draws, f"record {purpose}"), n_items)
        for log, purpose in ((real, "member"), (held_out, "non-member"))
    ]
    table, public = taken(other, n_items), taken(known, n_items)
    kind = np.repeat([1, 0], len(users))
    score = np.concatenate([closeness(record, table) - closeness(record, public) for record in records])
    near = closeness(table, taken(real, n_items))
    return {
        "mia_auc": float(roc_auc_score(kind, score)) if len(users) else float("nan"),
        "mia_tpr_at_1_fpr": tpr_at(kind, score) if len(users) >= FEWEST else float("nan"),
        "copied_share": float((near >= ALIKE).mean()),
        "closest_record": float(np.median(1 - near)),
    }
