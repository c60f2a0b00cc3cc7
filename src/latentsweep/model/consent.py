"""A user's own class by its name, `module:Class`, and the user's consent to run its code.

A study or a run folder may come from anyone, and the name of a network in it says which code is
run. So a class is imported only under a name that the user gave himself, or said that he trusts;
this holds until the process ends, as an imported module does.
"""

import importlib
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from latentsweep.errors import StudyError

_trusted: set[str] = set()


def named(network: Any) -> str:
    """The name of a kind of network, or of a class that a program holds: `module:Class`.

    Raises:
        StudyError: it is no class, or one that was made inside a function or is there no more.
    """
    if isinstance(network, str):
        return network
    if not isinstance(network, type) or "<locals>" in network.__qualname__:
        raise StudyError(
            f"network: a class at the top of a module is needed, got {network!r}; move it there, "
            "or write a class for it"
        )
    name = f"{network.__module__}:{network.__qualname__}"
    consent(name, trust=True)
    if class_of(name) is not network:
        raise StudyError(
            f"network: {name} is another class by now than the one that was passed; import it "
            "again, and pass that"
        )
    return name


def consent(network: str, *, trust: bool) -> None:
    """Go on only with a network whose code the user knows.

    Args:
        network: any kind of network.
        trust: the user names it himself, or says that he knows it.

    Raises:
        StudyError: it would run code that he was not asked about.
    """
    if trust:
        _trusted.add(network)
    elif ":" in network and network not in _trusted:
        module = network.partition(":")[0]
        raise StudyError(
            f"network: {network} would run {_file_of(module) or module}, which the study or run "
            "names, not you; if you know that code give --trust, or trust=True in Python"
        )


def class_of(name: str) -> Callable[..., Any]:
    """The class of a `module:Class`; modules are looked for in the current folder, too.

    Raises:
        StudyError: no such module, or no such class in it, or nobody consented to its code.
    """
    consent(name, trust=False)
    module, _, within = name.partition(":")
    found: Any
    try:
        with _current_folder_last():
            found = importlib.import_module(module)
        for part in within.split("."):
            found = getattr(found, part)
    except Exception as error:  # a user's module may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:150]
        raise StudyError(
            f"network: a class that can be imported is needed, got '{name}' ({reason}); write "
            "module:Class, the module installed or a file in the current folder"
        ) from error
    if not callable(found) or not isinstance(found, Hashable):
        raise StudyError(f"network: a class is needed, got {name}, which is none; name its class")
    return found


@contextmanager
def _current_folder_last() -> Iterator[None]:
    """Modules are looked for in the current folder as well, behind all that is installed."""
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.append(here)
    try:
        yield
    finally:
        if added:
            with suppress(ValueError):
                sys.path.remove(here)


def _file_of(module: str) -> str | None:
    """The file that importing a module would run, without running any; None if it isn't found."""
    places, spec, name = None, None, ""
    with _current_folder_last():
        for part in filter(None, module.split(".")):
            name = f"{name}.{part}" if name else part
            finders = (finder for finder in sys.meta_path if hasattr(finder, "find_spec"))
            spec = next(filter(None, (each.find_spec(name, places) for each in finders)), None)
            if spec is None:
                return None
            places = spec.submodule_search_locations or ()
    return spec and spec.origin
