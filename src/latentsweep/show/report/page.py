"""What stands in the report, gathered from the run folder and filled into the template.

The page is made once in each language; one of them is written, with what it takes to turn it into
the other. It says nothing about when it was made, so the same run gives the same bytes.
"""

import base64
import functools
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from latentsweep.language import LANGUAGES, TAGS, _, gettext, ngettext, printed, speaking, spoken
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.show import measures, sentences, style
from latentsweep.show.answers import Verdict, answers
from latentsweep.show.figures import Picture, write_pictures
from latentsweep.show.policy import allowed
from latentsweep.show.report.live import Live, live
from latentsweep.show.report.opening import opening
from latentsweep.show.report.provenance import making
from latentsweep.show.report.quotes import quotes
from latentsweep.show.report.tiles import extremes, strips
from latentsweep.show.report.translation import difference
from latentsweep.show.words.alarms import alarms
from latentsweep.study import FACTS

_BOKEH = ("server", "static", "js", "bokeh.min.js")
_SCRIPTS = "<!-- scripts -->"


def write_report(run: RunFolder, language: str = "en") -> Path:
    """The path of `report.html`, written anew from the run folder with its figures up to date."""
    with speaking(language):
        plots = live(run)
        page = _page(run, plots)
    others = {
        other: difference(page, _spoken(other, run, plots))
        for other in LANGUAGES
        if other != language
    }
    atomic.write_text(run.report_path, _with_scripts(page, plots, others))
    return run.report_path


def _spoken(language: str, run: RunFolder, plots: Live | None) -> str:
    with speaking(language):
        return _page(run, plots)


def _page(run: RunFolder, plots: Live | None) -> str:
    """The page in the language of the moment, without its scripts."""
    results, manifest = run.results(), run.manifest()
    pictures, answered = write_pictures(run), answers(run)
    sizes, shown = strips(run)
    best_and_worst = extremes(run)
    return _template().render(
        scripts=allowed(_scripts(plots)),
        language=spoken(),
        tag=TAGS[spoken()],
        languages=[(code, TAGS[code], name) for code, name in LANGUAGES.items()],
        opening=opening(run),
        subtitle=_subtitle(results, manifest),
        quotes=quotes(run),
        answers=answered,
        verdicts=_by_claim(answered.verdicts) if answered else [],
        published=_by_claim(answered.published) if answered else [],
        strips=shown,
        strips_title=_strips_title(manifest),
        strip_sizes=sizes,
        extremes=best_and_worst,
        extreme_sizes=sorted({one.latent_size for one in best_and_worst}),
        extremes_caption=_extremes_caption(run),
        seen=sentences.what_was_seen(results, manifest),
        table=_table(results, manifest),
        pictures=[_inlined(picture) for picture in pictures],
        live_places=plots.places if plots else {},
        live_notes=_live_notes(run),
        classes=_classes(run),
        alarms=alarms(run),
        measures=measures.tables(run),
        measured_of_data=measures.data_sentences(run),
        not_measured=measures.missing(run),
        notes=_notes(results, manifest),
        making=making(run.study(), manifest, results),
    )


def _with_scripts(page: str, plots: Live | None, others: Mapping[str, Any]) -> str:
    """The page with the data and the scripts that make it live."""
    parts = [_data("words", json.dumps(others, ensure_ascii=False).replace("<", "\\u003c"))]
    if plots:
        places = {
            name: [place._asdict() for place in roots] for name, roots in plots.places.items()
        }
        parts += [
            _data("plots", plots.document),
            _data("places", json.dumps(places).replace("<", "\\u003c")),
            _data("relabel", plots.relabel),
        ]
    parts += [f"<script>{script}</script>" for script in _scripts(plots)]
    return page.replace(_SCRIPTS, "\n".join(parts))


def _scripts(plots: Live | None) -> list[str]:
    """The page's scripts, which are all that its policy lets run."""
    bokeh = resources.files("bokeh").joinpath(*_BOKEH).read_text("utf-8") if plots else ""
    sources = [bokeh, _own("live.js"), _own("report.js")] if plots else [_own("report.js")]
    assert not any("</script" in source.lower() for source in sources)
    return [f"\n{source}\n" for source in sources]


