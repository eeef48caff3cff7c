"""Learning that does not repeat what was shown most."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from simulator.levers.objective import Training


@dataclass
class InversePropensity(Training):
    """Weigh what is learned from by popularity^-e (Schnabel et al., ICML 2016).

    strength: the exponent e; 1 gives every item the same say in all.
    """

    name: ClassVar[str] = "inverse_propensity"

    strength: Annotated[float, Field(ge=0)]
