"""One small text model for three tasks: what comes next, how it is rated, and why."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from agents.asking.text import spoken
from agents.errors import InvalidInput
from agents.schema import Floats, Ints, Item
from simulator.catalog import Catalog, Interactions
from simulator.recommenders import text_tasks
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent, under
from simulator.recommenders.linear import PRIOR
from simulator.recommenders.talking import read, written
from simulator.recommenders.text_tasks import END, LONGEST, START, Person, Row, Task, Vocabulary, padded

if TYPE_CHECKING:
    from torch import Tensor

    from simulator.recommenders.text_network import TextNetwork

BLOCK = 32
"""Rows the network answers at a time, padded where fewer are asked, so that no row's rounding depends on the batch."""
CONTINUED = 4
"""Newest items that are taken as said already, so that what comes next continues them."""


@dataclass
class P5(Scorer):
    """Train one encoder-decoder on texts of several tasks at once, items being words (P5, RecSys 2022, 2203.13366).

    Besides recommending it predicts ratings and explains, if it was trained to. Above 10,000 words, what should be said
    is compared with a sample of them.

    tasks: what is trained together: sequential, rating, explanation.
    epochs: passes over the users in a first fit, each with one text per user and task.
    refit_epochs: passes in a refit that continues from the current state.
    length: newest items of a history that are read, and items that are said after them in training.
    width: size of the network's states.
    blocks: transformer blocks of the encoder, and of the decoder.
    dropout: share of states silenced in training.
    learning_rate: the highest of a fit; refits start at a quarter.
    batch: texts per step, all of one task.
    reads: texts of each task that a fit reads at most: many users are passed over less often.
    """

    warm: ClassVar[bool] = True
    sequential: ClassVar[bool] = True
    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    tasks: tuple[Task, ...] = ("sequential", "rating", "explanation")
    epochs: Annotated[int, Field(ge=1)] = 20
    refit_epochs: Annotated[int, Field(ge=1)] = 4
    length: Annotated[int, Field(ge=2, multiple_of=2)] = 20
    width: Annotated[int, Field(ge=2, multiple_of=2)] = 128
    blocks: Annotated[int, Field(ge=1)] = 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    batch: Annotated[int, Field(ge=1)] = 64
    reads: Annotated[int, Field(ge=1)] = 100_000
    _words: Vocabulary | None = field(init=False, repr=False, default=None)
    _genres: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    _items: tuple[Item, ...] = field(init=False, repr=False, default=())
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _network: "TextNetwork | None" = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise InvalidInput(f"tasks: {list(self.tasks)} must name at least one task, and none twice")

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Number what is new and train; with a network already there, keep its words and train on."""
        import torch

        before = self._network
        self._words = Vocabulary.of(log, catalog, self._words if before is not None else None)
        self._items, self._genres = catalog.items, catalog.genre_matrix.astype(np.int64)
        counts = log.counts(len(catalog))
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            self._network = self._new_network()
            if before is not None:
                _take_over(self._network, before)
            self._train(log, before is not None, rng, progress)

    def _new_network(self) -> "TextNetwork":
        from simulator.recommenders.text_network import TextNetwork

        assert self._words is not None
        said = max(self.length + 1, LONGEST, CONTINUED + 1)
        shape = {"read": self.length + 1, "said": said, "width": self.width, "blocks": self.blocks}
        return TextNetwork(self._words.size, dropout=self.dropout, **shape).eval()

    def _train(self, log: Interactions, warm: bool, rng: np.random.Generator, progress: Progress) -> None:
        """Minimize the cross-entropy of what should be said, task by task in random order."""
        import torch

        assert self._network is not None
        network, epochs = self._network.train(), self.refit_epochs if warm else self.epochs
        epochs = min(epochs, max(1, self.reads // max(len(np.unique(log.user_id)), 1)))
        highest = self.learning_rate / 4 if warm else self.learning_rate
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
        for epoch in range(epochs):
            every = list(self._batches(log, rng))
            size = self._known().size
            often = sum((np.bincount(wanted.ravel(), minlength=size) for _, _, wanted in every), np.ones(size))
            popularity = torch.from_numpy(often).float()
            for step, place in enumerate(rng.permutation(len(every)).tolist()):
                share = (epoch + step / len(every)) / epochs
                optimizer.param_groups[0]["lr"] = highest * min(1.0, 10 * share + 0.1) * (1.05 - share)
                optimizer.zero_grad()
                read, said, wanted = map(torch.from_numpy, every[place])
                torch.autograd.backward(self._loss(read, said, wanted, popularity))
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
            progress((epoch + 1) / epochs, f"epoch {epoch + 1} of {epochs}")
        network.eval()

    def _batches(self, log: Interactions, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints, Ints]]:
        """Yield batches of one text per user and task."""
        assert self._words is not None
        makers: dict[Task, Callable[[Person, int, np.random.Generator], Row | None]] = {
            "sequential": text_tasks.sequential,
            "rating": text_tasks.rating,
            "explanation": partial(text_tasks.explanation, self._words, self._genres),
        }
        users = text_tasks.people(log, self._words)
        for task in self.tasks:
            rows = [makers[task](person, self.length, rng) for person in users]
            yield from text_tasks.batches([row for row in rows if row is not None], self.batch, self.length, rng)

    def _loss(self, read: "Tensor", said: "Tensor", wanted: "Tensor", popularity: "Tensor") -> "Tensor":
        from simulator.recommenders.cross_entropy import next_cross_entropy

        assert self._network is not None
        network, real = self._network, wanted > 0
        states = network(read, said)[real]
        return next_cross_entropy(states, network.token, wanted[real], popularity, bias=network.bias)

    # -- the three tasks ----------------------------------------------------------------------------

    def score(self, requests: Requests) -> Floats:
        """Return each item's logit as the next word; popularity where a history is empty."""
        words = self._known()
        known = words.number >= 0
        scores = np.tile(self._prior, (len(requests), 1))
        told = [(row, items) for row, items in enumerate(self._histories(requests)) if len(items)]
        texts = []
        for _, items in told:
            cut = len(items) - min(CONTINUED, len(items) - 1)
            said = [START, *words.items(items[cut:]).tolist()]
            texts.append((text_tasks.reading("sequential", words.items(items[:cut]), self.length), said))
        logits = self._next(texts)
        rows = np.array([row for row, _ in told], dtype=np.int64)
        scores[np.ix_(rows, known)] += logits[:, words.items(np.flatnonzero(known))]
        scores[:, ~known] = -np.inf
        return scores

    def predict_rating(self, requests: Requests, rating: Floats, item: Ints) -> Floats:
        """Return the rating expected of one item per request; NaN for items or ratings that training never showed.

        ``rating`` has what the user gave to each entry of the histories, NaN where nothing.
        """
        words = self._known()
        found = np.full(len(requests), np.nan)
        asked = np.flatnonzero((words.number[item] >= 0) & (len(words.levels) > 0))
        texts = []
        for row in asked.tolist():
            told = slice(requests.starts[row], requests.starts[row + 1])
            history, rated = requests.history[told], words.rated(rating[told])
            kept = (history >= 0) & (history < len(words.number)) & (rated > 0)
            kept[kept] = words.number[history[kept]] >= 0
            said = [START, int(words.items(item[row : row + 1])[0])]
            texts.append((text_tasks.rated_reading(words.items(history[kept]), rated[kept], self.length), said))
        first = len(text_tasks.WORDS)
        logits = self._next(texts)[:, first : first + len(words.levels)]
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        found[asked] = (share * words.levels).sum(axis=1) / share.sum(axis=1)
        return found

    def explain(self, requests: Requests, item: Ints) -> list[str]:
        """Return why one item is shown to each request, as words."""
        titles = {int(number): spoken(one) for number, one in zip(self._known().number, self._items, strict=True)}
        return [self._known().text(said, titles.__getitem__) for said in self.explained(requests, item)]

    def explained(self, requests: Requests, item: Ints) -> list[list[int]]:
        """Return the same as tokens, the end among them: the likeliest word after word; nothing for unknown items."""
        words = self._known()
        histories = self._histories(requests)
        asked = np.flatnonzero(words.number[item] >= 0).tolist()
        reads = {row: text_tasks.reading("explanation", words.items(histories[row]), self.length) for row in asked}
        said = {row: [START, int(words.items(item[row : row + 1])[0])] for row in asked}
        going = asked
        while going and len(said[going[0]]) < LONGEST:
            best = self._next([(reads[row], said[row]) for row in going]).argmax(axis=1).tolist()
            for row, token in zip(going, best, strict=True):
                said[row].append(token)
            going = [row for row, token in zip(going, best, strict=True) if token != END]
        return [said[row][2:] if row in said else [] for row in range(len(requests))]

    def expected(self, requests: Requests, item: Ints) -> list[list[int] | None]:
        """Return the template's explanations, None where history and item share no genre."""
        words = self._known()
        histories = self._histories(requests)
        numbered = words.number[item] >= 0
        return [
            text_tasks.reason(words, self._genres, items[-self.length :], int(item[row])) if numbered[row] else None
            for row, items in enumerate(histories)
        ]

    def _known(self) -> Vocabulary:
        assert self._words is not None, "fit first"
        return self._words

    def _histories(self, requests: Requests) -> list[Ints]:
        """Return each request's items that have a number, oldest first."""
        number = self._known().number
        inside = (requests.history >= 0) & (requests.history < len(number))
        inside[inside] = number[requests.history[inside]] >= 0
        ends = np.append(0, np.cumsum(inside))[requests.starts]
        kept = requests.history[inside]
        return [kept[start:end] for start, end in pairwise(ends.tolist())]

    def _next(self, texts: Sequence[tuple[list[int], list[int]]]) -> Floats:
        """Return (texts, tokens) logits of the next word of texts to read and to say, a block at a time."""
        import torch

        assert self._network is not None
        logits = np.zeros((len(texts), self._known().size))
        for first in range(0, len(texts), BLOCK):
            some = texts[first : first + BLOCK]
            read = padded([text for text, _ in some], BLOCK, self.length + 1)
            said = padded([text for _, text in some], BLOCK, max(LONGEST, CONTINUED + 1))
            last = torch.tensor([len(text) - 1 for _, text in some] + [0] * (BLOCK - len(some)))
            with torch.inference_mode():
                states = self._network(torch.from_numpy(read), torch.from_numpy(said))
                found = self._network.logits(states[torch.arange(BLOCK), last])
            logits[first : first + len(some)] = found.numpy()[: len(some)]
        return logits

    # -- what was learned ---------------------------------------------------------------------------

    def state(self) -> State:
        """Return words, titles, genres, popularity, and the network's tensors under their prefix."""
        assert self._network is not None, "fit before asking for the state"
        words = self._known()
        network = {f"network.{name}": value.numpy(force=True) for name, value in self._network.state_dict().items()}
        names = np.array(json.dumps(words.genres))
        told = {"number": words.number, "levels": words.levels, "names": names, "items": written(self._items)}
        return {**told, "genres": self._genres, "prior": self._prior, **network}

    def load_state(self, state: State) -> None:
        """Take over words and network."""
        import torch

        names = tuple(json.loads(str(state["names"])))
        levels, number = np.asarray(state["levels"], dtype=np.float64), np.asarray(state["number"], dtype=np.int64)
        self._words, self._items = Vocabulary(levels, names, number), read(state["items"])
        self._genres = np.asarray(state["genres"], dtype=np.int64)
        self._prior = np.asarray(state["prior"], dtype=np.float64)
        self._network = self._new_network()
        # a copy: the tensors must not share memory with the state that is handed in
        self._network.load_state_dict({k: torch.tensor(v) for k, v in under("network.", state).items()})


def _take_over(network: "TextNetwork", before: "TextNetwork") -> None:
    """Give a network the weights of an earlier one, whose words are the first of its own."""
    ours = network.state_dict()
    for name, value in before.state_dict().items():
        ours[name][: len(value)] = value
    network.load_state_dict(ours)
