"""Intervals for the charts: what one point of a line is worth, given the noise that was measured.

Networks of several seeds give Student's t over their means. A single network has only its test
examples, which say nothing of another seed.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from latentsweep.language import _
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences

_COLUMNS = ("objective", "latent_size", "seeds", "value", "low", "high", "over")
_TYPES = {"latent_size": int, "seeds": int, "value": float, "low": float, "high": float}
_CONFIDENCE = 0.95
_NORMAL = 1.96


def means(run: RunFolder, members: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """One row an objective and latent size: the mean of a quantity and its 95 % interval.

    Args:
        run: where the members' test examples are.
        members: rows of the results, of members that finished.
        quantity: a column of the results.

    Returns:
        `objective`, `latent_size`, `seeds` (how many), `value`, `low`, `high`, and `over`: what
        varies in the interval, `seeds` or `examples`; "" where there is none, with NaN for both
        its ends.
    """
    groups = members.groupby(["objective", "latent_size"])
    rows = [
        dict(zip(_COLUMNS, (*key, *_interval(run, group, quantity)), strict=True))
        for key, group in groups
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_TYPES)


def words(rows: pd.DataFrame) -> str:
    """The sentence for a caption that says what the bars are, "" if there are none."""
    kinds, seeds = set(rows["over"]) - {""}, rows.loc[rows["over"] == "seeds", "seeds"]
    if not kinds:
        return ""
    if kinds == {"examples"}:
        return _(
            "Bars: 95 % intervals over the test examples of one network; how much another seed "
            "would change is not in them."
        )
    if kinds == {"seeds"}:
        message = _("Bars: 95 % intervals of Student's t over {seeds} seeds.")
    else:
        message = _(
            "Bars: 95 % intervals of Student's t over {seeds} seeds; where a size has one network, "
            "over its test examples, and how much another seed would change is not in those."
        )
    return message.format(seeds=sentences.ranged(seeds.min(), seeds.max()))


def _interval(run: RunFolder, group: pd.DataFrame, quantity: str) -> tuple[Any, ...]:
    """Seeds, value, low, high and over of the members of one size."""
    values = group[quantity].to_numpy(float)
    value, several = float(values.mean()), len(values) > 1
    reach = _reach_of_seeds(values) if several else _reach_of_examples(run, group, quantity)
    over = "" if np.isnan(reach) else "seeds" if several else "examples"
    return len(values), value, value - reach, value + reach, over


def _reach_of_seeds(values: np.ndarray) -> float:
    """Half the interval of Student's t for the mean of at least two values."""
    quantile = stdtrit(len(values) - 1, (1 + _CONFIDENCE) / 2)
    return float(quantile * values.std(ddof=1) / np.sqrt(len(values)))


def _reach_of_examples(run: RunFolder, group: pd.DataFrame, quantity: str) -> float:
    """Half the interval for the mean over the test examples of one network; NaN if unknown."""
    examples = run.arrays(group["member"].iloc[0]).get(f"test/{quantity}", np.empty(0))
    if len(examples) < 2:
        return np.nan
    return float(_NORMAL * examples.std(ddof=1, dtype=np.float64) / np.sqrt(len(examples)))