def _data(name: str, content: str) -> str:
    return f'<script type="application/json" id="data-{name}">{content}</script>'


def _own(name: str) -> str:
    return resources.files("latentsweep.show.report").joinpath(name).read_text("utf-8")


@functools.cache  # it asks for the words of the moment when it is rendered
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_own),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]
    return environment.get_template("report.html.jinja")


def _subtitle(results: pd.DataFrame, manifest: Mapping[str, Any]) -> str:
    """What was trained and measured, in one line."""
    return ngettext(
        "{models} variational autoencoder trained by latentsweep, measured on {tests} test "
        "{items}.",
        "{models} variational autoencoders trained by latentsweep, measured on {tests} test "
        "{items}.",
        len(results),
    ).format(
        models=len(results),
        tests=printed({**manifest["data"]["splits"], **_measured(manifest)}["test"], ",d"),
        items=sentences.items(manifest),
    )


def _measured(manifest: Mapping[str, Any]) -> dict[str, int]:
    """How many examples of each split were measured, where the run says so."""
    return manifest["data"].get("measured", {})


def _by_claim(verdicts: Iterable[Verdict]) -> list[tuple[str, list[Verdict]]]:
    """The verdicts of each claim together, in order."""
    return [(says, list(group)) for says, group in groupby(verdicts, lambda each: each.says)]


def _strips_title(manifest: Mapping[str, Any]) -> str:
    if manifest["data"]["image"]:
        return _("The same image at every size")
    return _("The same example at every size")


def _extremes_caption(run: RunFolder) -> str:
    count = len(run.examples().values)
    return _(
        "Of the {count} examples whose pictures the run keeps, those whose reconstruction is most "
        "and least likely under each network: the original, decode(mean) beside it, and its "
        "negative log-likelihood in nats."
    ).format(count=printed(count, ",d"))


def _live_notes(run: RunFolder) -> dict[str, str]:
    """What can be done with each live plot, after its caption."""
    hover = _("Point at a line for its numbers; click a name to hide it.")
    return {
        "headline": hover,
        "rate_distortion": hover,
        "curves": _("Point at a line for its network."),
        "dimensions": _("Point at a line for its dimension."),
        "tsne": _(
            "Select points in one panel, or a class, to see them in all; point at one to see it. "
            "The live panels show the {count} examples whose pictures the run keeps."
        ).format(count=printed(len(run.examples().values), ",d")),
    }


def _classes(run: RunFolder) -> list[tuple[int, str, str]]:
    """Number, name and colour of each class of the test split; empty without labels."""
    labels, names = run.examples().labels, run.manifest()["data"]["label_names"]
    if labels is None:
        return []
    numbers = sorted(set(labels.tolist()))
    words = [str(number if names is None else names[number]) for number in numbers]
    colours = style.class_colours(pd.Series(numbers).to_numpy()).tolist()
    return list(zip(numbers, words, colours, strict=True))


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
    """A picture's words, and the smaller of its files as an address that holds the data itself."""
    svg, png = picture.svg.read_bytes(), picture.png.read_bytes()
    kind, content = ("svg+xml", svg) if len(svg) < len(png) else ("png", png)
    return {
        "name": picture.name,
        "title": picture.title,
        "caption": picture.caption,
        "alt": picture.alt,
        "address": f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}",
    }


def _notes(results: pd.DataFrame, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What decides which explanations the page needs, and the numbers in them."""
    floor, no_latent = manifest["bounds"]["entropy_floor"], manifest["bounds"]["no_latent"]
    return {
        "images": manifest["data"]["image"],
        "unit": sentences.unit(manifest),
        "keras_blog": "keras-blog" in set(results["objective"]),
        "density": FACTS[manifest["data"]["likelihood"]].density,
        "floor": sentences.number(floor) if floor else None,
        "no_latent": sentences.number(no_latent),
    }
