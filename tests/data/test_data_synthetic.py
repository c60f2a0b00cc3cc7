import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import entr, expit
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from latentsweep.data.catalogue import load_dataset
from latentsweep.data.sources import shapes, synthetic
from latentsweep.data.sources.synthetic import Synthetic
from latentsweep.errors import DataError
from latentsweep.evaluation import dimension
from latentsweep.study import Study

SMALL = [
    Synthetic("linear", 3, examples=200),
    Synthetic("smooth", 2, examples=200),
    Synthetic("smooth-binary", 2, examples=200),
    Synthetic("shapes", 8, examples=200, side=16),
    Synthetic("shapes-turning", examples=200),
    Synthetic("union", examples=200),
    Synthetic("noise", examples=200),
    Synthetic("power-law", examples=200),
    Synthetic("weak-factor", 3, examples=200),
]
REAL = {"linear", "smooth", "union", "noise", "power-law", "weak-factor"}
by_name = pytest.mark.parametrize("spec", SMALL, ids=lambda spec: spec.name)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small products shared among threads wait for seconds where other work keeps the cores."""
    with threadpool_limits(1):
        yield


def make(spec):
    return synthetic.make(spec, Study(name="x"))


drawn = cache(make)  # for tests that only look


def drawn_values(spec):
    return drawn(spec).values.astype(np.float64)


# ---- names ----------------------------------------------------------------------------------


def test_the_families_and_their_numbers_stay():
    numbers = {name: family.number for name, family in synthetic.FAMILIES.items()}
    assert numbers == {
        "linear": 1,
        "smooth": 2,
        "smooth-binary": 3,
        "shapes": 4,
        "shapes-turning": 5,
        "union": 6,
        "noise": 7,
        "power-law": 8,
        "weak-factor": 9,
    }
    assert {spec.family for spec in SMALL} == set(numbers)


@by_name
def test_a_name_says_which_data_set(spec):
    usual = replace(spec, examples=None, side=28)
    assert synthetic.is_known(spec.name)
    assert synthetic.parse(spec.name) == usual
    assert synthetic.parse(f"{spec.name}@0") == usual
    other = synthetic.parse(f"{spec.name}@7")
    assert other == replace(usual, seed=7)
    assert (other.name, drawn(spec).name) == (f"{spec.name}@7", spec.name)


@pytest.mark.parametrize(
    ("name", "values", "test"),
    [
        ("shapes-4", (20_000, 28, 28, 1), 2_000),
        ("linear-8@3", (20_000, 100), 2_000),
        ("weak-factor-4", (5_000, 100), 500),
    ],
)
def test_loaded_by_name_with_the_usual_sizes(name, values, test):
    data = load_dataset(Study(name="x", data=name, test_fraction=0.1, split_seed=1))
    assert (data.name, data.values.shape) == (name, values)
    assert len(data.splits["test"]) == test
    assert data.source == f"drawn by latentsweep, generator seed {3 if '@' in name else 0}"


def test_each_family_is_described_with_its_dimensions():
    assert tuple(synthetic._DESCRIPTIONS) == synthetic.NAMES
    assert len(synthetic.NAMES) == len(SMALL)
    for spec in SMALL:
        pattern = spec.name.replace(f"-{spec.dimension}", "-D")
        description = synthetic._DESCRIPTIONS[pattern]
        top = 8 if spec.family == "shapes" else 16
        assert ("; D from" in description) == bool(spec.dimension)
        assert description.endswith(f"; D from 1 to {top}" if spec.dimension else description[-1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shapes-9", "shapes-D takes 1 to 8 dimensions, got 'shapes-9'; write e.g. shapes-4"),
        ("shapes", "shapes-D takes 1 to 8 dimensions, got 'shapes'; write e.g. shapes-4"),
        ("linear-0", "linear-D takes 1 to 16 dimensions, got 'linear-0'; write e.g. linear-4"),
        (
            "smooth-17-binary@2",
            "smooth-D-binary takes 1 to 16 dimensions, got 'smooth-17-binary@2'; write e.g. "
            "smooth-4-binary",
        ),
        ("union-6", "union takes no number of dimensions, got 'union-6'; write union"),
        (
            "linear-4@-1",
            "after @ stands the generator's seed, a whole number of at most 9 digits, got "
            "'linear-4@-1'; write e.g. linear-4@7",
        ),
        (
            "noise@1234567890",
            "after @ stands the generator's seed, a whole number of at most 9 digits, got "
            "'noise@1234567890'; write e.g. noise@7",
        ),
    ],
)
def test_a_family_named_wrongly(name, message):
    assert synthetic.is_known(name)
    with pytest.raises(DataError) as caught:
        synthetic.parse(name)
    assert str(caught.value) == f"data: {message}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Shapes-D", "did you mean 'shapes-D'?"),
        ("nois", "did you mean 'noise'?"),
        ("imagenet", "check the spelling"),
        ("shapes-4.npy", "did you mean 'shapes-D'?"),
        ("shapes-1234567890123", "check the spelling"),
    ],
)
def test_a_name_of_no_family(name, hint):
    assert not synthetic.is_known(name)
    with pytest.raises(DataError) as caught:
        synthetic.parse(name)
    assert str(caught.value) == (
        "data: the name of a family (linear-D, smooth-D, smooth-D-binary, shapes-D, "
        "shapes-turning, union, noise, power-law, weak-factor-D) is needed, got "
        f"'{name}'; {hint}"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"dimension": 0},
        {"dimension": 17},
        {"dimension": 16, "features": 32},
        {"family": "noise", "dimension": 2},
        {"side": 15},
    ],
)
def test_our_own_mistakes_are_assertions(wrong):
    with pytest.raises(AssertionError):
        Synthetic(**{"family": "linear", "dimension": 4, **wrong})


# ---- what all have in common ----------------------------------------------------------------


@by_name
def test_one_name_means_one_draw(spec):
    data = drawn(spec)
    assert make(spec).hash == data.hash
    assert not np.array_equal(make(replace(spec, seed=1)).values, data.values)
    if spec.dimension:
        assert not np.array_equal(make(replace(spec, dimension=4)).values, data.values)


def test_families_share_no_draws():
    linear, weak = (synthetic.population(Synthetic(name, 4)) for name in ("linear", "weak-factor"))
    plain, binary = (synthetic.manifold(Synthetic(name, 4)) for name in ("smooth", "smooth-binary"))
    assert abs(np.corrcoef(linear.mean, weak.mean)[0, 1]) < 0.4
    assert abs(np.corrcoef(plain.biases[0], binary.biases[0])[0, 1]) < 0.4


def test_more_examples_are_drawn_from_the_same_population():
    few, many = (drawn_values(Synthetic("union", examples=count)) for count in (300, 3_000))
    near = NearestNeighbors(n_neighbors=1).fit(many).kneighbors(few)[0]
    assert np.median(near) < 2
    np.testing.assert_allclose(few.mean(axis=0), many.mean(axis=0), atol=0.3)


@by_name
def test_the_split_is_the_study_s(spec):
    data = drawn(spec)
    other = synthetic.make(spec, Study(name="x", test_fraction=0.5, split_seed=1))
    together = np.sort(np.concatenate(list(data.splits.values())))
    np.testing.assert_array_equal(together, np.arange(200))
    assert (len(data.splits["test"]), len(other.splits["test"])) == (40, 100)
    np.testing.assert_array_equal(data.values, other.values)


@by_name
def test_types_ranges_and_scales(spec):
    pictures = spec.family.startswith("shapes")
    asked = Study(name="x", likelihood="bernoulli" if pictures else "auto")
    data = synthetic.make(spec, asked)
    scaled = data.scale(data.values, np.float64)
    assert data.is_image == spec.family.startswith("shapes")
    if spec.family in REAL:
        train = scaled[data.splits["train"]]
        assert data.values.dtype == np.float32
        np.testing.assert_allclose([train.mean(), train.std()], [0, 1], atol=1e-7)
        return
    assert data.values.dtype == np.uint8
    assert data.unit_interval
    assert scaled.max() > 0.6
    if spec.family == "smooth-binary":
        assert set(np.unique(scaled)) == {0, 1}


@by_name
def test_sizes_are_those_asked_for(spec):
    asked = replace(spec, examples=150, features=40, side=20)
    item = (20, 20, 1) if spec.family.startswith("shapes") else (40,)
    assert make(asked).values.shape == (150, *item)


# ---- what is known --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "verdict", "accepted"),
    [
        ("linear-8", "a size", {8}),
        ("smooth-3", "a size", {3}),
        ("smooth-5-binary", "a size", {5}),
        ("shapes-4@7", "a size", {4}),
        ("weak-factor-4", "a size", {4}),
        ("shapes-turning", "a size", {3, 4}),
        ("union", "a size", {6, 7}),
        ("noise", "nothing to encode", set()),
        ("power-law", "no finite size", set()),
    ],
)
def test_the_right_answers(name, verdict, accepted):
    truth = synthetic.truth(synthetic.parse(name))
    assert (truth.verdict, truth.accepted) == (verdict, accepted)
    assert truth.class_dimensions == ((2, 4, 6) if name == "union" else ())


@by_name
def test_the_covariance_is_known_of_linear_families_only(spec):
    eigenvalues = synthetic.truth(spec).eigenvalues
    linear = spec.family in {"linear", "weak-factor", "noise", "power-law"}
    assert (eigenvalues is not None) == linear
    if eigenvalues is not None:
        covariance = covariance_of(synthetic.population(spec))
        np.testing.assert_allclose(eigenvalues, np.linalg.eigvalsh(covariance)[::-1], rtol=1e-9)


def covariance_of(population):
    noise = population.deviation**2 * np.eye(len(population.mean))
    return population.columns @ population.columns.T + noise


# ---- linear families ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["linear-3", "noise", "power-law", "weak-factor-3"])
def test_examples_have_the_known_mean_and_covariance(name):
    spec = replace(synthetic.parse(name), examples=20_000, features=20)
    population, values = synthetic.population(spec), drawn_values(spec)
    covariance = covariance_of(population)
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (values - population.mean).T)
    np.testing.assert_allclose(whitened.mean(axis=1), 0, atol=5 / math.sqrt(20_000))
    np.testing.assert_allclose(np.cov(whitened), np.eye(20), atol=0.05)


def test_a_power_law_falls_as_one_over_i():
    eigenvalues = synthetic.truth(Synthetic("power-law")).eigenvalues
    np.testing.assert_allclose(eigenvalues, 1 / np.arange(1, 101), rtol=1e-12)
    assert (np.diff(synthetic.exact_losses(eigenvalues, range(100))) < 0).all()


def test_noise_gives_every_size_the_same_loss():
    eigenvalues = synthetic.truth(Synthetic("noise")).eigenvalues
    np.testing.assert_allclose(np.ptp(synthetic.exact_losses(eigenvalues, range(10))), 0, atol=1e-9)


@pytest.mark.parametrize("spec", [Synthetic("linear", 3, features=20), Synthetic("power-law")])
def test_exact_losses_are_those_of_explicit_models(spec):
    """Against the density of the best model, its covariance written out, over many examples."""
    population = synthetic.population(spec)
    sample = population.draw(20_000, np.random.default_rng(5))
    sizes = range(6)
    losses = synthetic.exact_losses(synthetic.truth(spec).eigenvalues, sizes)
    directions, stretch, _ = np.linalg.svd(covariance_of(population))
    for size, loss in zip(sizes, losses, strict=True):
        model = np.where(np.arange(spec.features) < size, stretch, stretch[size:].mean())
        density = multivariate_normal(population.mean, (directions * model) @ directions.T)
        each = -density.logpdf(sample)
        assert abs(each.mean() - loss) < 4 * each.std() / math.sqrt(len(each)), size


def test_exact_losses_are_those_of_fitted_models():
    """Against the likelihood that scikit-learn gives its own fit, to the cost of overfitting."""
    spec = Synthetic("linear", 3, examples=40_000, features=15)
    values = drawn_values(spec)
    losses = synthetic.exact_losses(synthetic.truth(spec).eigenvalues, range(1, 6))
    fitted = [-PCA(size).fit(values).score(values) for size in range(1, 6)]
    np.testing.assert_allclose(fitted, losses, atol=0.04)


@pytest.mark.parametrize(("strength", "gain"), [(4, 1.19), (10, 3.77), (30, 13.0)])
def test_the_last_factor_s_gain(strength, gain):
    eigenvalues = np.concatenate([[1 + strength, 41.0], np.ones(782)])
    fewer, whole = synthetic.exact_losses(eigenvalues, [1, 2])
    assert fewer - whole == pytest.approx(gain, rel=0.005)


def shares(drawn, features):
    """What leaving out the weakest factor costs, of what all are worth; by the closed form."""
    none = features * math.log(1 + drawn.sum() / features)
    worth = none - np.log1p(drawn).sum()
    rest = features - len(drawn)
    lost = (rest + 1) * math.log1p(drawn.min() / (rest + 1)) - math.log1p(drawn.min())
    return lost / worth


def test_no_factor_is_worth_less_than_three_percent():
    kept = [synthetic.strengths(16, 10_000, np.random.default_rng(seed)) for seed in range(40)]
    first = [np.random.default_rng(seed).uniform(10, 30, 16) for seed in range(40)]
    assert min(shares(each, 10_000) for each in first) < 0.03
    assert min(shares(each, 10_000) for each in kept) >= 0.03
    assert np.min(kept) >= 10
    assert np.max(kept) <= 30
    assert np.ptp(kept) > 15


@pytest.mark.parametrize("count", [1, 4, 16])
def test_a_weak_factor_is_there_but_worth_nothing(count):
    truth = synthetic.truth(Synthetic("weak-factor", count))
    none, strong, all_of_them, more = synthetic.exact_losses(
        truth.eigenvalues, [0, count, count + 1, count + 2]
    )
    assert 1e-3 < strong - all_of_them < 1e-3 * (none - strong)
    assert more == pytest.approx(all_of_them)
    np.testing.assert_allclose(truth.eigenvalues[[count, -1]], [1.1, 1])
    limit = math.sqrt(100 / synthetic.FAMILIES["weak-factor"].examples)
    assert limit > synthetic.WEAK_STRENGTH


# ---- smooth families ------------------------------------------------------------------------


def differences(function, points, step=1e-5):
    """The Jacobian of a function at each point, by central differences."""
    shifts = step * np.eye(points.shape[1])
    columns = [(function(points + s) - function(points - s)) / (2 * step) for s in shifts]
    return np.stack(columns, axis=-1)


@pytest.fixture(params=["smooth", "smooth-binary"])
def family(request):
    return request.param


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_decoders_are_identifiable(family, count):
    """With the Jacobian by finite differences, at other points than those checked."""
    manifold = synthetic.manifold(Synthetic(family, count))
    codes = np.random.default_rng(9).standard_normal((400, count))
    numeric = differences(manifold, codes)
    np.testing.assert_allclose(manifold.jacobian(codes), numeric, atol=1e-7)
    singular = np.linalg.svd(numeric, compute_uv=False)
    ratios = np.sort(singular[:, -1] / singular[:, 0])
    assert ratios[3] <= shapes.identifiability(manifold, codes) <= ratios[4]
    assert ratios[4] > 0.05


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_manifolds_are_curved(count):
    """Their D leading principal components leave a part of the variance that is not noise."""
    manifold = synthetic.manifold(Synthetic("smooth", count))
    values = manifold(np.random.default_rng(9).standard_normal((4_000, count)))
    spectrum = np.linalg.eigvalsh(np.cov(values.T))[::-1]
    left = spectrum[count:].sum()
    assert 0.02 < left / spectrum.sum() < 0.2
    assert left > 3 * 100 * 0.05**2


@pytest.mark.parametrize("features", [13, 300])
def test_decoders_of_few_and_many_features_keep_the_size_of_values(features):
    manifold = synthetic.manifold(Synthetic("smooth", 3, features=features))
    values = manifold(np.random.default_rng(9).standard_normal((2_000, 3)))
    assert 0.4 < np.sqrt(np.square(values).mean()) < 0.8


@pytest.mark.parametrize(
    ("family", "check", "readings"),
    [
        ("smooth", "identifiability", [0.01, 0.049, 0.051]),
        ("smooth-binary", "identifiability", [0.01, 0.049, 0.051]),
        ("smooth-binary", "least_information", [0.1, 0.99, 1.01]),
    ],
)
def test_a_decoder_that_fails_a_check_is_drawn_anew(monkeypatch, family, check, readings):
    checked = []

    def read(decoder, codes):
        assert codes.shape == (1_000, 4)
        checked.append(decoder)
        return readings[len(checked) - 1]

    monkeypatch.setattr(shapes, check, read)
    assert synthetic.manifold(Synthetic(family, 4)) is checked[2]
    assert not np.array_equal(checked[0].weights[0], checked[1].weights[0])


def test_too_few_pixels_end_the_search(monkeypatch):
    monkeypatch.setattr(shapes, "_MOST_DRAWS", 3)
    spec = Synthetic("smooth-binary", 16, features=33)
    with pytest.raises(AssertionError, match="no decoder of 16 dimensions can be told"):
        synthetic.manifold(spec)


@pytest.mark.parametrize("count", [2, 16])
def test_pixels_tell_of_every_direction(count):
    manifold = synthetic.manifold(Synthetic("smooth-binary", count))
    codes = np.random.default_rng(9).standard_normal((400, count))
    assert shapes.least_information(manifold, codes) > 0.95


def test_information_is_the_curvature_of_the_divergence():
    """KL(p(x | z) || p(x | z + e v)) = 1/2 e^2 v^T F v, from the probabilities alone."""
    manifold = synthetic.manifold(Synthetic("smooth-binary", 2))
    codes = np.random.default_rng(9).standard_normal((300, 2))

    def curvature(direction):
        both = 0.0
        for shift in (1e-3 * np.array(direction), -1e-3 * np.array(direction)):
            old, new = manifold(codes), manifold(codes + shift)
            chances = expit(old)
            both += chances * (old - new) + np.logaddexp(0, new) - np.logaddexp(0, old)
        return both.sum(axis=1) / 1e-6

    first, second, mixed = curvature([1, 0]), curvature([0, 1]), curvature([1, 1])
    across = (mixed - first - second) / 2
    least = (first + second) / 2 - np.sqrt((first - second) ** 2 / 4 + across**2)
    assert shapes.least_information(manifold, codes) == pytest.approx(least.mean(), rel=1e-3)


def test_smooth_values_lie_on_the_manifold_but_for_the_noise():
    spec = Synthetic("smooth", 2, examples=5_000)
    clean = synthetic.manifold(spec)(np.random.default_rng(9).standard_normal((20_000, 2)))
    near = NearestNeighbors(n_neighbors=1).fit(clean).kneighbors(drawn_values(spec)[:300])[0]
    assert near.mean() == pytest.approx(math.sqrt(98) * 0.05, rel=0.05)


def test_smooth_values_have_the_manifold_s_moments():
    spec = Synthetic("smooth", 3)
    clean = synthetic.manifold(spec)(np.random.default_rng(9).standard_normal((20_000, 3)))
    values = drawn_values(spec)
    np.testing.assert_allclose(values.mean(axis=0), clean.mean(axis=0), atol=0.04)
    expected = np.cov(clean.T) + 0.05**2 * np.eye(100)
    np.testing.assert_allclose(np.cov(values.T), expected, atol=0.03)
    spectrum = np.linalg.eigvalsh(np.cov(values.T))
    assert spectrum[:20].mean() == pytest.approx(0.05**2, rel=0.1)


def test_binary_pixels_have_the_manifold_s_moments():
    spec = Synthetic("smooth-binary", 3)
    logits = synthetic.manifold(spec)(np.random.default_rng(9).standard_normal((20_000, 3)))
    chances, pixels = expit(logits), drawn_values(spec)
    np.testing.assert_allclose(pixels.mean(axis=0), chances.mean(axis=0), atol=0.025)
    expected = np.cov(chances.T) + np.diag((chances * (1 - chances)).mean(axis=0))
    np.testing.assert_allclose(np.cov(pixels.T), expected, atol=0.025)


# ---- shapes ---------------------------------------------------------------------------------


def pictures(count, uniform, side=28):
    """Brightness as one vector a picture, for numbers in [0, 1] of the first `count` factors."""
    placed = shapes.placed(uniform, shapes.FACTORS[:count])
    return shapes.brightness(placed, side).reshape(len(uniform), -1)


def moments(picture):
    """Mass, centre and the covariance of a picture's brightness, in sides."""
    side = len(picture)
    grid = (np.arange(side) + 0.5) / side - 0.5
    x, y = np.meshgrid(grid, grid)
    points = np.stack([x.ravel(), y.ravel()])
    centre = points @ picture.ravel() / picture.sum()
    return picture.sum() / side**2, centre, np.cov(points, aweights=picture.ravel(), ddof=0)


