"""Which members a picture shows: those that finished, and of several seeds the first."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentsweep.record.folder import RunFolder
from latentsweep.show import variants


def finished(results: pd.DataFrame) -> pd.DataFrame:
    """The members whose loss stayed finite."""
    return results[results["status"] != "failed"]


def failed(results: pd.DataFrame) -> pd.DataFrame:
    """The members whose loss did not stay finite."""
    return results[results["status"] == "failed"]


def first_seeds(run: RunFolder, most_sizes: int) -> pd.DataFrame:
    """One finished member an objective and latent size, at most `most_sizes` sizes, by size.

    The recommended size is among them. The column `sizes_in_run` says how many sizes there were to
    choose from.
    """
    one = finished(run.results()).drop_duplicates(["objective", "latent_size"])
    sizes = sorted(set(one["latent_size"]))
    shown = with_one(few(sizes, most_sizes), recommended_size(run), sizes)
    one = one[one["latent_size"].isin(shown)].assign(sizes_in_run=len(sizes))
    return one.sort_values("latent_size", kind="stable")


def objectives(table: pd.DataFrame) -> list[str]:
    """The objectives of a table and their variants, always in the same order."""
    return variants.ordered(table["objective"])


def few(values: Sequence[int], most: int) -> list[int]:
    """At most `most` of the values, evenly taken, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    return [values[i] for i in np.linspace(0, len(values) - 1, most).round().astype(int)]


def recommended_size(run: RunFolder) -> int | None:
    """The latent size that the answers of a run recommend, None if they recommend none."""
    return ((run.answers() or {}).get("recommendation") or {}).get("latent_size")


def with_one(chosen: Sequence[int], wanted: int | None, among: Sequence[int]) -> list[int]:
    """The chosen numbers, of which the nearest makes room for the wanted one if that is missing."""
    if wanted is None or wanted not in among or wanted in chosen:
        return list(chosen)
    nearest = min(chosen, key=lambda number: abs(number - wanted))
    return sorted({*chosen, wanted} - {nearest})


def class_names(label_names: Sequence[object] | None, labels: np.ndarray) -> np.ndarray:
    """The name of each class number: its number where the data has no names."""
    if label_names is None:
        return labels.astype(str).astype(object)
    return np.array([str(name) for name in label_names], dtype=object)[labels]
