"""The numbers of the evaluation in groups, as tables of words: for the terminal and the report."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences
from latentsweep.show.members import finished


@dataclass(frozen=True)
class Measure:
    """A column of the results: its heading, and how many digits it has after the point."""

    column: str
    title: str
    digits: int = 2


@dataclass(frozen=True)
class Group:
    """Measures that answer one question, and the words that go with them."""

    name: str
    title: str
    words: str
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Table:
    """A group's numbers of a run as words: headings, and one row a network or baseline."""

    name: str
    title: str
    words: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


GROUPS = (
    Group(
        "bound",
        "The objective and the bound",
        "nats: the loss as trained, the true −ELBO of the same network, and the gap between them, "
        "by which a loss below the −ELBO claims what no bound can; the "
        "reconstruction above the entropy of the values; the change without inactive units; shift "
        "and stretch, both 0 where training has come to rest",
        (
            Measure("loss", "loss", 1),
            Measure("neg_elbo", "−ELBO", 1),
            Measure("gap", "gap", 1),
            Measure("reconstruction", "reconstruction", 1),
            Measure("excess_reconstruction", "above entropy", 1),
            Measure("rate", "rate", 1),
            Measure("ablation", "ablation", 3),
            Measure("shift", "shift", 3),
            Measure("stretch", "stretch", 3),
        ),
    ),
    Group(
        "units",
        "Units in use",
        "latent dimensions with more than 1 % of their variance between examples, by two other "
        "rules, whether the count is clear, and weighed by their share of the rate",
        (
            Measure("active_units", "active", 0),
            Measure("active_units_by_variance", "by variance", 0),
            Measure("active_units_by_kl", "by KL", 0),
            Measure("active_units_clear", "clear", 0),
            Measure("effective_units", "effective", 1),
        ),
    ),
    Group(
        "reconstruction",
        "Reconstruction",
        "of the code's mean and of one sample of the code: nats, mean squared error, PSNR in "
        "decibels (mean over images) and SSIM (of the shown examples)",
        (
            Measure("reconstruction_of_mean", "nats, mean", 1),
            Measure("reconstruction", "nats, sample", 1),
            Measure("mse_of_mean", "MSE, mean", 4),
            Measure("mse_of_sample", "MSE, sample", 4),
            Measure("psnr_of_mean", "PSNR, mean", 1),
            Measure("psnr_of_sample", "PSNR, sample", 1),
            Measure("ssim_of_mean", "SSIM, mean", 3),
            Measure("ssim_of_sample", "SSIM, sample", 3),
        ),
    ),
    Group(
        "likelihood",
        "Likelihood",
        "−log p(x) in nats, of binary values where the likelihood is Bernoulli: bounded with 5,000 "
        "samples on at most 1,000 examples, what the last 4,000 of them added, their effective "
        "number (1st percentile), summed exactly where K ≤ 2, and with 500 samples on all examples",
        (
            Measure("iw_nll", "5,000 samples", 2),
            Measure("iw_gain", "added", 2),
            Measure("iw_effective", "effective", 0),
            Measure("exact_nll", "exact", 2),
            Measure("iw_nll_all", "500, all", 2),
        ),
    ),
    Group(
        "structure",
        "Structure of the codes",
        "accuracy of 10 nearest neighbours and of a linear probe; k-means against the labels; "
        "silhouette of the labels with the 99th percentile of shuffled ones and its p; how far "
        "neighbours in the codes are neighbours in the data, and the reverse",
        (
            Measure("knn_accuracy", "kNN", 3),
            Measure("probe_accuracy", "probe", 3),
            Measure("kmeans_nmi", "NMI", 3),
            Measure("kmeans_ari", "ARI", 3),
            Measure("silhouette", "silhouette", 3),
            Measure("silhouette_null", "shuffled", 3),
            Measure("silhouette_p", "p", 3),
            Measure("trustworthiness", "trustworthy", 3),
            Measure("continuity", "continuous", 3),
        ),
    ),
    Group(
        "regularity",
        "Regularity of the decoder",
        "per posterior standard deviation: squared change of a value, largest change of an "
        "example, the same between codes over that at codes; share of even paths and 95th "
        "percentile of their largest over mean step; rank correlation of distances; share of "
        "midpoints, and of the grid, of whose digit the scorer is sure, and digits on the grid",
        (
            Measure("jacobian_energy", "energy", 4),
            Measure("jacobian_stretch", "stretch", 2),
            Measure("midpoint_stretch", "between", 2),
            Measure("path_even", "even", 3),
            Measure("path_jump", "jump", 2),
            Measure("path_correlation", "rank corr.", 3),
            Measure("midpoint_confident", "midpoints", 3),
            Measure("grid_confident", "grid", 3),
            Measure("grid_classes", "digits", 0),
        ),
    ),
    Group(
        "generation",
        "Samples",
        "decoded codes from the prior, and from a Gaussian fitted to the codes, against test "
        "examples in a space of features: coverage, density, Fréchet distance, share far from all "
        "training examples; only numbers of the same features compare",
        tuple(
            Measure(f"{source}_{column}", f"{source} {title}", digits)
            for source in ("prior", "fitted")
            for column, title, digits in (
                ("coverage", "coverage", 3),
                ("density", "density", 3),
                ("frechet", "Fréchet", 1),
                ("far", "far", 3),
            )
        ),
    ),
)