def test_a_blob_is_the_ellipse_that_its_factors_say():
    """By the moments of an ellipse: area pi r^2, variances a^2 / 4 and b^2 / 4 along its radii."""
    uniform = np.random.default_rng(3).random((10, 6))
    factors = shapes.placed(uniform, shapes.FACTORS[:6])
    for row, picture in zip(factors, shapes.brightness(factors, 200), strict=True):
        x, y, scale, aspect, intensity, rotation = row
        mass, centre, covariance = moments(picture)
        along = np.array([math.cos(rotation), math.sin(rotation)])
        across = np.array([-along[1], along[0]])
        assert mass == pytest.approx(intensity * math.pi * scale**2, rel=0.01)
        np.testing.assert_allclose(centre, [x, y], atol=1e-3)
        assert along @ covariance @ along == pytest.approx(scale**2 * aspect / 4, rel=0.02)
        assert across @ covariance @ across == pytest.approx(scale**2 / aspect / 4, rel=0.03)
        assert along @ covariance @ across == pytest.approx(0, abs=1e-5)


def test_a_blob_may_be_centred_on_a_pixel():
    picture = shapes.brightness(np.array([[0, 0, 0.15, 2.0, 0.7, 0.5]]), 17)[0]
    assert picture[8, 8] == pytest.approx(0.7, rel=0.01)
    assert picture.max() == pytest.approx(0.7, rel=0.01)
    np.testing.assert_allclose(picture, picture[::-1, ::-1], atol=1e-12)


