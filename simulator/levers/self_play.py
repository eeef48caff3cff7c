"""Learning to prefer what was taken to what it would show itself."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from simulator.levers.objective import Training


@dataclass
class SelfPlay(Training):
    """Add the softmax preference loss against what the recommender itself would show (SPRec; Gao et al., WWW 2025).

    strength: weight of that loss beside cross-entropy.
    """

    name: ClassVar[str] = "self_play"
    preference: ClassVar[bool] = True

    strength: Annotated[float, Field(ge=0)]
