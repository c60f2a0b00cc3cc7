"""What a reader takes away from the page: the methods sentence, a LaTeX table, the citation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentsweep.language import _, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import intervals, sentences, variants
from latentsweep.show.members import finished, objectives
from latentsweep.show.words.answers import answers_of

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "−": r"$-$",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)
_COLUMNS = ("neg_elbo", "reconstruction", "rate")


@dataclass(frozen=True)
class Quote:
    """A text to copy: what its button says, and the text."""

    name: str
    button: str
    text: str


def quotes(run: RunFolder) -> list[Quote]:
    """What can be copied from a run; the methods sentence only where there is a size to report."""
    manifest, results = run.manifest(), finished(run.results())
    methods = ((answers_of(run) or {}).get("recommendation") or {}).get("methods")
    found = [Quote("methods", _("Copy the methods sentence"), methods)] if methods else []
    if not results.empty:
        found.append(Quote("latex", _("Copy the LaTeX table"), latex_table(run, results)))
    version = manifest["versions"]["latentsweep"]
    return [*found, Quote("citation", _("Copy the citation"), citation(version))]


def latex_table(run: RunFolder, results: pd.DataFrame) -> str:
    """Mean −ELBO with its 95 % interval, reconstruction, rate and active units, for booktabs."""
    manifest = run.manifest()
    heads = _("Trained with & $K$ & −ELBO & 95\\,\\% interval & reconstruction & rate & active")
    caption = _("{data}: {unit} on the test split, by latent size $K$.").format(
        data=tex(manifest["data"]["name"]), unit=tex(sentences.unit(manifest))
    )
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{caption}}}",
            r"\begin{tabular}{lrrrrrr}",
            r"\toprule",
            heads.replace("−", "$-$") + r" \\",
            r"\midrule",
            *_rows(run, results),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _rows(run: RunFolder, results: pd.DataFrame) -> list[str]:
    keys = ["objective", "latent_size"]
    means = results.groupby(keys)[[*_COLUMNS, "active_units"]].mean().reset_index()
    bars = intervals.means(run, results, "neg_elbo")[[*keys, "low", "high"]]
    rows = means.merge(bars, on=keys).to_dict("records")
    return [_row(row) for name in objectives(results) for row in rows if row["objective"] == name]


def _row(row: Mapping[Any, Any]) -> str:
    cells = [
        tex(variants.label(row["objective"])),
        str(row["latent_size"]),
        tex(sentences.number(row["neg_elbo"])),
        _interval(row["low"], row["high"]),
        *(tex(sentences.number(row[column])) for column in _COLUMNS[1:]),
        printed(row["active_units"], ".1f"),
    ]
    return " & ".join(cells) + r" \\"


def _interval(low: float, high: float) -> str:
    if pd.isna(low):
        return "--"
    return tex(_("{low} to {high}").format(low=printed(low, ".1f"), high=printed(high, ".1f")))


def tex(text: str) -> str:
    """A text as LaTeX prints it, whatever it holds."""
    return text.translate(_SPECIAL)


def citation(version: str) -> str:
    """A BibTeX entry of the version that made the run."""
    return "\n".join(
        [
            "@software{latentsweep,",
            "  title = {latentsweep: how many latent dimensions do my data need?},",
            "  author = {{The latentsweep authors}},",
            f"  version = {{{version}}},",
            "  year = {2026},",
            "}",
        ]
    )
