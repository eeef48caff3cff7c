"""Cross-entropy over a sample has the optimum of cross-entropy over everything."""

import numpy as np
import pytest
import torch

from simulator.recommenders import cross_entropy
from simulator.recommenders.cross_entropy import next_cross_entropy

SHARE = torch.from_numpy(np.sort(np.random.default_rng(0).dirichlet(np.full(40, 0.5)))[::-1].copy()).float()


@pytest.mark.parametrize("by", ["offered", "bias"])
def test_a_sample_teaches_the_same_chances(by, monkeypatch):
    monkeypatch.setattr(cross_entropy, "FULL", 10)
    monkeypatch.setattr(cross_entropy, "SAMPLE", 12)
    torch.manual_seed(0)
    offered, bias = torch.zeros(40, 1), torch.zeros(40)
    learned = (offered if by == "offered" else bias).requires_grad_()
    optimizer = torch.optim.SGD([learned], lr=0.5)
    for step in range(2000):
        optimizer.param_groups[0]["lr"] = 2 / (1 + step / 100)
        wanted = torch.multinomial(SHARE, 256, replacement=True)
        optimizer.zero_grad()
        next_cross_entropy(torch.ones(256, 1), offered, wanted, 1 + 100 * SHARE, bias=bias).backward()
        optimizer.step()
    found = learned.detach().flatten().softmax(dim=0)
    assert (found - SHARE).abs().sum() < 0.1 < (1 / 40 - SHARE).abs().sum()


def test_few_candidates_are_all_compared():
    hidden, offered, bias = torch.randn(5, 3), torch.randn(40, 3), torch.randn(40)
    wanted = torch.tensor([0, 3, 39, 7, 7])
    expected = -(hidden @ offered.T + bias).log_softmax(dim=1)[torch.arange(5), wanted]
    loss = next_cross_entropy(hidden, offered, wanted, torch.ones(40), bias=bias)
    assert loss.item() == pytest.approx(expected.mean().item(), rel=1e-5)
    weight = torch.tensor([1.0, 0.0, 2.0, 0.0, 0.0])
    weighted = next_cross_entropy(hidden, offered, wanted, torch.ones(40), bias=bias, weight=weight)
    assert weighted.item() == pytest.approx((expected * weight).mean().item(), rel=1e-5)
