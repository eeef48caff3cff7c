import numpy as np
import pytest

from simulator.components import build, names
from simulator.recommenders.planted import GROUP_SIZE, GROUPS, Planted
from simulator.recommenders.tokenizers.base import NO_CODE

WORLD = Planted.shuffled(users=400, length=12)


def coded(tokenizer, log, n_items):
    tokenizer.fit(log, n_items, np.random.default_rng(0))
    return tokenizer.encode(log, n_items, np.random.default_rng(1))


@pytest.mark.parametrize("kind", names("tokenizers"))
def test_codes_are_in_range_and_untaken_items_have_none(kind):
    tokenizer, n = build("tokenizers", {"kind": kind, "digits": 4, "codes": 8}), len(WORLD.catalog)
    codes = coded(tokenizer, WORLD.log.take(WORLD.log.item_id != 3), n)
    assert codes.shape == (n, 4)
    assert (codes[3] == NO_CODE).all()
    taken = np.delete(codes, 3, axis=0)
    assert taken.min() >= 0
    assert taken.max() < 8


def test_product_codes_bring_items_of_a_group_together_and_random_ones_do_not():
    group = np.empty(GROUPS * GROUP_SIZE, dtype=np.int64)
    group[WORLD.numbering] = np.arange(GROUPS * GROUP_SIZE) // GROUP_SIZE
    together = (group[:, None] == group) & ~np.eye(len(group), dtype=bool)
    alike = {}
    for kind in ("product", "random"):
        codes = coded(build("tokenizers", kind), WORLD.log, len(WORLD.catalog))
        shared = (codes[:, None] == codes[None]).mean(axis=2)
        alike[kind] = shared[together].mean() / shared[group[:, None] != group].mean()
    assert alike["product"] > 2
    assert alike["random"] == pytest.approx(1, abs=0.1)


def test_product_state_codes_items_that_came_later_as_their_kind():
    n = len(WORLD.catalog)
    late = WORLD.numbering[5]
    tokenizer = build("tokenizers", "product")
    before = coded(tokenizer, WORLD.log.take(WORLD.log.item_id != late), n)
    loaded = build("tokenizers", "product")
    loaded.load_state(tokenizer.state())
    after = loaded.encode(WORLD.log, n, np.random.default_rng(9))
    assert (before[late] == NO_CODE).all()
    mates = WORLD.numbering[[i for i in range(GROUP_SIZE) if i != 5]]
    others = WORLD.numbering[GROUP_SIZE:]
    assert (after[late] == after[mates]).mean() > 2 * (after[late] == after[others]).mean()
