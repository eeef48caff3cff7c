"""Diffusion over a user's interactions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.recommenders.row_diffusion import RowDiffusion

if TYPE_CHECKING:
    from simulator.recommenders.row_denoiser import RowDenoiser


@dataclass
class DiffRec(RowDiffusion):
    """Denoise what a user took to see what else belongs there (DiffRec, SIGIR 2023)."""

    def new_network(self, n_items: int) -> "RowDenoiser":
        """Return a network that reads and writes whole rows."""
        from simulator.recommenders.diffusion_process import Process
        from simulator.recommenders.row_denoiser import RowDenoiser

        return RowDenoiser(n_items, self.width, self.dropout, Process(self.steps, self.noise_scale))
