"""The columns of the results: what each is called, its digits, its words, and who gives it.

Summary, page and tables are made of this table; docs/formats.md says what each column means, and a
test compares the two. All words here are marked, not translated: whoever makes a table does that.
"""

from dataclasses import dataclass

from latentsweep.language import marked


@dataclass(frozen=True)
class Column:
    """A column of the results: its name, heading, digits after the point, and what it is.

    Columns that one phrase is about have it with the first of them.
    """

    name: str
    title: str = ""
    digits: int = 2
    words: str = ""


@dataclass(frozen=True)
class Group:
    """Columns that answer one question, and the block that gives them; without a title unshown."""

    name: str
    block: str
    title: str
    columns: tuple[Column, ...]


IDENTITY = (
    "member",
    "objective",
    "latent_size",
    "seed",
    "kl_weight",
    "kl_warm_up",
    "data",
    "split",
    "status",
    "failed_epoch",
    "train_seconds",
)
PROJECTION = "projection"
PROJECTED = ("tsne_kl", "tsne_preservation", "tsne_trustworthiness")
GROUPS = (
    Group(
        "bound",
        "arrays",
        marked("The objective and the bound"),
        (
            Column("loss", marked("loss"), 1, marked("nats: the loss as trained")),
            Column("neg_elbo", marked("−ELBO"), 1, marked("the true −ELBO of the same network")),
            Column(
                "gap",
                marked("gap"),
                1,
                marked("their gap: by so much a loss below the −ELBO claims too much"),
            ),
            Column("reconstruction", marked("reconstruction"), 1),
            Column(
                "excess_reconstruction",
                marked("excess"),
                1,
                marked(
                    "the reconstruction in excess of what the values themselves make unavoidable"
                ),
            ),
            Column("rate", marked("rate"), 1),
            Column(
                "ablation",
                marked("ablation"),
                3,
                marked("what it loses without the inactive units"),
            ),
            Column(
                "shift",
                marked("shift"),
                3,
                marked("shift and stretch, both 0 where training has come to rest"),
            ),
            Column("stretch", marked("stretch"), 3),
        ),
    ),
    Group(
        "units",
        "arrays",
        marked("Units in use"),
        (
            Column(
                "active_units",
                marked("active"),
                0,
                marked("latent dimensions with more than 1 % of their variance between examples"),
            ),
            Column(
                "active_units_by_variance",
                marked("by variance"),
                0,
                marked("the same by two other rules"),
            ),
            Column("active_units_by_kl", marked("by KL"), 0),
            Column("active_units_clear", marked("clear"), 0, marked("whether the count is clear")),
            Column(
                "effective_units",
                marked("effective"),
                1,
                marked("each weighed by its share of the rate"),
            ),
        ),
    ),
    Group(
        "reconstruction",
        "arrays",
        marked("Reconstruction"),
        (
            Column(
                "reconstruction_of_mean",
                marked("nats, mean"),
                1,
                marked("of the code's mean and of a sample of the code: nats"),
            ),
            Column("reconstruction", marked("nats, sample"), 1),
            Column("mse_of_mean", marked("MSE, mean"), 4, marked("mean squared error of a value")),
            Column("mse_of_sample", marked("MSE, sample"), 4),
            Column(
                "psnr_of_mean",
                marked("PSNR, mean"),
                1,
                marked("PSNR in decibels, mean over images"),
            ),
            Column("psnr_of_sample", marked("PSNR, sample"), 1),
            Column("ssim_of_mean", marked("SSIM, mean"), 3, marked("SSIM of the shown images")),
            Column("ssim_of_sample", marked("SSIM, sample"), 3),
        ),
    ),
    Group(
        "likelihood",
        "likelihood",
        marked("Likelihood"),
        (
            Column(
                "iw_nll",
                marked("5,000 samples"),
                2,
                marked(
                    "−log p(x) in nats, of binary values where the likelihood is Bernoulli, "
                    "bounded with 5,000 samples on at most 1,000 examples"
                ),
            ),
            Column("iw_gain", marked("added"), 2, marked("what the last 4,000 of them added")),
            Column(
                "iw_effective",
                marked("effective"),
                0,
                marked("their effective number (1st percentile)"),
            ),
            Column("exact_nll", marked("exact"), 2, marked("the same summed exactly, for K ≤ 2")),
            Column("iw_nll_all", marked("500, all"), 2, marked("with 500 samples on all examples")),
        ),
    ),
    Group(
        "structure",
        "structure",
        marked("Structure of the codes"),
        (
            Column(
                "knn_accuracy",
                marked("kNN"),
                3,
                marked("accuracy of the 10 nearest training codes"),
            ),
            Column("probe_accuracy", marked("probe"), 3, marked("accuracy of a linear probe")),
            Column("kmeans_nmi", marked("NMI"), 3, marked("k-means against the labels")),
            Column("kmeans_ari", marked("ARI"), 3),
            Column("silhouette", marked("silhouette"), 3, marked("silhouette of the labels")),
            Column(
                "silhouette_null",
                marked("shuffled"),
                3,
                marked("the 99th percentile of shuffled ones"),
            ),
            Column("silhouette_p", marked("p"), 3),
            Column(
                "trustworthiness",
                marked("trustworthy"),
                3,
                marked(
                    "how far neighbours in the codes are neighbours in the data, and the reverse"
                ),
            ),
            Column("continuity", marked("continuous"), 3),
        ),
    ),
    Group(
        "regularity",
        "regularity",
        marked("Regularity of the decoder"),
        (
            Column(
                "jacobian_energy",
                marked("energy"),
                4,
                marked("per posterior standard deviation: squared change of a value"),
            ),
            Column(
                "jacobian_stretch", marked("stretch"), 2, marked("largest change of an example")
            ),
            Column(
                "midpoint_stretch",
                marked("between"),
                2,
                marked("the same between codes over that at codes"),
            ),
            Column("path_even", marked("even"), 3, marked("share of even paths")),
            Column(
                "path_jump",
                marked("jump"),
                2,
                marked("95th percentile of their largest over mean step"),
            ),
            Column(
                "path_correlation", marked("rank corr."), 3, marked("rank correlation of distances")
            ),
            Column(
                "midpoint_confident",
                marked("midpoints"),
                3,
                marked("share of midpoints, and of the grid, of whose class the scorer is sure"),
            ),
            Column("grid_confident", marked("grid"), 3),
            Column("grid_classes", marked("classes"), 0, marked("classes seen on the grid")),
        ),
    ),
    Group(
        "generation",
        "generation",
        marked("Samples"),
        (
            Column(
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
            Column("prior_density", marked("density"), 3),
            Column("prior_frechet", marked("Fréchet"), 1),
            Column("prior_far", marked("far"), 3),
            Column("fitted_coverage", marked("fitted coverage"), 3),
            Column("fitted_density", marked("density"), 3),
            Column("fitted_frechet", marked("Fréchet"), 1),
            Column("fitted_far", marked("far"), 3),
        ),
    ),
    Group("beside", "arrays", "", (Column("penalty"), Column("linear"))),
    Group(PROJECTION, PROJECTION, "", tuple(map(Column, PROJECTED))),
)
