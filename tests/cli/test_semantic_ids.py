"""What a report says of semantic IDs, through the command line, against the IDs in the run's checkpoints."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from tests.command_line import outcome, tasteloop

SCENARIO = """
name: coded
days: 1
data: {kind: "synthetic:tiny", min_interactions: 5}
users: {count: 12, max_pages: 1}
behavior: {kind: uniform}
recommender:
  kind: fallback
  inner:
    kind: tiger
    epochs: 1
    width: 8
    tokenizer: {kind: residual_kmeans, of: collaborative_text, digits: 2, codes: 12}
  slate_size: 5
  retrain: 12h
"""


def test_the_report_says_how_codes_are_used(tmp_path: Path) -> None:
    (tmp_path / "coded.yaml").write_text(SCENARIO)
    folder = Path(outcome(tasteloop("run", tmp_path / "coded.yaml", "--json", "--out", tmp_path / "run"))["run"])
    section = re.search(r'<section id="semantic">(.*?)</section>', (folder / "report.html").read_text(), re.DOTALL)
    assert section
    told = [
        re.findall(r'<td class="n">\s*(.*?)\s*</td>', row)
        for row in re.findall("<tr>(.*?)</tr>", section[1], re.DOTALL)
    ]
    last = sorted((folder / "checkpoints").glob("fit-*.npz"))[-1]
    assert f"refit {int(last.stem[4:])}," in section[1]
    with np.load(last) as stored:
        codes = stored["inner.codes"]
    coded = codes[:, 0] >= 0
    items = pd.concat(map(pd.read_parquet, sorted((folder / "log").glob("items-*.parquet")))).set_index("item_id")
    genres = items["genres"].astype(str).str.split("|")[coded]
    shared = pd.Series(list(map(tuple, codes[coded]))).duplicated(keep=False).mean()
    assert f"{coded.sum():,} items with an ID, {shared:.1%} in a collision" in section[1]
    rows = [row for row in told if row]
    assert len(rows) == codes.shape[1]
    for digit, row in enumerate(rows):
        level = pd.Series(codes[coded, digit], index=genres.index)
        entropy = stats.entropy(level.value_counts(), base=2)
        weight = genres.explode().to_frame().assign(code=level, weight=(1 / genres.str.len()))
        foremost = weight.groupby(["code", "genres"])["weight"].sum().groupby("code").max().sum()
        expected = [
            digit + 1,
            f"{level.nunique()} of 12",
            f"{level.nunique() / 12:.0%}",
            f"{entropy:.2f}",
            f"{2**entropy:.1f}",
        ]
        assert row[:6] == [*map(str, expected), f"{foremost / coded.sum():.3f}"]
        assert float(row[6]) < float(row[5])
