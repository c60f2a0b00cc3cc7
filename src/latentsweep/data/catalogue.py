"""Which data a study means: a known data set by its name, or an array file by its path."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from latentsweep.data import array_file, synthetic
from latentsweep.data.dataset import Dataset, with_validation
from latentsweep.errors import DataError, nearest
from latentsweep.study import Study

SUFFIXES = (".npy", ".npz")


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
    return with_validation(_whole(study), study.validation_fraction, study.split_seed)


def _whole(study: Study) -> Dataset:
    """The data with no validation split yet."""
    if study.data in _LOADERS:
        return _LOADERS[study.data](study)
    if synthetic.is_known(study.data):
        return synthetic.load(study.data, study.test_fraction, study.split_seed)
    return array_file.load(_array_path(study.data), study.test_fraction, study.split_seed)


def known() -> list[Known]:
    """The known data sets; nothing is downloaded or opened.

    Raises:
        DataError: LATENTSWEEP_DATA names no folder.
    """
    drawn = [_drawn(name, words) for name, words in synthetic.DESCRIPTIONS.items()]
    return [_known_mnist(), _known_digits(), *drawn]


def mnist_at_hand() -> bool:
    """Whether MNIST is on disk or a mirror answers; takes at most 5 seconds.

    Raises:
        DataError: LATENTSWEEP_DATA names no folder.
    """
    from latentsweep.data import mnist  # noqa: PLC0415  (requests and pooch: only where needed)

    return mnist.find() is not None or mnist.answering() is not None


def _load_mnist(study: Study) -> Dataset:
    del study  # MNIST has its own test split
    from latentsweep.data import mnist  # noqa: PLC0415  (requests and pooch: only where needed)

    return mnist.load()


def _load_digits(study: Study) -> Dataset:
    from latentsweep.data import digits  # noqa: PLC0415  (scikit-learn: only where needed)

    return digits.load(study.test_fraction, study.split_seed)


_LOADERS: dict[str, Callable[[Study], Dataset]] = {"mnist": _load_mnist, "digits": _load_digits}


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


def _drawn(name: str, words: str) -> Known:
    where = "drawn when asked for"
    return Known(name=name, description=words, where=(where,), found=where, how=where)


def _array_path(data: str) -> Path:
    """The path that `data` names, if an array file may be there.

    Raises:
        DataError: an unknown name, a folder, nothing, or another kind of file.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        raise DataError(
            f"data: only .npy and .npz files are read, got the folder '{data}'; name one file"
        )
    if path.suffix.lower() in SUFFIXES:
        return path
    if path.is_file():
        raise DataError(
            f"data: only .npy and .npz files are read, got '{data}'; save the array with numpy.save"
        )
    names = ", ".join(_LOADERS)
    hint = nearest(data.lower(), [*_LOADERS, *synthetic.NAMES]) or "; check the spelling"
    raise DataError(
        f"data: a known name ({names}, or one of those drawn, see latentsweep data) or the path of "
        f"a .npy or .npz file is needed, got '{data}'{hint}"
    )
