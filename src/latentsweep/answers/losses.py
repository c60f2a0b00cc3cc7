"""The losses that an answer is made from: one a latent size, seed and held-out example.

They come from a run folder, or from a table that anyone's training can write: a row a number, with
the columns latent_size, seed, example, loss. Latent size 0 is the model without a latent. What
can't be used is left out and said; what has two meanings is refused.
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from latentsweep.answers.statistics import additive
from latentsweep.data.memory import check_fits
from latentsweep.data.numbers import to_numbers
from latentsweep.data.raw import some
from latentsweep.errors import DataError, refused

LEAST_EXAMPLES = 40
COLUMNS = ("latent_size", "seed", "example", "loss")
_LARGEST = 2**31 - 1
_KEYS = list(COLUMNS[:3])

Remark = dict[str, Any]  # a "code", and the numbers and names that its sentence has


@dataclass(frozen=True, eq=False)
class Losses:
    """Held-out losses [K, seeds, N] of sizes in rising order, lower being better.

    A network that was not trained, or failed, is NaN throughout. `no_latent` [N] are the losses of
    the model without a latent, None if they are not known.

    With `folds` the seeds that leave one remainder share their N examples, and other seeds have
    others; `no_latent` is then [folds, N]. Examples that belong together have one number in
    `groups` [N]; folds have none. `linear` are the losses of linear models of the same sizes, NaN
    where a network is, and `linear_curve` their means by the number of dimensions from 0 on.
    """

    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    values: Float[np.ndarray, "K seeds N"]
    no_latent: Float[np.ndarray, "*folds N"] | None = None
    folds: int = 1
    groups: Int[np.ndarray, " N"] | None = None
    linear: Float[np.ndarray, "K seeds N"] | None = None
    linear_curve: Float[np.ndarray, " sizes"] | None = None

    def __post_init__(self) -> None:
        assert self.linear is None or self.linear.shape == self.values.shape
        assert self.values.shape[:2] == (len(self.sizes), len(self.seeds)), self.values.shape
        assert list(self.sizes) == sorted(set(self.sizes)), self.sizes
        assert self.no_latent is None or self.no_latent.size == self.folds * self.values.shape[2]
        assert self.groups is None or self.groups.shape == self.values.shape[2:]
        assert self.groups is None or self.folds == 1

    @property
    def present(self) -> Bool[np.ndarray, "K seeds"]:
        """Which networks there are."""
        return ~np.isnan(self.values[:, :, 0])

    @property
    def examples(self) -> int:
        """How many held-out examples there are, each counted once."""
        return self.values.shape[2] * len(set(self.fold_of_seeds.tolist()))

    @property
    def fold_of_seeds(self) -> Int[np.ndarray, " seeds"]:
        """Whose examples each seed's networks were measured on: 0 for all of them without folds."""
        return np.array(self.seeds, int) % self.folds

    @property
    def no_latent_of_seeds(self) -> Float[np.ndarray, "seeds N"] | None:
        """The losses without a latent of each seed's examples."""
        if self.no_latent is None:
            return None
        return self.no_latent.reshape(self.folds, -1)[self.fold_of_seeds]

    def of_sizes(self, chosen: Bool[np.ndarray, " K"]) -> "Losses":
        """The losses of some of the sizes."""
        sizes = tuple(size for size, kept in zip(self.sizes, chosen, strict=True) if kept)
        linear = None if self.linear is None else self.linear[chosen]
        return dataclasses.replace(self, sizes=sizes, values=self.values[chosen], linear=linear)


class Read(NamedTuple):
    """Losses, and a remark for each thing that was left out of the table."""

    losses: Losses
    remarks: tuple[Remark, ...]


def read_losses(path: Path) -> Read:
    """The losses in a Parquet or CSV file.

    Raises:
        DataError: no such file, another kind of file, or a table that can't be used.
    """
    readers = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"losses: a .parquet or .csv file is needed, got '{path}'; write the table with "
            "pandas' to_parquet or to_csv"
        )
    with refused(lambda why: DataError(f"losses: cannot read '{path}' ({why}); check the file")):
        table = reader(path)
    return table_losses(table)


def table_losses(table: pd.DataFrame) -> Read:
    """The losses in a table with the columns latent_size, seed, example, loss.

    Raises:
        DataError: a column is missing or holds no numbers, a row stands twice with two losses, or
            too little is left to compare.
    """
    numbers = _numbers(table)
    single, repeats = _single(numbers)
    finite, failed = _finite(single)
    if not (finite["latent_size"] > 0).any():
        raise DataError(
            "losses: a row with a latent_size of 1 or more is needed, got none with finite losses; "
            "add the networks' rows"
        )
    common, missing = _shared(finite)
    if (examples := common["example"].nunique()) < LEAST_EXAMPLES:
        raise DataError(
            f"losses: at least {LEAST_EXAMPLES} held-out examples that all networks share are "
            f"needed, got {examples}; measure every network on the same, larger set"
        )
    losses = _arranged(common[common["latent_size"] > 0], common[common["latent_size"] == 0])
    return Read(losses, (*repeats, *failed, *missing, *unbalanced(losses)))


