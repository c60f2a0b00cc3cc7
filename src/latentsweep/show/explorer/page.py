"""`explorer.html`: the template, the words in every language, the run's content and the scripts.

The scripts are modules that import each other by name; an import map in the page says that each
name is the module's own text. So there is no build step and no second file.
"""

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from latentsweep.language import LANGUAGES, TAGS, speaking
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.show.explorer.content import content
from latentsweep.show.explorer.words import words
from latentsweep.show.policy import allowed

MODULES = (
    "arrays",
    "dense",
    "space",
    "strokes",
    "paint",
    "map",
    "state",
    "family",
    "draw",
    "spaces",
    "selecting",
    "item",
    "travel",
    "walk",
    "prior",
    "page",
)
# The policy of the page trusts what a script that it knows puts there, and what that imports.
_START = """
const script = document.createElement("script");
script.type = "module";
script.src = import.meta.resolve("latentsweep/page.js");
document.body.append(script);
"""


def write_explorer(run: RunFolder, language: str = "en") -> Path:
    """The path of `explorer.html`, written anew from the run folder.

    Raises:
        RunFolderError: no network of the run finished, so there is nothing to explore.
    """
    atomic.write_text(run.explorer_path, explorer(run, language))
    return run.explorer_path


def explorer(run: RunFolder, language: str) -> str:
    """The page as text; the same text for the same run."""
    holds = content(run)
    runs = any(network["weights"] for network in holds["networks"])
    said = {code: _words(run, code, runs=runs) for code in LANGUAGES}
    modules = inlined({"imports": _imports()})
    return _template().render(
        language=language,
        tag=TAGS[language],
        languages=[(code, TAGS[code], name) for code, name in LANGUAGES.items()],
        words=said[language],
        runs=runs,
        image=holds["image"],
        colours=holds["image"] and holds["shape"][2] >= 3,
        fitted=bool(holds["drawing"] and holds["drawing"]["fitted"]),
        objectives=holds["objectives"],
        data={"content": inlined(holds), "words": inlined(said)},
        modules=modules,
        start=_START,
        scripts=allowed([modules, _START]),
    )


def inlined(content: Any) -> str:
    """Compact JSON in which nothing can end the script element that it stands in."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _words(run: RunFolder, language: str, *, runs: bool) -> dict[str, str]:
    with speaking(language):
        return words(run, runs=runs)


def _imports() -> dict[str, str]:
    """The import map: each module's name, and the address that holds it."""
    return {f"latentsweep/{name}.js": _address(name) for name in MODULES}


def _address(module: str) -> str:
    """A module as the address that holds its text, which names itself in a browser's errors."""
    text = f"{_own(f'{module}.js')}\n//# sourceURL=latentsweep/{module}.js\n"
    source = base64.b64encode(text.encode()).decode("ascii")
    return f"data:text/javascript;charset=utf-8;base64,{source}"


def _own(name: str) -> str:
    return resources.files("latentsweep.show.explorer").joinpath(name).read_text("utf-8")


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_own),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("explorer.html.jinja")
