from pathlib import Path

import numpy as np

from simulator.catalog import Interactions
from simulator.data.synthetic import Synthetic
from simulator.fits import Fits


def test_a_fit_is_found_again_whoever_spells_out_the_defaults(tmp_path: Path) -> None:
    world = Synthetic(variant="tiny").load()
    short = Fits(tmp_path, {"kind": "item_knn"}, 1, world.catalog, warm=True)
    fitted = short.fit(0, world.interactions, None)
    written = (tmp_path / "fit-00000000.npz").stat().st_mtime_ns
    whole = {"kind": "item_knn", "recency": 1.0, "neighbors": 200, "shrink": 10.0}
    long = Fits(tmp_path, whole, 1, world.catalog, warm=True)
    again = long.fit(0, world.interactions, None)
    assert (tmp_path / "fit-00000000.npz").stat().st_mtime_ns == written
    for name, value in fitted.state().items():
        np.testing.assert_array_equal(again.state()[name], value)
    assert long.again(0, short.key) is not None
    other = Fits(tmp_path, whole | {"neighbors": 20}, 1, world.catalog, warm=True)
    assert other.again(0, short.key) is not None, "a key says what was fitted"
    other.fit(0, world.interactions, None)
    assert other.key != short.key
    assert other.again(0, short.key) is None


def test_what_was_fitted_on_other_interactions_is_fitted_anew(tmp_path: Path) -> None:
    world = Synthetic(variant="tiny").load()
    log = world.interactions
    fits = Fits(tmp_path, {"kind": "popularity"}, 1, world.catalog, warm=True)
    fits.fit(0, log, None)
    before = fits.key
    fits.fit(0, Interactions.concatenate([log.take(np.arange(len(log) - 1))]), None)
    assert fits.key != before


MMR = {"kind": "mmr", "strength": 0.4}


def test_other_levers_on_lists_keep_what_was_learned(tmp_path: Path) -> None:
    world = Synthetic(variant="tiny").load()
    fits = Fits(tmp_path, {"kind": "bpr"}, 1, world.catalog, warm=True)
    plain = fits.fit(0, world.interactions, None)
    for n, levers in enumerate(([MMR], [MMR, {"kind": "tail_boost", "strength": 1}], []), 1):
        spec = {"kind": "bpr", "levers": levers}
        assert fits.keeps(spec)
        fits.use(spec)
        levered = fits.relever(n, world.interactions, plain)
        found = fits.again(n, fits.key)
        assert found is not None
        for name, value in levered.state().items():
            np.testing.assert_array_equal(value, found.state()[name])
        learned = {name.replace("inner.", ""): value for name, value in levered.state().items()}
        for name, value in plain.state().items():
            np.testing.assert_array_equal(value, learned[name])


def test_another_recommender_or_lever_on_training_keeps_nothing(tmp_path: Path) -> None:
    world = Synthetic(variant="tiny").load()
    fits = Fits(tmp_path, {"kind": "ease", "levers": [MMR]}, 1, world.catalog, warm=True)
    assert not fits.keeps({"kind": "ease", "recency": 0.5, "levers": [MMR]})
    assert not fits.keeps({"kind": "bpr", "levers": [MMR]})
    training = {"kind": "inverse_propensity", "strength": 0.5}
    assert not fits.keeps({"kind": "ease", "levers": [MMR, training]})
    assert fits.keeps({"kind": "ease", "levers": [MMR, training | {"strength": 0}]})


def test_the_newest_of_many_fits_is_kept(tmp_path: Path) -> None:
    world = Synthetic(variant="tiny").load()
    fits = Fits(tmp_path, {"kind": "popularity"}, 1, world.catalog, warm=True)
    for number in (9_999, 10_000):
        fits.fit(number, world.interactions, None)
    fits.forget()
    assert fits.again(10_000, fits.key) is not None
    assert len([*tmp_path.iterdir()]) == 1
