"""The numbers of the evaluation in groups, as tables of words: for the terminal and the report."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from latentsweep.language import _, printed
from latentsweep.record.columns import GROUPS, Group
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences
from latentsweep.show.members import finished

SHOWN = [group for group in GROUPS if group.title]


@dataclass(frozen=True)
class Table:
    """A group's numbers of a run as words: headings, and one row a network or baseline."""

    name: str
    title: str
    words: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(run: RunFolder) -> list[Table]:
    """The groups of which a run has something, with its baselines and floors among the rows."""
    results = finished(run.results())
    found = [_table(group, results, _others(run, group.name)) for group in SHOWN]
    return [table for table in (*found, _similarities(run)) if table is not None]


def missing(run: RunFolder) -> list[str]:
    """The titles of the groups of which a run has nothing yet."""
    there = {table.name for table in tables(run)}
    return [_(group.title) for group in SHOWN if group.name not in there]


def data_sentences(run: RunFolder) -> list[str]:
    """What was measured of the data itself: its dimension, and the features for samples."""
    if not run.yardsticks_path.exists():
        return []
    facts = run.yardsticks()
    said = [_dimension(facts["dimension"]), _features(facts["features"])]
    if run.manifest()["data"]["label_names"] is None:
        said.append(_("The data have no labels, so nothing is said of how classes lie."))
    return said


def _dimension(profile: dict) -> str:
    if pd.isna(profile["low"]):
        return _("The data's own dimension: too few distinct examples to read it.")
    verdict = (
        _("it depends on the scale, so it is a lower bound at best")
        if profile["scale_dependent"]
        else _("the same at all scales, to a quarter")
    )
    numbers = {key: sentences.number(profile[key]) for key in ("low", "high", "two_nn", "mle")}
    return _(
        "The data's own dimension, by nearest neighbours: TwoNN {two_nn}, maximum likelihood "
        "{mle}, from {low} to {high} over scales: {verdict}. It is evidence, not the size that a "
        "network needs."
    ).format(**numbers, verdict=verdict)


def _features(features: dict) -> str:
    if features["map"] == "scorer":
        return _(
            "Samples are compared in {size} features of a frozen classifier ({accuracy} % right "
            "on the test split, SHA-256 {hash}…)."
        ).format(
            size=features["size"],
            accuracy=printed(100 * features["accuracy"], ".2f"),
            hash=features["sha256"][:12],
        )
    return _(
        "Samples are compared in the data's first {size} principal components, there being no "
        "classifier for it."
    ).format(size=features["size"])


def _others(run: RunFolder, group: str) -> pd.DataFrame:
    """The rows of a group that no network gave: baselines, or what real examples get."""
    if group == "structure" and run.baselines_path.exists():
        rows = run.baselines()
        names = [
            _("PCA {size}").format(size=row.latent_size)
            if row.representation == "pca"
            else _("the data itself")
            for row in rows.itertuples()
        ]
        return rows.assign(member=names)
    if group == "generation" and run.yardsticks_path.exists():
        floor = {f"prior_{name}": value for name, value in run.yardsticks()["floor"].items()}
        return pd.DataFrame([{"member": _("real examples"), **floor}])
    if group == "regularity" and run.yardsticks_path.exists():
        confident = run.yardsticks()["pixel_midpoint_confident"]
        if confident is not None:
            row = {"member": _("averages of two examples"), "midpoint_confident": confident}
            return pd.DataFrame([row])
    return pd.DataFrame({"member": []})


def _table(group: Group, results: pd.DataFrame, others: pd.DataFrame) -> Table | None:
    shown = [m for m in group.columns if m.name in results and results[m.name].notna().any()]
    if not shown:
        return None
    rows = [
        (str(row["member"]), *(_word(row.get(m.name), m.digits) for m in shown))
        for row in [*results.to_dict("records"), *others.to_dict("records")]
    ]
    headings = (_("model"), *(_(m.title) for m in shown))
    words = "; ".join(_(m.words) for m in shown if m.words)
    return Table(group.name, _(group.title), words, headings, tuple(rows))


def _similarities(run: RunFolder) -> Table | None:
    """How alike the spaces of two sizes are: a row two sizes, means over seeds."""
    if not run.similarities_path.exists():
        return None
    by = ["objective", "latent_size", "other_size"]
    means = run.similarities().groupby(by, sort=False)[["overlap", "cka"]].mean().reset_index()
    if means.empty:
        return None
    pairs = [
        _("{objective}, {size} and {other}").format(
            objective=row.objective, size=row.latent_size, other=row.other_size
        )
        for row in means.itertuples()
    ]
    columns = [[_word(value, 3) for value in means[name]] for name in ("overlap", "cka")]
    rows = list(zip(pairs, *columns, strict=True))
    words = _(
        "of the same examples: the share of their 10 nearest neighbours that two sizes have in "
        "common, and centred kernel alignment, 1 if one space is the other turned and scaled"
    )
    headings = (_("two sizes"), _("neighbours"), _("CKA"))
    return Table("similarity", _("Spaces of two sizes"), words, headings, tuple(rows))


def _word(value: object, digits: int) -> str:
    """A cell: yes or no, a number with so many digits, a dash where there is none."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if not isinstance(value, float | int) or pd.isna(value):
        return sentences.NO_NUMBER
    return printed(round(float(value), digits), f".{digits}f")


def text(table: Table, width: int = 96) -> list[str]:
    """A table as lines of text; columns for which there is no room follow below the others."""
    columns = list(zip(table.headings, *table.rows, strict=True))
    names, *others = [_aligned(cells, left=place == 0) for place, cells in enumerate(columns)]
    lines, part = [], [names]
    for column in others:
        if len(part) > 1 and sum(len(c[0]) + 2 for c in (*part, column)) > width + 2:
            lines += [*_joined(part), ""]
            part = [names]
        part.append(column)
    return [*lines, *_joined(part)]


def _aligned(cells: Sequence[str], *, left: bool) -> list[str]:
    widest = max(map(len, cells))
    return [cell.ljust(widest) if left else cell.rjust(widest) for cell in cells]


def _joined(columns: Sequence[Sequence[str]]) -> list[str]:
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