def unbalanced(losses: Losses) -> Iterator[Remark]:
    """A remark if some sizes have seeds that others have not."""
    counts = losses.present.sum(axis=1)
    if counts.min() < len(losses.seeds):
        yield {
            "code": "unbalanced",
            "seeds": len(losses.seeds),
            "counts": list(zip(losses.sizes, counts.tolist(), strict=True)),
            "paired": additive(losses.present[counts > 0]).paired,
        }


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    """The four columns as numbers."""
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise DataError(
            f"losses: the columns {', '.join(COLUMNS)} are needed, {', '.join(missing)} is "
            f"missing among {some(table.columns)}; rename or add it"
        )
    numbers = table[list(COLUMNS)].assign(example=_named(table["example"]))
    for name in ("latent_size", "seed"):
        numbers[name] = _whole(numbers[name])
    losses = to_numbers(numbers["loss"])
    if (bad := losses.isna() & numbers["loss"].notna()).any():
        raise DataError(
            f"losses: loss must hold numbers, got '{numbers['loss'][bad].iloc[0]}' in row "
            f"{int(np.flatnonzero(bad)[0])}; write nats per example, higher being worse"
        )
    return numbers.assign(loss=losses.astype(np.float64))


def _whole(column: pd.Series) -> pd.Series:
    """A column of whole numbers from 0 on."""
    values = to_numbers(column)
    bad = values.isna() | (values < 0) | (values > _LARGEST) | (values % 1 != 0)
    if bad.any():
        raise DataError(
            f"losses: {column.name} must be a whole number from 0 to {_LARGEST:,}, got "
            f"'{column[bad].iloc[0]}' in row {int(np.flatnonzero(bad)[0])}; mend that row"
        )
    return values.astype(np.int64)


def _named(column: pd.Series) -> pd.Series:
    """A column of names, whatever they are, but for missing ones."""
    if (bad := column.isna()).any():
        raise DataError(
            f"losses: {column.name} must name the held-out example of each row, got nothing in row "
            f"{int(np.flatnonzero(bad)[0])}; mend that row"
        )
    if column.dtype == object and not column.map(pd.api.types.is_hashable).all():
        raise DataError(f"losses: {column.name} must be text or a number, got lists; name them")
    categories = getattr(column, "cat", None)
    return column if categories is None else column.astype(categories.categories.dtype)


def _single(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Remark]]:
    """The table with each row once; the same row with two losses has no meaning."""
    once = table.drop_duplicates()
    twice = once[once.duplicated(_KEYS, keep=False)]
    if len(twice):
        row = twice.iloc[0]
        raise DataError(
            f"losses: one loss for each latent_size, seed and example is needed, got several for "
            f"{int(row['latent_size'])}, {int(row['seed'])}, {twice['example'].iloc[0]}; give each "
            "training a seed of its own, or average the rows"
        )
    dropped = len(table) - len(once)
    return once, [{"code": "repeats", "rows": dropped}] if dropped else []


def _finite(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Remark]]:
    """The networks all of whose losses are finite."""
    bad = table[~np.isfinite(table["loss"])]
    failed = bad[["latent_size", "seed"]].drop_duplicates()
    if failed.empty:
        return table, []
    kept = table.merge(failed, how="left", indicator=True, on=["latent_size", "seed"])
    networks = [[int(size), int(seed)] for size, seed in failed.itertuples(index=False)]
    return kept[kept["_merge"] == "left_only"].drop(columns="_merge"), [
        {"code": "not finite", "networks": networks}
    ]


def _shared(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Remark]]:
    """The rows of the examples that every network was measured on."""
    networks = len(table[["latent_size", "seed"]].drop_duplicates())
    counts = table["example"].value_counts()
    shared = counts.index[counts == networks]
    left_out = len(counts) - len(shared)
    if not left_out:
        return table, []
    remark = {"code": "not shared", "left_out": left_out, "examples": len(counts)}
    return table[table["example"].isin(shared)], [remark]


def _arranged(sizes: pd.DataFrame, without: pd.DataFrame) -> Losses:
    """The rows as an array, examples in one order."""
    cells = sizes.pivot_table(index=["latent_size", "seed"], columns="example", values="loss")
    known, seeds = (sorted(set(sizes[name])) for name in ("latent_size", "seed"))
    shape = (len(known), len(seeds), cells.shape[1])
    check_fits("losses: all sizes with all seeds", 8 * math.prod(shape), "give fewer of them")
    values = np.full(shape, np.nan)
    for (size, seed), row in zip(cells.index, cells.to_numpy(), strict=True):
        values[known.index(size), seeds.index(seed)] = row
    no_latent = without.groupby("example")["loss"].mean().reindex(cells.columns)
    return Losses(
        sizes=tuple(int(size) for size in known),
        seeds=tuple(int(seed) for seed in seeds),
        values=values,
        no_latent=None if without.empty else no_latent.to_numpy(),
    )
