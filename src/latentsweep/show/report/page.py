"""What stands in the report, gathered from the run folder and filled into the template.

The page says nothing about when it was made, so the same run gives the same bytes.
"""

import base64
from collections.abc import Mapping
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.show import measures, sentences
from latentsweep.show.answers import answers
from latentsweep.show.figures import Picture, write_pictures
from latentsweep.study import Study

_UNSEEN_STAGES = ("report",)  # is not over while the page is written


def write_report(run: RunFolder) -> Path:
    """The path of `report.html`, written anew from the run folder with its figures up to date."""
    results, manifest = run.results(), run.manifest()
    page = _template().render(
        **_opening(results, manifest),
        table=_table(results, manifest),
        pictures=[_inlined(picture) for picture in write_pictures(run)],
        alarms=sentences.alarms(run.alarms()),
        answers=answers(run),
        measures=measures.tables(run),
        measured_of_data=measures.data_sentences(run),
        not_measured=measures.missing(run),
        notes=_notes(results, manifest),
        making=_making(run.study(), manifest, results),
    )
    atomic.write_text(run.report_path, page)
    return run.report_path


def _template() -> jinja2.Template:
    folder = resources.files("latentsweep.show.report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja")


def _opening(results: pd.DataFrame, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The title, the line under it and what was seen."""
    sizes = sorted(set(results["latent_size"]))
    words = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
    return {
        "title": f"Variational autoencoders of latent size {words} on {manifest['data']['name']}",
        "subtitle": f"{sentences.counted(len(results), 'model')} trained by latentsweep, measured "
        f"on {manifest['data']['splits']['test']:,} test {sentences.item(manifest)}s.",
        "seen": sentences.what_was_seen(results, manifest),
    }


def _table(results: pd.DataFrame, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The headings, grouped with their widths, and the rows of the table of results."""
    columns = sentences.results_columns(results, manifest)
    groups = [(name, len(list(group))) for name, group in groupby(columns, lambda c: c.group)]
    return {
        "groups": groups,
        "titles": [column.title for column in columns],
        "rows": sentences.results_rows(results),
    }


def _inlined(picture: Picture) -> dict[str, str]:
    """A picture's words, and its PNG as an address that holds the data itself."""
    encoded = base64.b64encode(picture.png.read_bytes()).decode("ascii")
    return {
        "name": picture.name,
        "title": picture.title,
        "caption": picture.caption,
        "alt": picture.alt,
        "address": f"data:image/png;base64,{encoded}",
    }


def _notes(results: pd.DataFrame, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What decides which explanations the page needs, and the numbers in them."""
    floor, no_latent = manifest["bounds"]["entropy_floor"], manifest["bounds"]["no_latent"]
    return {
        "item": sentences.item(manifest),
        "keras_blog": "keras-blog" in set(results["objective"]),
        "gaussian": manifest["data"]["likelihood"] == "gaussian",
        "floor": sentences.number(floor) if floor else None,
        "no_latent": sentences.number(no_latent),
    }


def _making(study: Study, manifest: Mapping[str, Any], results: pd.DataFrame) -> list[tuple]:
    """Titled lists of names and values: study, data, machine, versions, seconds."""
    data, device = manifest["data"], manifest["device"]
    seconds = {
        stage: f"{value:.1f} s"
        for stage, value in manifest["seconds"].items()
        if stage not in _UNSEEN_STAGES
    }
    machine = {
        "device": f"{device['name']} ({device['kind']}, {device['count']} used, "
        f"{device['cores']} cores)",
        "command": manifest["command"],
        "training, a model": f"{results['train_seconds'].mean():.1f} s on average",
    }
    described = {
        "name": data["name"],
        "source": data["source"],
        "SHA-256": data["hash"],
        "item shape": " × ".join(map(str, data["item_shape"])),
        **{f"{split} split": f"{count:,}" for split, count in data["splits"].items()},
        "likelihood": data["likelihood"],
    }
    return [
        ("Study", _words(study.model_dump())),
        ("Data", _words(described)),
        ("Machine", _words(machine)),
        ("Versions", _words(manifest["versions"])),
        ("Wall time, a stage", _words(seconds)),
    ]


def _words(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as text; sequences as lists."""
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        for name, value in values.items()
    ]
