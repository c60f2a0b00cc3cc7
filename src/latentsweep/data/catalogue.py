"""Which data a study means: a known data set by its name, or a file or folder by its path."""

import hashlib
import importlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from latentsweep.data import grouping, kind
from latentsweep.data.dataset import Dataset
from latentsweep.data.prepare import prepare
from latentsweep.data.raw import Known, Raw
from latentsweep.data.sources import synthetic
from latentsweep.data.splits import with_at_most, with_folds, with_validation
from latentsweep.errors import DataError, nearest
from latentsweep.paths import user_path
from latentsweep.study import Study

_OWN = ("split_by", "scale")
_COLUMNS = ("label", "id", "drop", *_OWN)


class Source(NamedTuple):
    """A file of `data/sources`, and what means it: names, or the ends of files' names.

    `takes` are the fields of a study that are of use for such data.
    """

    file: str
    takes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()

    @property
    def module(self) -> Any:
        """Its code, which is loaded where it is needed: pandas, Pillow, requests come with it."""
        return importlib.import_module(f"latentsweep.data.sources.{self.file}")


BUNDLED = ("iris", "wine", "breast_cancer", "diabetes", "linnerud")
SOURCES = (
    Source("mnist", names=("mnist",)),
    Source("digits", names=("digits",)),
    Source("bundled", _COLUMNS, names=BUNDLED),
    Source("synthetic", names=synthetic.NAMES),
    Source("table", _COLUMNS, suffixes=(".csv", ".tsv", ".parquet", ".pq")),
    Source("array", _OWN, suffixes=(".npy", ".npz")),
    Source("images", (*_OWN, "resize")),  # of a folder
)
SUFFIXES = tuple(suffix for source in SOURCES for suffix in source.suffixes)
_BY_FILE = {source.file: source for source in SOURCES}
# What data has to be for a field to be of use.
_NEEDED = {
    "resize": "a folder of images",
    **dict.fromkeys(("label", "id", "drop"), "a table, whose columns they are"),
    **dict.fromkeys(_OWN, "data of your own"),
}
_MNIST = "5b92582eb909c82a9bfefcd44acbe9233be3eb5b419a44cf211022ad2bf4bf96"  # of its pixels
_LEAST_SIDE = 4  # of pictures for convolutions


def load_dataset(study: Study) -> Dataset:
    """The data of a study, loaded and checked; MNIST is downloaded if it is not on disk.

    Raises:
        DataError: no such data, or it is damaged or can't be learned from.
    """
    whole = prepare(read(study), study)
    kind.check_range(study, whole)
    if study.network == "convolutional" and min((*whole.item_shape, 0)[:2]) < _LEAST_SIDE:
        raise DataError(
            f"network: convolutional needs pictures of {_LEAST_SIDE} x {_LEAST_SIDE} at least, got "
            f"items of {list(whole.item_shape)} in {whole.name}; leave it at dense"
        )
    some = with_at_most(whole, study.train_examples, study.split_seed)
    parted = with_validation(some, study.validation_fraction, study.split_seed)
    return with_folds(parted, study.validation_folds, study.split_seed)


def read(study: Study) -> Raw:
    """What the source that a study names holds.

    Raises:
        DataError: no such data, it is damaged, or a field that such data has no use for.
    """
    source = _source(study.data)
    for field, needed in _NEEDED.items():
        got, of_column = getattr(study, field), field == "split_by" and "label" not in source.takes
        if of_column and got not in ("", grouping.ORDER):
            raise DataError(
                f"split_by: a table is needed, whose columns it names, got '{study.data}'; write "
                "--split-by order for blocks of consecutive examples"
            )
        if field not in source.takes and got != Study.model_fields[field].default:
            raise DataError(
                f"{field}: takes {needed}, got '{study.data}' and {field} = {got!r}; leave it out"
            )
    return source.module.read(study)


def _source(data: str) -> Source:
    """The source that a name or a path means.

    Raises:
        DataError: an unknown name, nothing, or another kind of file.
    """
    if (known := _known(data)) is not None:
        return known
    path = user_path("data", data)
    for source in SOURCES:
        if path.suffix.lower() in source.suffixes:
            return _BY_FILE["images"] if source.file == "array" and path.is_dir() else source
    if path.is_dir():
        return _BY_FILE["images"]
    raise _unknown(data, path)


def _known(data: str) -> Source | None:
    by_name = next((source for source in SOURCES if data in source.names), None)
    return _BY_FILE["synthetic"] if synthetic.is_known(data) else by_name


def _unknown(data: str, path: Path) -> DataError:
    tables, arrays = (", ".join(_BY_FILE[file].suffixes) for file in ("table", "array"))
    if path.is_file():
        return DataError(
            f"data: tables ({tables}), arrays ({arrays}) and folders of images are read, got "
            f"'{data}'; save it as one of them"
        )
    names = [name for source in SOURCES for name in source.names]
    told = ", ".join(name for name in names if name not in synthetic.NAMES)
    return DataError(
        f"data: a known name ({told}, or one of those drawn, see latentsweep data) or the path of "
        f"a table, an array file or a folder of images is needed, got '{data}'"
        f"{nearest(data.lower(), names) or '; check the spelling'}"
    )


def is_known(data: str) -> bool:
    """Whether data is a name of this list; otherwise it is a path."""
    return _known(data) is not None


def is_users(data: str) -> bool:
    """Whether data is a user's own, or a table of which as little is taken for granted."""
    return data in BUNDLED or not is_known(data)


def known() -> list[Known]:
    """The known data sets; nothing is downloaded or opened.

    Raises:
        DataError: LATENTSWEEP_DATA names no folder.
    """
    return [each for source in SOURCES if source.names for each in source.module.known()]


def known_as(values: np.ndarray) -> str | None:
    """The known data set that values are, whatever they are called; told of MNIST alone."""
    if values.shape != (70_000, 28, 28, 1) or values.dtype != np.uint8:
        return None
    digest = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
    return "mnist" if digest == _MNIST else None


def mnist_at_hand() -> bool:
    """Whether MNIST is on disk or a mirror answers; takes at most 5 seconds.

    Raises:
        DataError: LATENTSWEEP_DATA names no folder.
    """
    mnist = _BY_FILE["mnist"].module
    return mnist.find() is not None or mnist.answering() is not None