def test_the_second_blob_is_a_disc_seen_through_the_first():
    uniform = np.random.default_rng(3).random((10, 8))
    factors = shapes.placed(uniform, shapes.FACTORS)
    first, both = (shapes.brightness(factors[:, :count], 200) for count in (6, 8))
    for row, one, two in zip(factors, first, both, strict=True):
        mass, centre, _ = moments(np.maximum(two - one, 0) / (1 - one))
        assert mass == pytest.approx(math.pi * shapes.DISC_RADIUS**2, rel=0.01)
        np.testing.assert_allclose(centre, row[6:], atol=2e-3)


def test_factors_lie_between_their_ends_and_the_others_stay():
    ends = shapes.placed(np.array([[0.0] * 4, [1.0] * 4]), shapes.FACTORS[:4])
    middle = [1.0, math.pi / 4]
    np.testing.assert_allclose(ends[0], [-0.1, -0.14, 0.1, 1.3, *middle])
    np.testing.assert_allclose(ends[1], [0.1, 0.03, 0.19, 3.7, *middle])
    seven = shapes.placed(np.ones((1, 7)), shapes.FACTORS[:7])
    np.testing.assert_allclose(seven[0, 5:], [math.pi / 2, 0.32, 0.28])
    turning = shapes.placed(np.ones((1, 3)), shapes.TURNING)
    np.testing.assert_allclose(turning[0], [0.1, 0.03, 0.145, 2.5, 1.0, math.pi])


