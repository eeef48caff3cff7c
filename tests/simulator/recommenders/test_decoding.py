"""The search of semantic IDs against plain enumeration, plain beam search, and Cornac's TIGER."""

import itertools
import math

import numpy as np
import pytest

from agents.schema import PAD
from simulator.recommenders.decoding import Decoder
from simulator.recommenders.trie import Trie

torch = pytest.importorskip("torch")

SIZES = (5, 4, 3)
ROWS = 3
RNG = np.random.default_rng(5)
IDS = np.array([path for path in itertools.product(*map(range, SIZES)) if RNG.random() < 0.35])
CODES = np.insert(IDS[RNG.permutation(len(IDS))], 7, -1, axis=0)
"""One item, number 7, has no ID."""
TABLE = {prefix: RNG.standard_normal((ROWS, SIZES[len(prefix)])) for depth in range(3)
         for prefix in itertools.product(*map(range, SIZES[:depth]))}  # fmt: skip
EVERYTHING = np.ones((ROWS, len(CODES)), dtype=bool)


def log_probabilities(row, prefix):
    logits = TABLE[prefix][row]
    return logits - np.log(np.exp(logits).sum())


def first():
    return torch.tensor(np.stack([log_probabilities(row, ()) for row in range(ROWS)])).float()


def go_on(depth, code, memory, beam):
    """A network that looks its answers up; it remembers prefixes as a real one remembers keys."""
    told = code[:, None, :, None]
    if memory:
        before = memory[0][0]
        told = torch.cat([before.gather(2, beam[:, None, :, None].expand(-1, -1, -1, before.shape[3])), told], dim=3)
    assert told.shape[3] == depth
    likely = [[log_probabilities(row, tuple(prefix)) for prefix in told[row, 0].tolist()] for row in range(ROWS)]
    return torch.tensor(np.array(likely)).float(), [(told, told)]


def forced(prefix):
    return len({tuple(path[: len(prefix) + 1]) for path in IDS.tolist() if tuple(path[: len(prefix)]) == prefix}) == 1


def plain_score(row, item, ghosts=True, scale=lambda depth, path: 0.0):
    path = tuple(CODES[item].tolist())
    steps = ((path[:depth], path[depth]) for depth in range(3))
    gains = (log_probabilities(row, prefix)[code] for prefix, code in steps if ghosts or not forced(prefix))
    return sum(gains) + sum(scale(depth, path[:depth]) for depth in (1, 2, 3))


def plain_beam(row, width, barred=()):
    """Beam search as one writes it down: a list of prefixes, extended, sorted, cut."""
    paths = {tuple(CODES[item].tolist()): item for item in range(len(CODES)) if CODES[item, 0] >= 0}
    allowed = [path for path, item in paths.items() if item not in barred]
    beams = [((), 0.0)]
    for depth in range(3):
        grown = [
            ((*prefix, code), score + log_probabilities(row, prefix)[code])
            for prefix, score in beams
            for code in range(SIZES[depth])
            if any(path[: depth + 1] == (*prefix, code) for path in allowed)
        ]
        beams = sorted(grown, key=lambda beam: -beam[1])[:width]
    return [(paths[path], score) for path, score in beams]


@pytest.fixture(scope="module")
def trie():
    return Trie.of(CODES, SIZES)


def test_there_is_something_to_find(trie):
    assert len(IDS) > 12
    assert sum(map(forced, TABLE)) > 3
    assert len(trie.item) == len(CODES) - 1


@pytest.mark.parametrize("ghosts", [True, False])
def test_exact_is_enumeration(trie, ghosts):
    scores = Decoder(trie, ghosts).exact(first(), go_on)
    for row in range(ROWS):
        assert scores[row] == pytest.approx([plain_score(row, item, ghosts) for item in trie.item], abs=1e-5)


@pytest.mark.parametrize("ghosts", [True, False])
def test_a_beam_as_wide_as_the_catalog_is_exact(trie, ghosts):
    exact = Decoder(trie, ghosts).exact(first(), go_on)
    items, scores = Decoder(trie, ghosts).beam(first(), go_on, EVERYTHING, len(CODES))
    for row in range(ROWS):
        found = items[row] != PAD
        assert sorted(items[row][found]) == sorted(trie.item)
        known = dict(zip(trie.item.tolist(), exact[row], strict=True))
        assert scores[row][found] == pytest.approx([known[item] for item in items[row][found]], abs=1e-5)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_narrow_beam_is_plain_beam_search(trie, width):
    items, scores = Decoder(trie).beam(first(), go_on, EVERYTHING, width)
    for row in range(ROWS):
        expected = plain_beam(row, width)
        assert items[row].tolist() == [item for item, _ in expected]
        assert scores[row] == pytest.approx([score for _, score in expected], abs=1e-5)