def tables(run: RunFolder) -> list[Table]:
    """The groups of which a run has something, with its baselines and floors among the rows."""
    results = finished(run.results())
    found = [_table(group, results, _others(run, group.name)) for group in GROUPS]
    return [table for table in found if table is not None]


def missing(run: RunFolder) -> list[str]:
    """The titles of the groups of which a run has nothing yet."""
    there = {table.name for table in tables(run)}
    return [group.title for group in GROUPS if group.name not in there]


def data_sentences(run: RunFolder) -> list[str]:
    """What was measured of the data itself: its dimension, and the features for samples."""
    if not run.yardsticks_path.exists():
        return []
    facts = run.yardsticks()
    return [_dimension(facts["dimension"]), _features(facts["features"])]


def _dimension(profile: dict) -> str:
    if pd.isna(profile["low"]):
        return "The data's own dimension: too few distinct examples to read it."
    low, high, two_nn, mle = (
        sentences.number(profile[key]) for key in ("low", "high", "two_nn", "mle")
    )
    verdict = (
        "it depends on the scale, so it is a lower bound at best"
        if profile["scale_dependent"]
        else "the same at all scales, to a quarter"
    )
    return (
        f"The data's own dimension, by nearest neighbours: TwoNN {two_nn}, maximum likelihood "
        f"{mle}, from {low} to {high} over scales: {verdict}. It is evidence, not the size that a "
        "network needs."
    )


def _features(features: dict) -> str:
    if features["map"] == "scorer":
        return (
            f"Samples are compared in {features['size']} features of a frozen classifier "
            f"({100 * features['accuracy']:.2f} % right on the test split, SHA-256 "
            f"{features['sha256'][:12]}…)."
        )
    return (
        f"Samples are compared in the data's first {features['size']} principal components, "
        "there being no classifier for it."
    )


def _others(run: RunFolder, group: str) -> pd.DataFrame:
    """The rows of a group that no network gave: baselines, or what real examples get."""
    if group == "structure" and run.baselines_path.exists():
        rows = run.baselines()
        names = [
            f"PCA {row.latent_size}" if row.representation == "pca" else "the data itself"
            for row in rows.itertuples()
        ]
        return rows.assign(member=names)
    if group == "generation" and run.yardsticks_path.exists():
        floor = {f"prior_{name}": value for name, value in run.yardsticks()["floor"].items()}
        return pd.DataFrame([{"member": "real examples", **floor}])
    if group == "regularity" and run.yardsticks_path.exists():
        confident = run.yardsticks()["pixel_midpoint_confident"]
        if confident is not None:
            row = {"member": "averages of two examples", "midpoint_confident": confident}
            return pd.DataFrame([row])
    return pd.DataFrame({"member": []})


def _table(group: Group, results: pd.DataFrame, others: pd.DataFrame) -> Table | None:
    shown = [m for m in group.measures if m.column in results and results[m.column].notna().any()]
    if not shown:
        return None
    rows = [
        (str(row["member"]), *(_word(row.get(m.column), m.digits) for m in shown))
        for row in [*results.to_dict("records"), *others.to_dict("records")]
    ]
    headings = ("model", *(m.title for m in shown))
    return Table(group.name, group.title, group.words, headings, tuple(rows))


def _word(value: object, digits: int) -> str:
    """A cell: yes or no, a number with so many digits, a dash where there is none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float | int) or pd.isna(value):
        return sentences.NO_NUMBER
    rounded = round(float(value), digits) + 0.0
    return f"{rounded:.{digits}f}".replace("-", "−")


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
