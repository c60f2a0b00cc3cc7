"""What a source of data holds, before anything is done with it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latentsweep.errors import DataError, LatentsweepError, refused

if TYPE_CHECKING:
    import pandas as pd

_LISTED = 6
SPLITS = ("train", "validation", "test")  # as a source's own split names its examples'


class Stretch(NamedTuple):
    """Consecutive examples, and what a message calls the array or file that they come from."""

    where: str
    examples: int


@dataclass(frozen=True, eq=False)
class Raw:
    """N examples as a source holds them: nothing is split, scaled, left out or filled in.

    `values` [N, *item_shape] are numbers of any type, missing ones not finite; they may be a memory
    map. `labels` [N] are text or whole numbers, `ids` [N] text, `by` [N] what `split_by` names;
    missing ones are None or NaN. `columns` name the features of a table. `split` [N] holds "train",
    "validation" or "test" for each example where the source brings a split of its own.

    `one_unit` says that the columns of rows have one unit, whatever they look like. `stretches` say
    where the examples come from, for messages; `example` is what one is called. `notes` say what
    was left out or changed on reading.
    """

    name: str
    source: str
    values: np.ndarray
    labels: "np.ndarray | pd.Series | None" = None
    ids: "np.ndarray | pd.Series | None" = None
    by: "pd.Series | None" = None
    columns: tuple[str, ...] | None = None
    split: np.ndarray | None = None
    stretches: tuple[Stretch, ...] = ()
    example: str = "example"
    one_unit: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in (self.labels, self.ids, self.by, self.split):
            assert each is None or len(each) == len(self.values), self.name
        assert self.columns is None or self.values.shape[1:] == (len(self.columns),)
        assert sum(stretch.examples for stretch in self.stretches) in (0, len(self.values))

    @property
    def where(self) -> str:
        """What a message calls the values."""
        return self.stretches[0].where if len(self.stretches) == 1 else f"data: '{self.source}'"


@dataclass(frozen=True)
class Known:
    """A known data set, for people: what it is, where it is looked for, and how to get it.

    `found` is the place that has it, None if it is not on this machine.
    """

    name: str
    description: str
    where: tuple[str, ...]
    found: str | None
    how: str


@contextmanager
def reading(where: object, unreadable: Callable[[str], LatentsweepError]) -> Iterator[None]:
    """Turn what libraries raise while they read a file into one error.

    Args:
        where: the file, for the error of one that is not there, or closed to this user.
        unreadable: any other error, given the reason.
    """
    with refused(unreadable):
        try:
            yield
        except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
            raise DataError(
                f"data: cannot open '{where}' ({error.strerror}); check the path and who may read "
                "it"
            ) from None


def some(names: Iterable[object]) -> str:
    """The first names, and how many more there are."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more


def plural(count: int, one: str) -> str:
    """A number and what it counts: "1 row", "1,200 rows"."""
    return f"{count:,} {one}{'s' if count != 1 else ''}"
