"""What a causal language model makes of a text half-way through its layers."""

import copy
from collections.abc import Sequence
from typing import Any

import torch

DIGITS = 4
"""Decimals kept of a vector's numbers."""


class States:
    """Mean hidden state of a text's tokens after the first half of the layers.

    There a text's meaning is represented; later layers turn to the next token (Skean et al., 2025). What comes
    after the middle is not computed.
    """

    def __init__(self, network: Any) -> None:
        """Take a causal language model; its weights are shared, not copied."""
        whole = network.model
        half = -(-len(whole.layers) // 2)
        self._half = copy.copy(whole)
        self._half._modules = dict(whole._modules)
        self._half.layers = whole.layers[:half]
        self._half.norm = torch.nn.Identity()
        self._half.config = copy.copy(whole.config)
        self._half.config.num_hidden_layers = half

    @torch.inference_mode()
    def of(self, texts: Sequence[Sequence[int]]) -> tuple[tuple[float, ...], ...]:
        """Return one vector per text of one token or more, texts of one question read together."""
        longest = max(map(len, texts))
        ids = torch.tensor([[*tokens, *[0] * (longest - len(tokens))] for tokens in texts])
        real = torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in texts])
        states = self._half(input_ids=ids, attention_mask=real, use_cache=False).last_hidden_state.double()
        means = (states * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)
        return tuple(tuple(round(value, DIGITS) for value in row) for row in means.tolist())