@pytest.mark.parametrize("count", range(1, 9))
def test_each_factor_makes_a_dimension(count):
    """By finite differences: rank D everywhere, no direction flat against the others."""
    uniform = np.random.default_rng(3).uniform(0.01, 0.99, (300, count))
    for side in (16, 28):
        jacobian = differences(lambda u, side=side: pictures(count, u, side), uniform)
        singular = np.linalg.svd(jacobian, compute_uv=False)
        assert np.quantile(singular[:, -1] / singular[:, 0], 0.01) > (0.05 if count < 7 else 0.02)
        assert np.linalg.norm(jacobian, axis=1).min() > 0.1


@pytest.mark.parametrize("side", [16, 28])
def test_each_factor_is_worth_knowing(side):
    """The cross-entropy of not knowing one factor, of that of knowing none."""

    def entropy(chances):
        return (entr(chances) + entr(1 - chances)).sum(axis=-1)

    uniform = np.random.default_rng(3).random((1_000, 8))
    known = pictures(8, uniform, side)
    total = entropy(known.mean(axis=0)) - entropy(known).mean()
    for factor in range(8):
        rows = np.repeat(uniform[:60, None], 16, axis=1)
        rows[:, :, factor] = (np.arange(16) + 0.5) / 16
        chances = pictures(8, rows.reshape(-1, 8), side).reshape(60, 16, -1)
        lost = (entropy(chances.mean(axis=1)) - entropy(chances).mean(axis=1)).mean()
        assert lost > 0.03 * total, shapes.FACTORS[factor].name


