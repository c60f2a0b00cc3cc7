"""The Bokeh document of a run as JSON: the same bytes for the same run, and in every language.

The page has one document; what another language changes in it stands beside it, model by model.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bokeh.document import Document
from bokeh.plotting import figure

from latentsweep.language import LANGUAGES, speaking, spoken
from latentsweep.record.folder import RunFolder
from latentsweep.show.members import finished
from latentsweep.show.report.live import curves, dimensions, headline, rate_distortion, tsne

_PLOTS = {
    "headline": headline.plots,
    "rate_distortion": rate_distortion.plots,
    "dimensions": dimensions.plots,
    "tsne": tsne.plots,
    "curves": curves.plots,
}
_TITLE = "latentsweep"

Changes = dict[str, dict[str, Any]]  # model id: attribute: value as the document writes it


class Place(NamedTuple):
    """A plot: the id of its root in the document, and its accessible name."""

    root: str
    label: str


@dataclass(frozen=True)
class Live:
    """The plots of a run; both JSON texts may stand in a `<script type="application/json">`.

    `document` is the Bokeh document, `places` has the plots to show under each name, in order, and
    `relabel` is what differs between the languages: language, model id, attribute, value. A plot's
    accessible name is the attribute `name` of its root as well, so `relabel` has it in the others.
    """

    document: str
    places: dict[str, list[Place]]
    relabel: str


def live(run: RunFolder) -> Live | None:
    """The plots of a run in the language of the moment; None if no member finished."""
    if finished(run.results()).empty:
        return None
    plots = _plots(run)
    content = _content(plots)
    others = {language: _spoken_content(run, language) for language in _languages()}
    places = _places(plots, [root["id"] for root in content["roots"]])
    return Live(_json(content), places, _json(differences({spoken(): content, **others})))


def differences(documents: Mapping[str, Any]) -> dict[str, Changes]:
    """What has to be set to speak each language: every attribute that not all of them share.

    Args:
        documents: the same document in each language, with the same model ids.
    """
    models = {language: dict(_models(content)) for language, content in documents.items()}
    first = next(iter(models.values()))
    changes: dict[str, Changes] = {language: {} for language in models}
    for identity, attributes in first.items():
        for name in attributes:
            values = {language: models[language][identity][name] for language in models}
            for language, value in _differing(values).items():
                changes[language].setdefault(identity, {})[name] = value
    return changes


def _languages() -> list[str]:
    """The languages besides that of the moment."""
    return [language for language in LANGUAGES if language != spoken()]


def _spoken_content(run: RunFolder, language: str) -> dict[str, Any]:
    with speaking(language):
        return _content(_plots(run))


def _plots(run: RunFolder) -> dict[str, list[figure]]:
    """The plots of each name that has any."""
    made = {name: plots(run) for name, plots in _PLOTS.items()}
    return {name: plots for name, plots in made.items() if plots}


def _content(plots: Mapping[str, list[figure]]) -> dict[str, Any]:
    """The JSON tree of the document, its models numbered in order of appearance."""
    document = Document(title=_TITLE)
    with document.models.freeze():  # otherwise Bokeh collects all models anew for each root
        for plot in _all(plots):
            document.add_root(plot)
    content = document.to_json(deferred=False)
    return _renumbered(content, {})


def _all(plots: Mapping[str, list[figure]]) -> Iterator[figure]:
    for some in plots.values():
        yield from some


def _places(plots: Mapping[str, list[figure]], roots: list[str]) -> dict[str, list[Place]]:
    identities = iter(roots)
    return {
        name: [Place(next(identities), str(plot.name)) for plot in some]
        for name, some in plots.items()
    }


def _renumbered(tree: Any, numbers: dict[str, str]) -> Any:
    """A tree with every model's id replaced by a number; only models and references have one."""
    if isinstance(tree, list | tuple):
        return [_renumbered(each, numbers) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if isinstance(tree.get("id"), str):
        number = numbers.setdefault(tree["id"], str(len(numbers) + 1))
        tree = {**tree, "id": number}
    return {key: _renumbered(value, numbers) for key, value in tree.items()}


def _models(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every model of a tree: its id and its attributes, models in them as references."""
    if isinstance(tree, list):
        for each in tree:
            yield from _models(each)
    elif isinstance(tree, dict):
        if tree.get("type") == "object":
            yield tree["id"], {k: _flat(v) for k, v in tree.get("attributes", {}).items()}
        for value in tree.values():
            yield from _models(value)


def _flat(tree: Any) -> Any:
    """A value in which models are references to them."""
    if isinstance(tree, list):
        return [_flat(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.get("type") == "object":
        return {"id": tree["id"]}
    return {key: _flat(value) for key, value in tree.items()}


def _differing(values: Mapping[str, Any]) -> dict[str, Any]:
    """Each language's value if they are not all the same; of a data source the columns that differ.

    A source keeps its other columns, so that no language repeats the numbers of a plot.
    """
    first = next(iter(values.values()))
    if all(value == first for value in values.values()):
        return {}
    if not all(isinstance(value, dict) and value.get("type") == "map" for value in values.values()):
        return dict(values)
    columns = {language: dict(value["entries"]) for language, value in values.items()}
    changed = [name for name in dict(first["entries"]) if _varies(name, columns.values())]
    return {
        language: {"type": "map", "entries": [[name, entries[name]] for name in changed]}
        for language, entries in columns.items()
    }


def _varies(name: str, maps: Any) -> bool:
    first, *others = (entries[name] for entries in maps)
    return any(other != first for other in others)


def _json(content: Any) -> str:
    """Compact JSON in which nothing can end the script element that it stands in."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
