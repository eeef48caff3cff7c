from itertools import pairwise

import numpy as np
import pytest

from agents.schema import Item
from simulator.catalog import Catalog
from simulator.components import build, names
from simulator.recommenders.planted import GROUP_SIZE, GROUPS, Planted
from simulator.recommenders.tokenizers.base import NO_CODE
from simulator.recommenders.tokenizers.points import Points

WORLD = Planted.shuffled(users=400, length=12)
SEMANTIC = ("product", "residual_kmeans", "rq_vae")


def quick(kind, **parameters):
    few = {"steps": 60} if kind == "rq_vae" else {}
    return build("tokenizers", {"kind": kind, **few, **parameters})


def coded(tokenizer, log, catalog=WORLD.catalog):
    tokenizer.fit(log, catalog, np.random.default_rng(0))
    return tokenizer.encode(log, catalog, np.random.default_rng(1))


def group_of_items():
    group = np.empty(GROUPS * GROUP_SIZE, dtype=np.int64)
    group[WORLD.numbering] = np.arange(GROUPS * GROUP_SIZE) // GROUP_SIZE
    return group


def alike(codes, group):
    """How much likelier items of a group share a code than others do."""
    shared = (codes[:, None] == codes[None]).mean(axis=2)
    together = (group[:, None] == group) & ~np.eye(len(group), dtype=bool)
    return shared[together].mean() / shared[group[:, None] != group].mean()


def with_texts():
    """The planted catalog with titles and genres that tell of even and odd items, not of groups."""
    n = len(WORLD.catalog)
    kinds = (("Space Battle", ("Sci-Fi", "War")), ("Quiet Village", ("Drama", "Romance")))
    parts = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
    items = tuple(Item(i, f"{kinds[i % 2][0]} {parts[i // 2 % 10]}", kinds[i % 2][1]) for i in range(n))
    return Catalog(items, WORLD.catalog.names), np.arange(n) % 2


@pytest.mark.parametrize("kind", names("tokenizers"))
def test_codes_are_in_range_and_untaken_items_have_none(kind):
    tokenizer, n = quick(kind, digits=4, codes=8), len(WORLD.catalog)
    codes = coded(tokenizer, WORLD.log.take(WORLD.log.item_id != 3))
    assert codes.shape == (n, 4)
    assert (codes[3] == NO_CODE).all()
    taken = np.delete(codes, 3, axis=0)
    assert taken.min() >= 0
    assert taken.max() < 8


def test_every_tokenizer_needed_is_there():
    assert set(names("tokenizers")) == {"random", *SEMANTIC}


@pytest.mark.parametrize("kind", SEMANTIC)
def test_collaborative_codes_bring_items_of_a_group_together(kind):
    assert alike(coded(quick(kind), WORLD.log), group_of_items()) > 2


def test_random_codes_do_not():
    assert alike(coded(build("tokenizers", "random"), WORLD.log), group_of_items()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", SEMANTIC)
def test_text_codes_follow_titles_and_genres_and_mixed_ones_follow_both(kind):
    catalog, theme = with_texts()
    text, both = (
        coded(quick(kind, of=of, digits=2, codes=8), WORLD.log, catalog) for of in ("text", "collaborative_text")
    )
    assert alike(text, theme) > 1.5
    assert alike(text, group_of_items()) < 1.2
    assert alike(both, theme) > 1.2
    assert alike(both, group_of_items()) > 1.2


@pytest.mark.parametrize("kind", SEMANTIC)
def test_state_codes_items_that_came_later_as_their_kind(kind):
    late = WORLD.numbering[5]
    tokenizer, loaded = (quick(kind) for _ in range(2))
    before = coded(tokenizer, WORLD.log.take(WORLD.log.item_id != late))
    loaded.load_state(tokenizer.state())
    after = loaded.encode(WORLD.log, WORLD.catalog, np.random.default_rng(9))
    assert np.array_equal(after, tokenizer.encode(WORLD.log, WORLD.catalog, np.random.default_rng(9)))
    assert (before[late] == NO_CODE).all()
    mates = WORLD.numbering[[i for i in range(GROUP_SIZE) if i != 5]]
    others = WORLD.numbering[GROUP_SIZE:]
    assert (after[late, 0] == after[mates, 0]).mean() > 2 * (after[late, 0] == after[others, 0]).mean()


@pytest.mark.parametrize("kind", ["residual_kmeans", "rq_vae"])
def test_every_digit_is_used_and_tells_more_than_those_before(kind):
    tokenizer = quick(kind, codes=16)
    codes = coded(tokenizer, WORLD.log)
    assert [len(np.unique(level)) for level in codes.T] == [16, 16, 16]
    where = tokenizer._points.place(WORLD.log, WORLD.catalog)
    spread = []
    for digits in range(4):
        cell = np.unique(codes[:, :digits], axis=0, return_inverse=True)[1] if digits else np.zeros(len(codes), int)
        size = np.bincount(cell)
        center = np.stack([np.bincount(cell, column) / size for column in where.T], axis=1)
        spread.append(((where - center[cell]) ** 2).sum())
    assert all(later < 0.8 * earlier for earlier, later in pairwise(spread)), spread


def test_the_autoencoder_learns_to_rebuild():
    errors = []
    for steps in (1, 60):
        tokenizer = build("tokenizers", {"kind": "rq_vae", "steps": steps})
        kept = {}

        def keep(points, decoder, tokenizer=tokenizer, kept=kept):
            type(tokenizer)._train(tokenizer, points, decoder)
            kept.update(points=points, decoder=decoder)

        tokenizer._train = keep
        coded(tokenizer, WORLD.log)
        errors.append(rebuilding_error(tokenizer, **kept))
    assert errors[1] < 0.8 * errors[0], errors


def rebuilding_error(tokenizer, points, decoder):
    import torch

    codes = tokenizer.quantize(points)
    middle = sum(book[code] for book, code in zip(tokenizer._books, codes.T, strict=True))
    rebuilt = decoder(torch.from_numpy(middle).float()).detach().numpy()
    return ((rebuilt - tokenizer._standard(points)) ** 2).mean()


def test_both_sources_count_alike():
    catalog, _ = with_texts()
    points = Points.learned("collaborative_text", 9, WORLD.log, catalog, np.random.default_rng(0))
    where = points.place(WORLD.log, catalog)
    assert where.shape == (len(catalog), 9)
    assert (where[:, :5] ** 2).sum(axis=1) == pytest.approx(0.5)
    assert (where[:, 5:] ** 2).sum(axis=1) == pytest.approx(0.5)
