"""MovieTweetings 100K: ratings people posted, on another scale and with a longer tail than MovieLens."""

from dataclasses import dataclass
from typing import ClassVar

from simulator.data.assemble import assemble
from simulator.data.base import Dataset, DataSource
from simulator.data.entry import Entry
from simulator.data.table import read

_LICENCE = """\
Copyright (c) 2013 Simon Dooms. Permission is hereby granted, free of charge, to any person obtaining a copy of this
software and associated documentation files, to deal in it without restriction, including the rights to use, copy,
modify, merge, publish, distribute, sublicense and sell copies, provided that the copyright notice and this permission
notice are included in all copies or substantial portions. It is provided "as is", without warranty of any kind."""


@dataclass
class MovieTweetings100K(DataSource):
    """Load MovieTweetings 100K: 100,000 ratings (0-10) of 10,506 films by 16,554 users, 2013.

    Who the users are is never read: the published users.dat maps them to real accounts.
    """

    ENTRY: ClassVar[Entry] = Entry(
        name="movietweetings-100k",
        version="snapshot 100K",
        sources=("https://github.com/sidooms/MovieTweetings (snapshots/100K)",),
        files={
            "ratings.dat": "c0dd868c2632d10002ebc928ddc5345f33adeaa59eca52c2941c26a2c5e36fd6",
            "movies.dat": "e63fb84bc734e3c574f135634a40d3cbafab22b8f94f5fc0b80f80d1d2076efc",
        },
        bytes=3_487_293,
        licence="MIT",
        licence_text=_LICENCE,
        redistributable=True,
        citation=(
            "Simon Dooms, Toon De Pessemier and Luc Martens. 2013. MovieTweetings: a Movie Rating Dataset Collected "
            "From Twitter. Workshop on Crowdsourcing and Human Computation for Recommender Systems, CrowdRec at RecSys."
        ),
        users=16_554,
        items=10_506,
        interactions=100_000,
    )

    def load(self) -> Dataset:
        """Return the data set; raise MissingResource with the import command if it is not there."""
        events, items = (read(self.ENTRY.path(file)) for file in ("ratings.dat", "movies.dat"))
        return assemble(self.ENTRY.name, events, items, scale=(0, 10, 1), identity=self.ENTRY.identity())
