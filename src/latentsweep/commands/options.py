"""Options that are fields of a study, each listed once for all commands that take it."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import typer

from latentsweep.study import Study, parse_setting


class StudyOption(NamedTuple):
    """An option of the command line that sets a field, in the type that the command line reads."""

    help: str
    metavar: str | None = None
    flag: str | None = None
    type: Any = str
    least: int | None = None

    def parameter(self, field: str) -> inspect.Parameter:
        """The parameter of a command, by which Typer knows the option; None where it isn't given.

        A field of a few words takes one of them, and the help says which it is without.
        """
        info, kind, default = Study.model_fields[field], self.type, None
        if get_origin(info.annotation) is Literal:
            kind = StrEnum(field, [(word.upper(), word) for word in get_args(info.annotation)])
            default = info.default
        option = typer.Option(
            self.flag or f"--{field.replace('_', '-')}",
            help=self.help,
            metavar=self.metavar,
            min=self.least,
            **({"show_default": default} if default else {}),
        )
        annotation = Annotated[kind | None, option]
        return _keyword(field, annotation)


def _of_study(field: str, value: Any) -> Any:
    """What was given as an option, as the study takes it."""
    if field == "seeds":
        return range(value)
    if isinstance(value, StrEnum):
        return value.value
    return tuple(value) if isinstance(value, list) else value


def _keyword(name: str, annotation: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=annotation)


OPTIONS = {
    "data": StudyOption("A known data set, a table, an array file or a folder of images.", "DATA"),
    "label": StudyOption("The table's column of classes.", "COLUMN"),
    "id": StudyOption("The table's column of row names.", "COLUMN"),
    "drop": StudyOption("A column to leave out.", "COLUMN", type=list[str]),
    "missing": StudyOption("Missing values."),
    "scale": StudyOption("How to scale values."),
    "split_by": StudyOption(
        "A column of groups or times not to be divided; order: of rows in order.", "COLUMN"
    ),
    "resize": StudyOption("The size that images are brought to.", "32|24x32"),
    "latent_sizes": StudyOption("Latent sizes to compare.", "2,4,8", "--latents"),
    "seeds": StudyOption("How many seeds.", "N", type=int, least=1),
    "epochs": StudyOption("Passes over the data.", "N", type=int),
    "objectives": StudyOption("keras-blog, elbo, or both with a comma.", "NAME", "--objective"),
}
OWN_DATA = ("label", "id", "drop", "missing", "scale", "split_by", "resize")
Trust = Annotated[
    bool, typer.Option("--trust", help="You know the code of the network that is named there.")
]
_Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other field of the study.", metavar="KEY=VALUE"),
]


def flag_of(field: str) -> str | None:
    """The option that sets a field, None if --set alone does."""
    option = OPTIONS.get(field)
    return option and (option.flag or f"--{field.replace('_', '-')}")


def with_fields(*fields: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with these fields' options and `--set` in the place of its parameter `changes`.

    `changes` are the fields that were given; an option holds against `--set`.
    """
    added = [OPTIONS[field].parameter(field) for field in fields]
    added.append(_keyword("settings", _Settings))

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapped(**given: Any) -> None:
            changes = dict(parse_setting(setting) for setting in given.pop("settings") or [])
            for field in fields:
                if (value := given.pop(field)) not in (None, []):
                    changes[field] = _of_study(field, value)
            command(**given, changes=changes)

        parameters = []
        for own in inspect.signature(command).parameters.values():
            keyword = own.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters += added if own.name == "changes" else [keyword]
        wrapped.__signature__ = inspect.Signature(parameters)  # pyright: ignore
        wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
        return wrapped

    return decorated
