"""The measures of the evaluation, and the questions that they answer in groups.

All words here are marked, not translated: whoever makes a table does that.
"""

from dataclasses import dataclass

from latentsweep.language import marked


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


GROUPS = (
    Group(
        "bound",
        marked("The objective and the bound"),
        (
            Measure("loss", marked("loss"), 1, marked("nats: the loss as trained")),
            Measure("neg_elbo", marked("−ELBO"), 1, marked("the true −ELBO of the same network")),
            Measure(
                "gap",
                marked("gap"),
                1,
                marked("their gap: by so much a loss below the −ELBO claims too much"),
            ),
            Measure("reconstruction", marked("reconstruction"), 1),
            Measure(
                "excess_reconstruction",
                marked("excess"),
                1,
                marked(
                    "the reconstruction in excess of what the values themselves make unavoidable"
                ),
            ),
            Measure("rate", marked("rate"), 1),
            Measure(
                "ablation",
                marked("ablation"),
                3,
                marked("what it loses without the inactive units"),
            ),
            Measure(
                "shift",
                marked("shift"),
                3,
                marked("shift and stretch, both 0 where training has come to rest"),
            ),
            Measure("stretch", marked("stretch"), 3),
        ),
    ),
    Group(
        "units",
        marked("Units in use"),
        (
            Measure(
                "active_units",
                marked("active"),
                0,
                marked("latent dimensions with more than 1 % of their variance between examples"),
            ),
            Measure(
                "active_units_by_variance",
                marked("by variance"),
                0,
                marked("the same by two other rules"),
            ),
            Measure("active_units_by_kl", marked("by KL"), 0),
            Measure("active_units_clear", marked("clear"), 0, marked("whether the count is clear")),
            Measure(
                "effective_units",
                marked("effective"),
                1,
                marked("each weighed by its share of the rate"),
            ),
        ),
    ),
    Group(
        "reconstruction",
        marked("Reconstruction"),
        (
            Measure(
                "reconstruction_of_mean",
                marked("nats, mean"),
                1,
                marked("of the code's mean and of a sample of the code: nats"),
            ),
            Measure("reconstruction", marked("nats, sample"), 1),
            Measure("mse_of_mean", marked("MSE, mean"), 4, marked("mean squared error of a value")),
            Measure("mse_of_sample", marked("MSE, sample"), 4),
            Measure(
                "psnr_of_mean",
                marked("PSNR, mean"),
                1,
                marked("PSNR in decibels, mean over images"),
            ),
            Measure("psnr_of_sample", marked("PSNR, sample"), 1),
            Measure("ssim_of_mean", marked("SSIM, mean"), 3, marked("SSIM of the shown images")),
            Measure("ssim_of_sample", marked("SSIM, sample"), 3),
        ),
    ),
    Group(
        "likelihood",
        marked("Likelihood"),
        (
            Measure(
                "iw_nll",
                marked("5,000 samples"),
                2,
                marked(
                    "−log p(x) in nats, of binary values where the likelihood is Bernoulli, "
                    "bounded with 5,000 samples on at most 1,000 examples"
                ),
            ),
            Measure("iw_gain", marked("added"), 2, marked("what the last 4,000 of them added")),
            Measure(
                "iw_effective",
                marked("effective"),
                0,
                marked("their effective number (1st percentile)"),
            ),
            Measure("exact_nll", marked("exact"), 2, marked("the same summed exactly, for K ≤ 2")),
            Measure(
                "iw_nll_all", marked("500, all"), 2, marked("with 500 samples on all examples")
            ),
        ),
    ),
    Group(
        "structure",
        marked("Structure of the codes"),
        (
            Measure(
                "knn_accuracy",
                marked("kNN"),
                3,
                marked("accuracy of the 10 nearest training codes"),
            ),
            Measure("probe_accuracy", marked("probe"), 3, marked("accuracy of a linear probe")),
            Measure("kmeans_nmi", marked("NMI"), 3, marked("k-means against the labels")),
            Measure("kmeans_ari", marked("ARI"), 3),
            Measure("silhouette", marked("silhouette"), 3, marked("silhouette of the labels")),
            Measure(
                "silhouette_null",
                marked("shuffled"),
                3,
                marked("the 99th percentile of shuffled ones"),
            ),
            Measure("silhouette_p", marked("p"), 3),
            Measure(
                "trustworthiness",
                marked("trustworthy"),
                3,
                marked(
                    "how far neighbours in the codes are neighbours in the data, and the reverse"
                ),
            ),
            Measure("continuity", marked("continuous"), 3),
        ),
    ),
    Group(
        "regularity",
        marked("Regularity of the decoder"),
        (
            Measure(
                "jacobian_energy",
                marked("energy"),
                4,
                marked("per posterior standard deviation: squared change of a value"),
            ),
            Measure(
                "jacobian_stretch", marked("stretch"), 2, marked("largest change of an example")
            ),
            Measure(
                "midpoint_stretch",
                marked("between"),
                2,
                marked("the same between codes over that at codes"),
            ),
            Measure("path_even", marked("even"), 3, marked("share of even paths")),
            Measure(
                "path_jump",
                marked("jump"),
                2,
                marked("95th percentile of their largest over mean step"),
            ),
            Measure(
                "path_correlation", marked("rank corr."), 3, marked("rank correlation of distances")
            ),
            Measure(
                "midpoint_confident",
                marked("midpoints"),
                3,
                marked("share of midpoints, and of the grid, of whose class the scorer is sure"),
            ),
            Measure("grid_confident", marked("grid"), 3),
            Measure("grid_classes", marked("classes"), 0, marked("classes seen on the grid")),
        ),
    ),
    Group(
        "generation",
        marked("Samples"),
        (
            Measure(
                "prior_coverage",
                marked("prior coverage"),
                3,
                marked(
                    "decoded codes from the prior, and from a Gaussian fitted to the codes, "
                    "against test examples in a space of features: coverage, density, Fréchet "
                    "distance, share far from all training examples; only numbers of the same "
                    "features compare"
                ),
            ),
            Measure("prior_density", marked("density"), 3),
            Measure("prior_frechet", marked("Fréchet"), 1),
            Measure("prior_far", marked("far"), 3),
            Measure("fitted_coverage", marked("fitted coverage"), 3),
            Measure("fitted_density", marked("density"), 3),
            Measure("fitted_frechet", marked("Fréchet"), 1),
            Measure("fitted_far", marked("far"), 3),
        ),
    ),
)
