"""The adapter to cornac, and cornac's RPG as an oracle for ours; skipped where the extra is not installed."""

import importlib.util

import numpy as np
import pytest

from agents.errors import InvalidInput, MissingResource
from analysis.cli import evaluate
from simulator.components import InvalidSpec, build
from simulator.recommenders.conformance import Subject, batch_does_not_matter, cold_policy_is_kept, state_round_trips
from simulator.recommenders.planted import Planted
from simulator.recommenders.semantic_id import SemanticId
from tests.command_line import called

GRU = {
    "kind": "cornac",
    "model": "GRU4Rec",
    "parameters": {"layers": [16], "n_epochs": 1, "batch_size": 64, "n_sample": 64},
}

installed = pytest.mark.skipif(importlib.util.find_spec("cornac") is None, reason="needs the extra cornac")


@installed
def test_a_next_item_model_keeps_the_contract() -> None:
    subject = Subject(lambda: build("recommenders", dict(GRU)))
    for rule in (batch_does_not_matter, cold_policy_is_kept, state_round_trips):
        assert rule(subject) is None


@installed
def test_the_models_that_compare_with_ours_are_there() -> None:
    for model in ("TIGER", "RPG", "LETTER", "GRU4Rec", "BERT4Rec", "SASRec", "VAECF"):
        build("recommenders", {"kind": "cornac", "model": model})


@installed
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"model": "GRU5Rec"}, "did you mean 'GRU4Rec'?"),
        ({"model": "NextBasketRecommender"}, "unknown cornac model"),
        ({"model": "GRU4Rec", "parameters": {"epochs": 3}}, "did you mean 'n_epochs'?"),
        ({"model": "GRU4Rec", "parameters": {"loss": "none"}}, "GRU4Rec refuses them"),
    ],
)
def test_what_cornac_does_not_have_is_refused_at_once(spec: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        build("recommenders", {"kind": "cornac", **spec})
    assert message in str(caught.value)


@installed
def test_a_model_that_refuses_its_data_says_so() -> None:
    world = Planted.shuffled(users=20, length=6)
    rpg = build("recommenders", {"kind": "cornac", "model": "RPG", "parameters": {"codebook_size": 8}})
    with pytest.raises((InvalidInput, MissingResource), match="cornac's RPG"):
        rpg.fit(world.log, world.catalog, rng=np.random.default_rng(0))


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.recommenders.cornac.find_spec", lambda _name: None)
    done = called(evaluate.command, "--data", "synthetic:tiny", "--recommender", "{kind: cornac, model: GRU4Rec}")
    assert isinstance(done.exception, MissingResource)
    assert done.exception.exit_code == 3
    assert "pip install -c constraints.txt -e '.[cornac]'" in str(done.exception)


@installed
def test_our_rpg_scores_items_as_that_of_cornac() -> None:
    """Same codes, same logits: cornac's score is ours but for a constant of each request, the mean log-normalizer.

    From the head on: its cosines are of a shared table, ours of one per digit, so each digit is compared alone.
    """
    torch = pytest.importorskip("torch")
    from cornac.models import RPG
    from cornac.models.rpg.rpg import RPGBackbone

    from simulator.recommenders.transformer import Rows

    world = Planted.shuffled(users=60, length=8)
    ours = SemanticId(epochs=1, width=16)
    ours.fit(world.log, world.catalog, rng=np.random.default_rng(0))
    codes, network = ours.state()["codes"].astype(np.int64), ours._network
    assert network is not None
    coded = np.flatnonzero(codes[:, 0] >= 0)
    requests = world.requests().part(0, 20)
    sequences = np.zeros((20, ours.length), dtype=np.int64)
    sequences[:, -7:] = world.taken[:20] + 1
    theirs = RPG(n_codebook=ours.tokenizer.digits, codebook_size=ours.tokenizer.codes, scoring="exact")
    theirs.sid_table, theirs.num_items = codes[coded], len(coded)
    settings = {"n_layer": 1, "n_head": 1, "n_inner": 8, "temperature": ours.temperature}
    backbone = RPGBackbone(ours.tokenizer.digits, ours.tokenizer.codes, max_len=8, d_model=8, **settings)
    with torch.inference_mode():
        hidden = network(Rows.timeless(torch.from_numpy(sequences)))[:, -1]
        logits = network.logits(hidden)
        exact = (theirs._exact_item_scores(logits) - logits.logsumexp(-1).mean(1, keepdim=True)).numpy()
        backbone.gpt2.wte.weight[1:-1] = network.choice.reshape(-1, 8)
        for head in backbone.pred_heads:
            head.linear.bias.zero_()  # with weights that begin at zero: the identity
        wanted = network.head(hidden).view(20, ours.tokenizer.digits, 8)
        cosines = torch.stack([backbone._mtp_logits(wanted[:, d])[:, d] for d in range(ours.tokenizer.digits)], dim=1)
    np.testing.assert_allclose(cosines.numpy(), logits.numpy(), atol=1e-5)
    np.testing.assert_allclose(ours.score(requests)[:, coded], exact, atol=1e-5)
