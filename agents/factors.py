"""Latent factors of items, from who took what."""

import numpy as np

from agents.choice import BEFORE
from agents.schema import Floats, History

DAMPING = 0.5
"""Power of the counts by which users and items are divided: 1/2 is the cosine between them."""


def earlier(history: History) -> History:
    """Return the share ``BEFORE`` of every user's events that the choice model takes for the past."""
    start = np.searchsorted(history.user_id, history.user_id)
    stop = np.searchsorted(history.user_id, history.user_id, side="right")
    past = np.arange(len(start)) - start < np.ceil(BEFORE * (stop - start))
    return History(*(getattr(history, name)[past] for name in History.__slots__))


def factors(history: History, n_items: int, width: int) -> Floats:
    """Return (items, width) factors with unit variance: the truncated SVD of the degree-normalized user-item matrix.

    The first singular pair, which is popularity, is left out: the choice model knows it already. Signs
    are fixed, so that the result depends on the history alone; missing dimensions are 0.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import svds

    users, user = np.unique(history.user_id, return_inverse=True)
    seen = np.unique(user * n_items + history.item_id)
    row, column = np.divmod(seen, n_items)
    by_user, by_item = (
        np.maximum(np.bincount(part, minlength=n), 1.0) ** -DAMPING
        for part, n in ((row, len(users)), (column, n_items))
    )
    matrix = csr_array((by_user[row] * by_item[column], (row, column)), shape=(len(users), n_items))
    rank = min(width + 1, min(matrix.shape) - 1)
    found = np.zeros((n_items, width))
    if rank < 2:
        return found
    _, values, right = svds(matrix, k=rank, v0=np.ones(min(matrix.shape)))
    order = np.argsort(-values)[1:]
    vectors = right[order].T * by_item[:, None]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(order))])
    spread = vectors.std(axis=0)
    found[:, : len(order)] = np.clip((vectors - vectors.mean(axis=0)) / np.where(spread > 0, spread, 1.0), -5, 5)
    return found
