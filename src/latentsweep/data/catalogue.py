"""Which data a study means: a known data set by its name, or a file or folder by its path."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentsweep.data import array_file, grouping, kind, synthetic
from latentsweep.data.dataset import Dataset
from latentsweep.data.prepare import prepare
from latentsweep.data.raw import Raw
from latentsweep.data.splits import with_at_most, with_folds, with_validation
from latentsweep.errors import DataError, nearest
from latentsweep.paths import user_path
from latentsweep.study import Study

ARRAYS = (".npy", ".npz")
TABLES = (".csv", ".tsv", ".parquet", ".pq")
SUFFIXES = (*TABLES, *ARRAYS)
_MNIST = "5b92582eb909c82a9bfefcd44acbe9233be3eb5b419a44cf211022ad2bf4bf96"  # of its pixels
BUNDLED = ("iris", "wine", "breast_cancer", "diabetes", "linnerud")


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


def load_dataset(study: Study) -> Dataset:
    """The data of a study, loaded and checked; MNIST is downloaded if it is not on disk.

    Raises:
        DataError: no such data, or it is damaged or can't be learned from.
    """
    whole = prepare(read(study), study)
    kind.check_range(study, whole)
    _check_network(study, whole)
    some = with_at_most(whole, study.train_examples, study.split_seed)
    parted = with_validation(some, study.validation_fraction, study.split_seed)
    return with_folds(parted, study.validation_folds, study.split_seed)


def known_as(values: np.ndarray) -> str | None:
    """The known data set that values are, whatever they are called; told of MNIST alone."""
    if values.shape != (70_000, 28, 28, 1) or values.dtype != np.uint8:
        return None
    digest = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
    return "mnist" if digest == _MNIST else None


def is_known(data: str) -> bool:
    """Whether data is a name of this list; otherwise it is a path."""
    return data in _KNOWN or data in BUNDLED or synthetic.is_known(data)


def is_users(data: str) -> bool:
    """Whether data is a user's own, or a table of which as little is taken for granted."""
    return data in BUNDLED or not is_known(data)


def read(study: Study) -> Raw:
    """What the source that a study names holds.

    Raises:
        DataError: no such data, it is damaged, or a field that such data has no use for.
    """
    path = user_path("data", study.data)
    images = not is_known(study.data) and path.is_dir()
    if not images:
        _refuse(study, ("resize",), "a folder of images")
    if study.data in BUNDLED:
        from latentsweep.data import bundled  # noqa: PLC0415  (scikit-learn: only where needed)

        return bundled.read(study.data, study)
    if not is_known(study.data) and path.suffix.lower() in TABLES:
        from latentsweep.data import table  # noqa: PLC0415  (pandas: only where needed)

        return table.read(path, study)
    _refuse_columns(study)
    if is_known(study.data):
        _refuse(study, ("split_by", "scale"), "data of your own")
        return _KNOWN[study.data]() if study.data in _KNOWN else synthetic.read(study.data)
    if images:
        from latentsweep.data import image_folder  # noqa: PLC0415  (Pillow: only where needed)

        return image_folder.read(path, study.resize)
    return array_file.read(_array_path(study.data))


def _read_mnist() -> Raw:
    from latentsweep.data import mnist  # noqa: PLC0415  (requests and pooch: only where needed)

    return mnist.read()


def _read_digits() -> Raw:
    from latentsweep.data import digits  # noqa: PLC0415  (scikit-learn: only where needed)

    return digits.read()


_KNOWN: dict[str, Callable[[], Raw]] = {"mnist": _read_mnist, "digits": _read_digits}


def _check_network(study: Study, dataset: Dataset) -> None:
    """Refuse convolutions of what is no picture."""
    if study.network == "convolutional" and min((*dataset.item_shape, 0)[:2]) < _LEAST_SIDE:
        raise DataError(
            f"network: convolutional needs pictures of {_LEAST_SIDE} x {_LEAST_SIDE} at least, got "
            f"items of {list(dataset.item_shape)} in {dataset.name}; leave it at dense"
        )


_LEAST_SIDE = 4


def _refuse_columns(study: Study) -> None:
    """Refuse the fields that speak of columns, for data that has none."""
    _refuse(study, ("label", "id", "drop"), "a table, whose columns they are")
    if study.split_by not in ("", grouping.ORDER):
        raise DataError(
            f"split_by: a table is needed, whose columns it names, got '{study.data}'; write "
            "--split-by order for blocks of consecutive examples"
        )


def _refuse(study: Study, fields: Sequence[str], needed: str) -> None:
    """Refuse fields that are set and that such data has no use for."""
    for field in fields:
        default, got = Study.model_fields[field].default, getattr(study, field)
        if got != default:
            raise DataError(
                f"{field}: takes {needed}, got '{study.data}' and {field} = {got!r}; leave it out"
            )


def known() -> list[Known]:
    """The known data sets; nothing is downloaded or opened.

    Raises:
        DataError: LATENTSWEEP_DATA names no folder.
    """
    drawn = [_drawn(name, words) for name, words in synthetic.DESCRIPTIONS.items()]
    return [_known_mnist(), _known_digits(), *_known_tables(), *drawn]


def mnist_at_hand() -> bool:
    """Whether MNIST is on disk or a mirror answers; takes at most 5 seconds.

    Raises:
        DataError: LATENTSWEEP_DATA names no folder.
    """
    from latentsweep.data import mnist  # noqa: PLC0415  (requests and pooch: only where needed)

    return mnist.find() is not None or mnist.answering() is not None


def _known_mnist() -> Known:
    from latentsweep.data import mnist  # noqa: PLC0415  (requests and pooch: only where needed)

    found = mnist.find()
    return Known(
        name=mnist.NAME,
        description=mnist.DESCRIPTION,
        where=tuple(str(folder) for folder in mnist.places()),
        found=None if found is None else str(found),
        how=f"connect to the internet (a mirror has it), or {mnist.how_to_get()}",
    )


def _known_digits() -> Known:
    return Known(
        name="digits",
        description="1,797 handwritten digits, 8 x 8 grey pixels",
        where=("scikit-learn",),
        found="scikit-learn",
        how="comes with scikit-learn",
    )


def _known_tables() -> list[Known]:
    from latentsweep.data import bundled  # noqa: PLC0415  (scikit-learn: only where needed)

    where = "scikit-learn"
    return [
        Known(name, words, (where,), where, f"comes with {where}")
        for name, words in bundled.DESCRIPTIONS.items()
    ]


def _drawn(name: str, words: str) -> Known:
    where = "drawn when asked for"
    return Known(name=name, description=words, where=(where,), found=where, how=where)


def _array_path(data: str) -> Path:
    """The path that `data` names, if an array file may be there.

    Raises:
        DataError: an unknown name, nothing, or another kind of file.
    """
    path = user_path("data", data)
    if path.suffix.lower() in ARRAYS:
        return path
    if path.is_file():
        raise DataError(
            f"data: tables ({', '.join(TABLES)}), arrays ({', '.join(ARRAYS)}) and "
            f"folders of images are read, got '{data}'; save it as one of them"
        )
    names = ", ".join((*_KNOWN, *BUNDLED))
    hint = nearest(data.lower(), [*_KNOWN, *BUNDLED, *synthetic.NAMES])
    raise DataError(
        f"data: a known name ({names}, or one of those drawn, see latentsweep data) or the path of "
        f"a table, an array file or a folder of images is needed, got '{data}'"
        f"{hint or '; check the spelling'}"
    )