def test_what_is_excluded_takes_no_room_in_the_beam(trie):
    best = [item for item, _ in plain_beam(0, 6)]
    allowed = EVERYTHING.copy()
    allowed[:, best] = False
    items, _ = Decoder(trie).beam(first(), go_on, allowed, 3)
    assert items[0].tolist() == [item for item, _ in plain_beam(0, 3, best)]
    assert (items != PAD).all()


def test_fewer_allowed_than_beams_leaves_places_empty(trie):
    allowed = np.zeros_like(EVERYTHING)
    allowed[:, [0, 1]] = True
    items, scores = Decoder(trie).beam(first(), go_on, allowed, 4)
    assert {*items[0].tolist()} == {0, 1, PAD}
    assert (np.isnan(scores) == (items == PAD)).all()


def test_noise_of_a_node_counts_for_all_paths_through_it(trie):
    def noise(depth, nodes):
        return torch.sin(nodes * 1.7 + depth)

    def of_path(depth, prefix):
        number = sorted({tuple(path[:depth]) for path in IDS.tolist()}).index(tuple(prefix))
        return math.sin(number * 1.7 + depth)

    scores = Decoder(trie, noise=noise).exact(first(), go_on)
    assert scores[1] == pytest.approx([plain_score(1, item, scale=of_path) for item in trie.item], abs=1e-4)
    items, found = Decoder(trie, noise=noise).beam(first(), go_on, EVERYTHING, len(CODES))
    order = np.argsort(-scores[1])
    assert items[1][: len(order)].tolist() == trie.item[order].tolist()
    assert found[1][: len(order)] == pytest.approx(scores[1][order], abs=1e-5)


def test_beams_and_scores_are_those_of_cornacs_tiger(trie):
    tiger = pytest.importorskip("cornac.models.tiger.tiger", reason="cornac is not installed")
    torch.manual_seed(3)
    shape = {"d_model": 16, "d_ff": 32, "num_heads": 2, "d_kv": 8, "num_enc_layers": 1, "num_dec_layers": 2}
    theirs = tiger.TIGERSeq2Seq(SIZES, **shape).eval()
    for parameter in theirs.parameters():
        parameter.data.mul_(3.0)
    history = torch.tensor([[1, 7, 11, 3, 6, 10]])
    mask = torch.ones(history.shape)
    with torch.no_grad():
        read = theirs.encode_history(history, mask)

        def ask(digits):
            rows = 1 if digits is None else len(digits)
            states = theirs._decode(digits, read.expand(rows, -1, -1), mask.expand(rows, -1))
            return theirs.heads[states.shape[1] - 1](states[:, -1]).log_softmax(-1)

        def their_go_on(depth, code, memory, beam):
            told = code[:, None, :, None]
            if memory:
                told = torch.cat([memory[0][0][:, :, beam[0]], told], dim=3)
            return ask(told[0, 0])[None], [(told, told)]

        children = [{} for _ in SIZES]
        for path in IDS.tolist():
            for depth in range(3):
                children[depth].setdefault(tuple(path[:depth]), set()).add(path[depth])
        children = [{prefix: sorted(codes) for prefix, codes in level.items()} for level in children]
        start = ask(None)
        for width in (1, 4, len(IDS)):
            beams, likely = theirs.generate_beam(history, mask, width, children)
            items, scores = Decoder(trie).beam(start, their_go_on, EVERYTHING[:1], width)
            found = items[0] != PAD
            assert [tuple(path) for path in CODES[items[0][found]].tolist()] == beams
            assert scores[0][found] == pytest.approx(likely, abs=1e-4)
        exact = Decoder(trie).exact(start, their_go_on)[0]
        assert exact == pytest.approx(
            theirs.score_all_items(history, mask, torch.tensor(CODES[trie.item]), 8), abs=1e-4
        )
