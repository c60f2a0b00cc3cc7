"""The numbers of the evaluation in groups, as tables of words: for the terminal and the report."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences
from latentsweep.show.members import finished


@dataclass(frozen=True)
class Measure:
    """A column of the results: its heading, its digits after the point, and what it is.

    Columns that one phrase is about have it with the first of them.
    """

    column: str
    title: str
    digits: int = 2
    words: str = ""


@dataclass(frozen=True)
class Group:
    """Measures that answer one question."""

    name: str
    title: str
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
        (
            Measure("loss", "loss", 1, "nats: the loss as trained"),
            Measure("neg_elbo", "−ELBO", 1, "the true −ELBO of the same network"),
            Measure(
                "gap", "gap", 1, "their gap: by so much a loss below the −ELBO claims too much"
            ),
            Measure("reconstruction", "reconstruction", 1),
            Measure(
                "excess_reconstruction",
                "excess",
                1,
                "the reconstruction in excess of what the values themselves make unavoidable",
            ),
            Measure("rate", "rate", 1),
            Measure("ablation", "ablation", 3, "what it loses without the inactive units"),
            Measure(
                "shift", "shift", 3, "shift and stretch, both 0 where training has come to rest"
            ),
            Measure("stretch", "stretch", 3),
        ),
    ),
    Group(
        "units",
        "Units in use",
        (
            Measure(
                "active_units",
                "active",
                0,
                "latent dimensions with more than 1 % of their variance between examples",
            ),
            Measure("active_units_by_variance", "by variance", 0, "the same by two other rules"),
            Measure("active_units_by_kl", "by KL", 0),
            Measure("active_units_clear", "clear", 0, "whether the count is clear"),
            Measure("effective_units", "effective", 1, "each weighed by its share of the rate"),
        ),
    ),
    Group(
        "reconstruction",
        "Reconstruction",
        (
            Measure(
                "reconstruction_of_mean",
                "nats, mean",
                1,
                "of the code's mean and of a sample of the code: nats",
            ),
            Measure("reconstruction", "nats, sample", 1),
            Measure("mse_of_mean", "MSE, mean", 4, "mean squared error of a value"),
            Measure("mse_of_sample", "MSE, sample", 4),
            Measure("psnr_of_mean", "PSNR, mean", 1, "PSNR in decibels, mean over images"),
            Measure("psnr_of_sample", "PSNR, sample", 1),
            Measure("ssim_of_mean", "SSIM, mean", 3, "SSIM of the shown images"),
            Measure("ssim_of_sample", "SSIM, sample", 3),
        ),
    ),
    Group(
        "likelihood",
        "Likelihood",
        (
            Measure(
                "iw_nll",
                "5,000 samples",
                2,
                "−log p(x) in nats, of binary values where the likelihood is Bernoulli, bounded "
                "with 5,000 samples on at most 1,000 examples",
            ),
            Measure("iw_gain", "added", 2, "what the last 4,000 of them added"),
            Measure("iw_effective", "effective", 0, "their effective number (1st percentile)"),
            Measure("exact_nll", "exact", 2, "the same summed exactly, for K ≤ 2"),
            Measure("iw_nll_all", "500, all", 2, "with 500 samples on all examples"),
        ),
    ),
    Group(
        "structure",
        "Structure of the codes",
        (
            Measure("knn_accuracy", "kNN", 3, "accuracy of the 10 nearest training codes"),
            Measure("probe_accuracy", "probe", 3, "accuracy of a linear probe"),
            Measure("kmeans_nmi", "NMI", 3, "k-means against the labels"),
            Measure("kmeans_ari", "ARI", 3),
            Measure("silhouette", "silhouette", 3, "silhouette of the labels"),
            Measure("silhouette_null", "shuffled", 3, "the 99th percentile of shuffled ones"),
            Measure("silhouette_p", "p", 3),
            Measure(
                "trustworthiness",
                "trustworthy",
                3,
                "how far neighbours in the codes are neighbours in the data, and the reverse",
            ),
            Measure("continuity", "continuous", 3),
        ),
    ),
    Group(
        "regularity",
        "Regularity of the decoder",
        (
            Measure(
                "jacobian_energy",
                "energy",
                4,
                "per posterior standard deviation: squared change of a value",
            ),
            Measure("jacobian_stretch", "stretch", 2, "largest change of an example"),
            Measure("midpoint_stretch", "between", 2, "the same between codes over that at codes"),
            Measure("path_even", "even", 3, "share of even paths"),
            Measure("path_jump", "jump", 2, "95th percentile of their largest over mean step"),
            Measure("path_correlation", "rank corr.", 3, "rank correlation of distances"),
            Measure(
                "midpoint_confident",
                "midpoints",
                3,
                "share of midpoints, and of the grid, of whose class the scorer is sure",
            ),
            Measure("grid_confident", "grid", 3),
            Measure("grid_classes", "classes", 0, "classes seen on the grid"),
        ),
    ),
    Group(
        "generation",
        "Samples",
        (
            Measure(
                "prior_coverage",
                "prior coverage",
                3,
                "decoded codes from the prior, and from a Gaussian fitted to the codes, against "
                "test examples in a space of features: coverage, density, Fréchet distance, share "
                "far from all training examples; only numbers of the same features compare",
            ),
            Measure("prior_density", "density", 3),
            Measure("prior_frechet", "Fréchet", 1),
            Measure("prior_far", "far", 3),
            Measure("fitted_coverage", "fitted coverage", 3),
            Measure("fitted_density", "density", 3),
            Measure("fitted_frechet", "Fréchet", 1),
            Measure("fitted_far", "far", 3),
        ),
    ),
)


def tables(run: RunFolder) -> list[Table]:
    """The groups of which a run has something, with its baselines and floors among the rows."""
    results = finished(run.results())
    found = [_table(group, results, _others(run, group.name)) for group in GROUPS]
    return [table for table in (*found, _similarities(run)) if table is not None]


def missing(run: RunFolder) -> list[str]:
    """The titles of the groups of which a run has nothing yet."""
    there = {table.name for table in tables(run)}
    return [group.title for group in GROUPS if group.name not in there]


def data_sentences(run: RunFolder) -> list[str]:
    """What was measured of the data itself: its dimension, and the features for samples."""
    if not run.yardsticks_path.exists():
        return []
    facts = run.yardsticks()
    said = [_dimension(facts["dimension"]), _features(facts["features"])]
    if run.manifest()["data"]["label_names"] is None:
        said.append("The data have no labels, so nothing is said of how classes lie.")
    return said


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
    words = "; ".join(m.words for m in shown if m.words)
    return Table(group.name, group.title, words, headings, tuple(rows))


def _similarities(run: RunFolder) -> Table | None:
    """How alike the spaces of two sizes are: a row two sizes, means over seeds."""
    if not run.similarities_path.exists():
        return None
    by = ["objective", "latent_size", "other_size"]
    means = run.similarities().groupby(by, sort=False)[["overlap", "cka"]].mean().reset_index()
    if means.empty:
        return None
    pairs = [
        f"{row.objective}, {row.latent_size} and {row.other_size}" for row in means.itertuples()
    ]
    columns = [[_word(value, 3) for value in means[name]] for name in ("overlap", "cka")]
    rows = list(zip(pairs, *columns, strict=True))
    words = (
        "of the same examples: the share of their 10 nearest neighbours that two sizes have in "
        "common, and centred kernel alignment, 1 if one space is the other turned and scaled"
    )
    headings = ("two sizes", "neighbours", "CKA")
    return Table("similarity", "Spaces of two sizes", words, headings, tuple(rows))


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
