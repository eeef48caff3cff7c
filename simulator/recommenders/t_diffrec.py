"""Diffusion over a user's interactions, newer ones weighing more."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from simulator.recommenders.diffrec import DiffRec


@dataclass
class TDiffRec(DiffRec):
    """Denoise what a user took, weighted by recency (T-DiffRec, SIGIR 2023).

    The paper's weights fall linearly from the newest entry to the oldest, which over a hundred entries tells the
    newest ten hardly apart; these fall by ``recency`` per entry until they reach ``oldest``.
    """

    recency: Annotated[float, Field(gt=0, le=1)] = 0.9
