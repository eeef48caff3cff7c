"""Who is tied to whom, colored by community."""

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.load import Study
from analysis.plots.base import Plot
from analysis.plots.style import FAINT, PAGE, STYLES, panels

MOST = 400
"""Users drawn, at most: the first ones, with the ties among them."""
SEED = 1


class CommunityNetwork(Plot):
    """Draw the ties between users, laid out by springs, colored by the communities that Louvain finds."""

    title = "Ties and communities"
    section = "echo"
    reading = (
        "Users joined by a line can tell each other of items; colors are communities found by Louvain's method with a "
        "fixed seed, the largest first, gray beyond the seventh. Ties are the same in every arm of a seed."
    )
    counted = "ties"

    def tidy(self, study: Study) -> pd.DataFrame:
        """Return one row per user (``friend`` -1) with its place and community, and one per tie; first seed only."""
        cell = study.cells[0]
        ties = cell.run.table("ties")
        ties = ties[(ties["user_id"] < MOST) & (ties["friend_id"] < MOST)]
        if not len(ties):
            return pd.DataFrame()
        graph = nx.Graph(list(zip(ties["user_id"].tolist(), ties["friend_id"].tolist(), strict=True)))
        place = nx.spring_layout(graph, seed=SEED, iterations=80)
        groups = sorted(nx.community.louvain_communities(graph, seed=SEED), key=lambda group: (-len(group), min(group)))
        number = {user: code for code, group in enumerate(groups) for user in group}
        users = [{"user": user, "friend": -1, "x": place[user][0], "y": place[user][1], "community": number[user]}
                 for user in sorted(graph)]  # fmt: skip
        pairs = [{"user": one, "friend": two, "x": np.nan, "y": np.nan, "community": -1} for one, two in graph.edges]
        modularity = nx.community.modularity(graph, groups)
        return pd.DataFrame([*users, *pairs]).assign(
            arm=study.baseline, seed=cell.seed, n=len(pairs), modularity=modularity, definition_id="louvain/modularity"
        )

    def draw(self, frame: pd.DataFrame) -> Figure:
        """Return one square panel without axes."""
        figure, (ax,) = panels(1, height=4.2, width=PAGE * 0.62)
        users: Any = frame[frame["friend"] < 0].set_index("user")
        ties = frame[frame["friend"] >= 0]
        ends = [users.loc[ties[name].to_numpy(), ["x", "y"]].to_numpy() for name in ("user", "friend")]
        gaps = np.full((len(ties), 2), np.nan)
        lines = np.stack([*ends, gaps], axis=1).reshape(-1, 2)
        ax.plot(lines[:, 0], lines[:, 1], color="#c9c9c9", linewidth=0.35, zorder=1)
        for code, some in users.groupby("community"):
            color = STYLES[int(code)].color if int(code) < len(STYLES) else FAINT
            marker = STYLES[int(code) % len(STYLES)].marker
            ax.plot(some["x"], some["y"], linestyle="none", marker=marker, color=color, markersize=4, zorder=2)
        ax.set_axis_off()
        return figure

    def findings(self, frame: pd.DataFrame) -> str:
        """Return how many communities there are, how large, and the modularity."""
        sizes = frame.loc[frame["friend"] < 0, "community"].value_counts()
        modularity = frame["modularity"].iloc[0]
        return f"{len(sizes)} communities, the largest of {sizes.max()} users; modularity {modularity:.3g}."