def test_rotation_stays_within_a_quarter_turn_unless_it_closes():
    ends = np.array([[0.5] * 5 + [end] for end in (0.0, 0.5, 1.0)])
    start, half, end = pictures(6, ends)
    assert np.linalg.norm(start - end) > np.linalg.norm(start - half) > 1
    closing = np.array([[0.5, 0.5, end] for end in (0.0, 0.5, 1.0)])
    start, half, end = shapes.brightness(shapes.placed(closing, shapes.TURNING), 28)
    np.testing.assert_allclose(start, end, atol=1e-12)
    assert np.linalg.norm(start - half) > 1


@pytest.mark.parametrize(("name", "varied"), [("shapes-5", 5), ("shapes-turning", 3)])
def test_stored_pictures_vary_evenly_in_their_factors(name, varied):
    """The centres of mass, the orientation and the brightest pixel, read from the pictures."""
    data = make(replace(synthetic.parse(name), examples=600, side=40))
    read = [moments(picture[..., 0] / 255) for picture in data.values]
    centres = np.array([centre for _, centre, _ in read])
    for values, factor in zip(centres.T, shapes.FACTORS, strict=False):
        quartiles = np.quantile(values, [0.25, 0.5, 0.75])
        expected = factor.low + (factor.high - factor.low) * np.array([0.25, 0.5, 0.75])
        np.testing.assert_allclose(quartiles, expected, atol=0.12 * (factor.high - factor.low))
    angles = [math.atan2(2 * c[0, 1], c[0, 0] - c[1, 1]) / 2 % math.pi for _, _, c in read]
    peaks = data.values.max(axis=(1, 2, 3)) / 255
    if varied == 5:
        np.testing.assert_allclose(angles, math.pi / 4, atol=0.02)
        np.testing.assert_allclose(np.quantile(peaks, [0, 0.5, 1]), [0.42, 0.71, 1.0], atol=0.04)
    else:
        np.testing.assert_allclose(
            np.quantile(angles, [0.25, 0.5, 0.75]), np.array([1, 2, 3]) * math.pi / 4, atol=0.3
        )
        np.testing.assert_allclose(peaks, 1.0, atol=0.01)


