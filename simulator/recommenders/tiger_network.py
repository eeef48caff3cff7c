"""A causal transformer over semantic IDs laid end to end, which reads a history once and continues it many ways."""

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from simulator.recommenders.decoding import Memory
from simulator.recommenders.transformer import FAR, Block


class TigerNetwork(nn.Module):
    """Predict the next digit of items laid end to end, each as its digits (TIGER, NeurIPS 2023, without its encoder).

    Digit d has a vocabulary of its own, ``sizes[d]`` codes; a digit's embedding is that of its code plus that
    of its item's place among ``length`` read items and the one that comes next.
    """

    offsets: Tensor

    def __init__(self, sizes: tuple[int, ...], *, length: int, width: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.sizes = sizes
        self.register_buffer("offsets", torch.tensor([0, *sizes[:-1]]).cumsum(0), persistent=False)
        self.code = nn.Parameter(torch.randn(sum(sizes), width) * 0.1)
        self.place = nn.Parameter(torch.randn(length + 1, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, dropout, length) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.choice = nn.Parameter(torch.randn(sum(sizes), width) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(sum(sizes)))
        self.dropout = nn.Dropout(dropout)

    def forward(self, codes: Tensor) -> Tensor:
        """Return (B, n, digits, width): what predicts each digit of items 1..n, given all before it.

        ``codes`` are (B, n + 1, digits), negative where there is no item; the last item is the one that comes next.
        """
        tokens = codes.shape[1] * len(self.sizes) - 1
        hidden, mask = self._embedded(codes, self.place[-codes.shape[1] :], tokens)
        for block in self.blocks:
            hidden = block(hidden, mask)
        before: Tensor = self.norm(hidden[:, len(self.sizes) - 1 :])
        return before.view(len(codes), codes.shape[1] - 1, len(self.sizes), -1)

    def _embedded(self, codes: Tensor, place: Tensor, tokens: int) -> tuple[Tensor, Tensor]:
        """Return the (B, tokens, width) states of the first tokens of items' codes, and what each may not attend to."""
        there = (codes >= 0).flatten(1)[:, None, None, :tokens]
        states = self.code[codes.clamp(min=0) + self.offsets] + place[:, None]
        visible = there & torch.ones(tokens, tokens).tril().bool()
        mask = torch.zeros(visible.shape).masked_fill(~visible, FAR)
        return self.dropout(states.flatten(1, 2)[:, :tokens]), mask

    def layers(self) -> Iterator[Block]:
        """Yield the blocks in their order."""
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block

    def take_over(self, trained: Mapping[str, Tensor]) -> None:
        """Go on from the tensors of a network like this one, whose last digit may have fewer codes."""
        for name, mine in self.state_dict().items():
            mine[: len(trained[name])] = trained[name]

    def logits(self, told: Tensor, digit: int) -> Tensor:
        """Return (..., sizes[digit]) logits of states (..., width)."""
        codes = slice(int(self.offsets[digit]), int(self.offsets[digit]) + self.sizes[digit])
        return functional.linear(told, self.choice[codes], self.bias[codes])

    def read(self, codes: Tensor) -> "Reading":
        """Read (B, length, digits) codes of histories, once for all that may come next."""
        hidden, mask = self._embedded(codes, self.place[:-1], codes.shape[1] * len(self.sizes))
        memory: Memory = []
        for block in self.layers():
            query, key, value = block.looks(hidden)
            memory.append((key, value))
            if len(memory) == len(self.blocks):  # of the last block, only what the newest token comes to is wanted
                query, hidden, mask = query[:, :, -1:], hidden[:, -1:], mask[:, :, -1:]
            hidden = block.after(hidden, functional.scaled_dot_product_attention(query, key, value, attn_mask=mask))
        return Reading(self, memory, mask, self.norm(hidden))


class Reading:
    """Histories that were read; ``first`` is what predicts the first digit of what comes next."""

    def __init__(self, network: TigerNetwork, memory: Memory, mask: Tensor, first: Tensor) -> None:
        """Take keys and values of every block, and (B, 1, 1, tokens) what of them may be seen."""
        self._network, self._memory, self._mask, self.first = network, memory, mask, first

    def go_on(self, digit: int, code: Tensor, before: Memory, beam: Tensor) -> tuple[Tensor, Memory]:
        """Return (B, W, width) states after (B, W) codes of a digit, and keys and values of all digits so far.

        Beams share what was read; ``before`` holds keys and values of earlier digits of what comes next,
        and ``beam`` (B, W) says which of those beams each new one continues.
        """
        network, memory = self._network, []
        hidden = network.code[code + network.offsets[digit]] + network.place[-1]
        earlier: Sequence[tuple[Tensor | None, Tensor | None]] = before or [(None, None)] * len(self._memory)
        for block, (keys, values), told in zip(network.layers(), self._memory, earlier, strict=True):
            query, key, value = block.looks(hidden)
            own = [_continued(of, new, beam) for of, new in zip(told, (key, value), strict=True)]
            memory.append((own[0], own[1]))
            query = query / math.sqrt(query.shape[-1])
            far = query @ keys.transpose(2, 3) + self._mask
            near = (query[:, :, :, None] * own[0]).sum(-1)
            weight = torch.cat([far, near], dim=-1).softmax(-1)
            read = keys.shape[2]
            seen = weight[..., :read] @ values + (weight[..., read:, None] * own[1]).sum(3)
            hidden = block.after(hidden, seen)
        return network.norm(hidden), memory


def _continued(earlier: Tensor | None, new: Tensor, beam: Tensor) -> Tensor:
    """Return (B, heads, W, digits, width) entries of earlier digits, taken from their beams, and of the new one."""
    if earlier is None:
        return new[:, :, :, None]
    rows = beam[:, None, :, None, None].expand(-1, earlier.shape[1], -1, *earlier.shape[3:])
    return torch.cat([earlier.gather(2, rows), new[:, :, :, None]], dim=3)
