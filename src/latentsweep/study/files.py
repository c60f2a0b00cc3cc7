"""Studies as users write them: built-in ones by name, TOML files, and settings of a field."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from latentsweep.errors import StudyError, nearest, reason, refused
from latentsweep.paths import user_path
from latentsweep.study.fields import Study, validated

_BUILT_IN = resources.files("latentsweep.study")
# What is larger than any study is refused before it is parsed.
_MOST = 2**20  # bytes
_MOST_DOTS = 5_000  # a key of so many takes 100 MB to parse, one of ten times as many 9 GB


def load_study(name_or_path: str) -> Study:
    """A built-in study by its name, or a user's own from a TOML file.

    A relative `data` path in a file is taken from the file's own folder, if it is that of a file,
    or of a folder and has a slash.

    Raises:
        StudyError: no such study or file, not TOML, or a field that breaks its rule.
    """
    path, names = Path(name_or_path), built_in_studies()
    if name_or_path in names:
        return _parsed((_BUILT_IN / f"{name_or_path}.toml").read_text("utf-8"), name_or_path)
    if path.suffix != ".toml":
        raise StudyError(
            f"study: a built-in name ({', '.join(names)}) or a .toml file is needed, got "
            f"'{name_or_path}'{nearest(name_or_path, names) or '; see latentsweep studies'}"
        )
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError("no regular file")
        with path.open("rb") as file:
            text = file.read(_MOST + 1).decode("utf-8")
    except UnicodeDecodeError:
        raise StudyError(f"study: '{path}' is not a UTF-8 text file; write it as TOML") from None
    except (OSError, ValueError) as error:
        raise StudyError(f"study: cannot read '{path}' ({reason(error)}); check the path") from None
    study = _parsed(text, name_or_path, default_name=path.stem)
    beside = user_path("data", path.parent / study.data)
    found = beside.is_file() or ("/" in study.data and beside.is_dir())
    return study.changed({"data": str(beside.resolve())}) if found else study


def built_in_studies() -> tuple[str, ...]:
    """Names of the studies that come with the package."""
    names = (file.name for file in _BUILT_IN.iterdir())
    return tuple(sorted(name[:-5] for name in names if name.endswith(".toml")))


def parse_setting(setting: str) -> tuple[str, Any]:
    """`KEY=VALUE` as a field and its TOML value; a bare word is text.

    Raises:
        StudyError: no `=` in it.
    """
    key, equals, text = (part.strip() for part in setting.partition("="))
    if not equals:
        raise StudyError(f"--set: KEY=VALUE is needed, got '{setting}'; write e.g. --set epochs=5")
    with refused(lambda why: StudyError(f"--set: {key} cannot be read ({why}); shorten it")):
        try:
            return key, _toml(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return key, text


def _parsed(text: str, source: str, default_name: str | None = None) -> Study:
    with refused(lambda why: StudyError(f"{source}: not valid TOML: {why}")):
        fields = _toml(text)
    return validated({"name": default_name or source, **fields}, source)


def _toml(text: str) -> dict[str, Any]:
    if len(text) > _MOST or text.count(".") > _MOST_DOTS:
        raise ValueError(f"more than {_MOST:,} characters or {_MOST_DOTS:,} dots")
    return tomllib.loads(text)
