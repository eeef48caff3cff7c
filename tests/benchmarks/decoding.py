"""``bench decoding``: what it costs to generate a slate of semantic IDs: beam widths, trie, exactness, batches."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from simulator.data.held_out import leave_one_out
from simulator.data.synthetic import Synthetic
from simulator.recommenders.base import Requests
from simulator.recommenders.sequences import newest
from simulator.recommenders.tiger import Tiger
from simulator.recommenders.tokenizers.base import NO_CODE
from simulator.seeds import Streams

SLATE = 10
REPEATS = 3
"""The fastest counts: what else the machine does only ever adds."""
BLOCK = 32
"""What a beam search is padded to."""


def measure(
    progress: Callable[[str], None],
    world: str = "small",
    users: int = 64,
    widths: Sequence[int] = (10, 20, 50),
    batches: Sequence[int] = (1, 32),
) -> dict[str, Any]:
    """Measure ``tiger`` on a synthetic world (small: 1,000 items), one thread, fitted once with one pass.

    - ``rows``: processor milliseconds per user of each way to decode, and ``ratio``, that over a beam of 20 for all
      ``users`` in one batch; ``found`` is the share of the exact ten that are shown.
    - ``trie_over_free``: a beam of 20 along the trie, over one of equal width and depth that may generate
      anything; ``free_invalid`` is the share of what that one generates which is no item or was excluded.
    """
    torch.set_num_threads(1)
    progress("a world, and a fit")
    data = Synthetic(variant=world).load()
    held_out = leave_one_out(data.interactions, data.catalog)
    requests = held_out.requests.part(0, min(users, len(held_out.requests)))
    tiger = Tiger(epochs=1)
    tiger.fit(held_out.train, held_out.catalog, rng=Streams(1).generator("fit"))
    tiger.decode = "exact"
    progress("exact")
    exact = tiger.recommend(requests, SLATE).item_id
    rows = [
        {"decode": "exact", "batch": len(requests), "ms_per_user": _ms(lambda: _served(tiger, requests), len(requests))}
    ]
    tiger.decode = "beam"
    for width in widths:
        progress(f"beam {width}")
        tiger.beam = width
        shown = tiger.recommend(requests, SLATE).item_id
        found = float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, shown, strict=True)]))
        ms = _ms(lambda: _served(tiger, requests), len(requests))
        rows.append({"decode": f"beam {width}", "batch": len(requests), "ms_per_user": ms, "found": found})
    tiger.beam = 20
    for batch in batches:
        progress(f"batches of {batch}")
        some = requests.part(0, batch * (2 if batch > 1 else 8))
        ms = _ms(lambda some=some, batch=batch: _served(tiger, some, batch), len(some))
        rows.append({"decode": "beam 20", "batch": batch, "ms_per_user": ms})
    progress("a beam without a trie")
    along = _ms(lambda: _served(tiger, requests), len(requests))
    free = _ms(lambda: free_beam(tiger, requests, 20), len(requests))
    return {
        "items": len(data.catalog),
        "users": len(requests),
        "trie_over_free": along / free,
        "free_invalid": _invalid(tiger, requests, free_beam(tiger, requests, 20)),
        "rows": [row | {"ratio": row["ms_per_user"] / along} for row in rows],
    }


def _served(tiger: Tiger, requests: Requests, batch: int | None = None) -> None:
    for first in range(0, len(requests), batch or len(requests)):
        tiger.recommend(requests.part(first, min(first + (batch or len(requests)), len(requests))), SLATE)


def free_beam(tiger: Tiger, requests: Requests, width: int) -> Any:
    """Return the (users, width, digits) IDs of a beam search that knows no trie and excludes nothing."""
    found = []
    sequences = newest(requests, tiger._codes[:, 0] != NO_CODE, tiger.length)
    for first in range(0, len(requests), BLOCK):
        rows = np.zeros((BLOCK, sequences.shape[1]), dtype=np.int64)
        some = sequences[first : first + BLOCK]
        rows[: len(some)] = some
        with torch.inference_mode():
            found.append(_searched(*tiger._reading(rows), width, tiger._paths.shape[1])[: len(some)])
    return np.concatenate(found)


def _searched(likely: torch.Tensor, go_on: Any, width: int, digits: int) -> Any:
    score, beam = torch.zeros((len(likely), 1)), torch.zeros((len(likely), 1), dtype=torch.int64)
    code, paths, memory, likely = beam, beam[:, :, None][:, :, :0], [], likely[:, None]
    for depth in range(digits):
        if depth:
            likely, memory = go_on(depth, code, memory, beam)
        total = (score[:, :, None] + likely).flatten(1)
        best = total.topk(min(width, total.shape[1]), dim=1)
        beam, code, score = best.indices // likely.shape[2], best.indices % likely.shape[2], best.values
        kept = paths.gather(1, beam[:, :, None].expand(-1, -1, paths.shape[2]))
        paths = torch.cat([kept, code[:, :, None]], dim=2)
    return paths.numpy()


def _invalid(tiger: Tiger, requests: Requests, paths: Any) -> float:
    """Return the share of generated IDs that are no item's, or of one that must not be shown."""
    known = {tuple(path): item for item, path in enumerate(tiger._paths.tolist())}
    wrong = []
    for row in range(len(requests)):
        barred = set(requests.exclude[requests.exclude_starts[row] : requests.exclude_starts[row + 1]].tolist())
        items = [known.get(tuple(path)) for path in paths[row].tolist()]
        wrong.append(np.mean([item is None or item in barred for item in items]))
    return float(np.mean(wrong))


def _ms(act: Callable[[], object], users: int) -> float:
    """Return the processor milliseconds per user of the fastest of several times."""
    act()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        act()
        times.append(time.process_time() - start)
    return 1000 * min(times) / users