@pytest.mark.parametrize("side", [16, 28])
def test_every_picture_shows_a_whole_blob(side):
    values = make(Synthetic("shapes", 8, examples=3_000, side=side)).values[..., 0]
    bright = (values > 0.35 * 255).sum(axis=(1, 2))
    soft = ((values > 12) & (values < 0.35 * 255)).sum(axis=(1, 2))
    assert bright.min() >= (5 if side == 16 else 20)
    assert soft.min() >= 8
    border = np.concatenate([values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]], 1)
    assert np.mean(border.max(axis=1) > 127) < 0.01


def test_stored_pictures_are_the_brightness_rounded():
    uniform = np.random.default_rng(3).random((600, 8))
    factors = shapes.placed(uniform, shapes.FACTORS)
    stored = shapes.images(factors, 16)[..., 0] / 255
    assert np.abs(stored - shapes.brightness(factors, 16)).max() < 0.51 / 255


# ---- union ----------------------------------------------------------------------------------


def test_a_union_has_three_classes_of_their_own_dimensions(monkeypatch):
    monkeypatch.setattr(synthetic, "NOISE", 0.0)
    data = make(Synthetic("union", examples=4_500))
    assert data.label_names == ("2 dimensions", "4 dimensions", "6 dimensions")
    np.testing.assert_array_equal(np.bincount(data.labels), [1_500] * 3)
    for label, known in enumerate((2, 4, 6)):
        points = data.values[data.labels == label].astype(np.float64)
        read = dimension.two_nn(dimension.distances(points, 2))
        assert read == pytest.approx(known, abs=0.5)


def test_the_classes_of_a_union_are_mixed_noisy_and_apart(monkeypatch):
    data = make(Synthetic("union", examples=3_000))
    monkeypatch.setattr(synthetic, "NOISE", 0.0)
    noise = data.values - make(Synthetic("union", examples=3_000)).values
    np.testing.assert_allclose(noise.std(axis=0), 0.05, rtol=0.1)
    assert len(np.unique(data.labels[:20])) == 3
    near = NearestNeighbors(n_neighbors=2).fit(data.values).kneighbors(data.values)[1][:, 1]
    np.testing.assert_array_equal(data.labels[near], data.labels)
    centres = np.array([data.values[data.labels == label].mean(axis=0) for label in range(3)])
    spreads = [np.linalg.norm(data.values[data.labels == c] - centres[c], axis=1) for c in range(3)]
    gaps = [np.linalg.norm(centres[i] - centres[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 1.5 * np.max([np.median(spread) for spread in spreads])
