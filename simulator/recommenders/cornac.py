"""Any model of the library cornac, behind the contract."""

import inspect
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

import numpy as np

from agents.errors import InvalidInput, MissingResource
from agents.factors import factors
from agents.schema import PAD, Floats, History, Ints
from simulator.catalog import Catalog, Interactions
from simulator.problems import unknown
from simulator.recommenders.base import Progress, Requests, Scorer, State, silent
from simulator.recommenders.linear import PRIOR

FEATURES = 32
"""Latent factors that describe an item to models which want features, where the model names no other number."""
NEVER = -1e9
"""Scores from here down are cornac's way to say that an item was not reached."""


@dataclass
class Cornac(Scorer):
    """Let a model of the library cornac recommend (Salah, Truong and Lauw, JMLR 2020); needs the extra cornac.

    A next-item model reads the history of each request; any other knows the log's users as of the last fit, by their
    ids. Every interaction counts 1. Its state is the log and the seed, so that nothing is pickled: where a state is
    loaded the model is fitted again, when it is first asked.
    model: a class of cornac.models, such as GRU4Rec, BERT4Rec, SASRec, TIGER, RPG, LETTER, BPR or VAECF.
    parameters: arguments of its constructor by name.
    """

    new_items: ClassVar[Literal["scored", "invisible"]] = "invisible"

    model: str
    parameters: dict[str, Any] = field(default_factory=dict)
    _log: State = field(init=False, repr=False, default_factory=dict)
    _prior: Floats = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _place: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros(0, dtype=np.int64))
    _users: Ints = field(init=False, repr=False, default_factory=lambda: np.zeros(0, dtype=np.int64))
    _fitted: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if find_spec("cornac") is None:
            raise MissingResource(
                "recommender cornac needs the extra cornac; pip install -c constraints.txt -e '.[cornac]'"
            )
        self._made(0)  # say what is wrong with name and parameters before anything takes time

    def fit(
        self, log: Interactions, catalog: Catalog, *, rng: np.random.Generator, progress: Progress = silent
    ) -> None:
        """Fit the model on one thread; how far it is, cornac does not tell."""
        order = np.argsort(log.user_id, kind="stable")
        columns: State = {name: getattr(log, name)[order] for name in ("user_id", "item_id", "time")}
        self._take(columns | {"seed": np.asarray(rng.integers(2**31)), "counts": log.counts(len(catalog))})
        progress(0.0, f"cornac's {self.model}")
        self._fitted = self._trained()
        progress(1.0, f"cornac's {self.model}")

    def score(self, requests: Requests) -> Floats:
        """Return the model's scores, one request at a time, plus a trace of popularity, which alone serves others."""
        known = np.flatnonzero(self._place != PAD)
        scores = np.full((len(requests), len(self._place)), -np.inf)
        scores[:, known] = self._prior[known]
        for row in range(len(requests) if len(known) else 0):
            told = requests.history[requests.starts[row] : requests.starts[row + 1]]
            told = self._place[told[(told >= 0) & (told < len(self._place))]]
            told = told[told != PAD]
            if len(told):
                scores[row, known] += self._answer(int(requests.user_id[row]), told, len(known))
        return scores

    def _answer(self, user_id: int, told: Ints, n_items: int) -> Floats:
        """Return the model's scores of the items it knows, -inf where it reached none; 0 where it does not know."""
        from cornac.exception import ScoreException
        from cornac.models import NextItemRecommender

        if self._fitted is None:
            self._fitted = self._trained()
        place = int(np.searchsorted(self._users, user_id))
        known = place < len(self._users) and self._users[place] == user_id
        with chance(int(self._log["seed"]), self._fitted):
            try:
                if isinstance(self._fitted, NextItemRecommender):
                    found = self._fitted.score(place if known else len(self._users), history_items=told.tolist())
                elif known:
                    found = self._fitted.score(place)
                else:
                    return np.zeros(n_items)
            except ScoreException:
                return np.zeros(n_items)
        found = np.asarray(found, dtype=np.float64).ravel()[:n_items]
        return np.where(found > NEVER, found, -np.inf)

    def _trained(self) -> Any:
        """Return a new model fitted on the log; raise MissingResource where it needs another package."""
        if not len(self._log["item_id"]):
            return None
        seed = int(self._log["seed"])
        model = self._made(seed)
        with chance(seed, model):
            try:
                return model.fit(self._data(model))
            except ImportError as error:
                raise MissingResource(f"cornac's {self.model} needs a package that is not there: {error}") from error
            except (ValueError, TypeError) as error:
                raise InvalidInput(f"cornac's {self.model} refuses: {error}") from error

    def _made(self, seed: int) -> Any:
        """Return the model, not fitted; raise InvalidInput naming a model or a parameter that does not exist."""
        from cornac import models

        kinds = {
            name: kind
            for name, kind in vars(models).items()
            if inspect.isclass(kind)
            and issubclass(kind, models.Recommender)
            and not issubclass(kind, models.NextBasketRecommender)
        }
        if self.model not in kinds:
            raise InvalidInput(f"model: {unknown(self.model, 'cornac model', kinds)}")
        able = arguments(kinds[self.model])
        for name in self.parameters:
            if name not in able:
                raise InvalidInput(f"parameters: {unknown(name, f'parameter of {self.model}', able)}")
        ours = {"seed": seed, "num_threads": 1, "verbose": False, "device": "cpu"}
        try:
            return kinds[self.model](**{name: value for name, value in ours.items() if name in able} | self.parameters)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"parameters: cornac's {self.model} refuses them: {error}") from error

    def _data(self, model: Any) -> Any:
        """Return the log in cornac's form, items described by factors of who took what."""
        from cornac.data import Dataset, FeatureModality, SequentialDataset
        from cornac.models import NextItemRecommender

        users, user = np.unique(self._log["user_id"], return_inverse=True)
        items, item = np.unique(self._log["item_id"], return_inverse=True)
        maps = [OrderedDict((int(name), place) for place, name in enumerate(names)) for names in (users, items)]
        time = self._log["time"].astype(np.int64)
        if isinstance(model, NextItemRecommender):
            own = (len(users), len(users), len(items), maps[0], maps[0], maps[1], (user, item, np.ones(len(user))))
            data = SequentialDataset(*own, session_indices=user, timestamps=time, seed=model.seed)
        else:
            _, first = np.unique(user * len(items) + item, return_index=True)
            triples = (user[first], item[first], np.ones(len(first)))
            data = Dataset(len(users), len(items), *maps, triples, timestamps=time[first], seed=0)
        described = factors(
            History(user, item, np.ones(len(user)), time.astype(np.float64)),
            len(items),
            getattr(model, "rqvae_latent_dim", FEATURES),
        )
        data.add_modalities(item_feature=FeatureModality(features=described.astype(np.float32)))
        if getattr(model, "cf_weight", 0) and model.cf_embeddings is None:  # LETTER's collaborative side
            model.cf_embeddings, model.cf_embedding_ids = described.astype(np.float32), list(maps[1])
        return data

    def state(self) -> State:
        """Return the log and the seed."""
        return dict(self._log)

    def load_state(self, state: State) -> None:
        """Take over log and seed; the model is fitted when it is first asked."""
        self._take(state)
        self._fitted = None

    def _take(self, log: State) -> None:
        """Keep a log, and which users and items it knows."""
        counts = np.asarray(log["counts"], dtype=np.float64)
        self._log = {name: np.asarray(value) for name, value in log.items()}
        self._prior = PRIOR * counts / max(counts.sum(), 1.0)
        self._users = np.unique(self._log["user_id"])
        self._place = np.where(counts > 0, np.cumsum(counts > 0) - 1, PAD)


def arguments(kind: type) -> set[str]:
    """Return what a constructor takes, with what it passes on to those it extends."""
    found: set[str] = set()
    for owner in kind.__mro__:
        able = inspect.signature(owner.__init__).parameters.values()  # type: ignore[misc]
        found |= {one.name for one in able if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
        if all(one.kind is not one.VAR_KEYWORD for one in able):
            break
    return found - {"self"}


@contextmanager
def chance(seed: int, model: Any) -> Iterator[None]:
    """Let all that a model draws follow from a seed, whatever it drew before, and leave other draws alone."""
    import torch

    before = np.random.get_state()
    for name, value in vars(model).items():
        if isinstance(value, np.random.RandomState):
            setattr(model, name, np.random.RandomState(seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)
