"""What commands that take data share: the options about it, and what they say of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from latentsweep.pipeline.work import Work


class Missing(StrEnum):
    """What to do about missing values."""

    ERROR = "error"
    DROP = "drop"
    MEAN = "mean"


class Scaling(StrEnum):
    """How values are scaled."""

    AUTO = "auto"
    STANDARD = "standard"
    MINMAX = "minmax"
    NONE = "none"


Label = Annotated[
    str | None, typer.Option("--label", help="The table's column of classes.", metavar="COLUMN")
]
Id = Annotated[
    str | None, typer.Option("--id", help="The table's column of row names.", metavar="COLUMN")
]
Drop = Annotated[
    list[str] | None, typer.Option("--drop", help="A column to leave out.", metavar="COLUMN")
]
Gaps = Annotated[
    Missing | None, typer.Option("--missing", help="Missing values.", show_default="error")
]
Scale = Annotated[
    Scaling | None, typer.Option("--scale", help="How to scale values.", show_default="auto")
]
SplitBy = Annotated[
    str | None,
    typer.Option(
        "--split-by",
        help="A column of groups or times not to be divided; order: of rows in order.",
        metavar="COLUMN",
    ),
]
Resize = Annotated[
    str | None,
    typer.Option("--resize", help="The size that images are brought to.", metavar="32|24x32"),
]


def given(**options: Any) -> dict[str, Any]:
    """The study's fields that were given as options; others keep what the study says."""
    changes = {field: _plain(value) for field, value in options.items()}
    return {field: value for field, value in changes.items() if value not in (None, ())}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return value.value if isinstance(value, StrEnum) else value


def data_lines(work: "Work") -> list[str]:
    """The data's splits and likelihood, and what was found in it."""
    from latentsweep.data.catalogue import is_users
    from latentsweep.data.findings import findings

    dataset = work.dataset
    shape = " x ".join(str(size) for size in dataset.item_shape)
    return [
        f"data    {dataset.name}: {_counts(dataset.splits)}; {shape} each; "
        f"{work.likelihood_name} likelihood",
        *findings(dataset, work.study, questions=is_users(work.study.data)),
    ]


def _counts(splits: Mapping[str, Any]) -> str:
    return ", ".join(f"{len(indices):,} to {name}" for name, indices in splits.items())
