"""Learning to prefer what was taken to what was not."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from simulator.levers.objective import Training


@dataclass
class Sdpo(Training):
    """Add the softmax preference loss against several drawn items (S-DPO; Chen et al., NeurIPS 2024).

    strength: weight of that loss beside cross-entropy.
    """

    name: ClassVar[str] = "sdpo"
    preference: ClassVar[bool] = True

    strength: Annotated[float, Field(ge=0)]
