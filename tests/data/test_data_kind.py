"""What kind of values data holds: the rules on made-up data, and what digits and MNIST are."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from latentsweep.data import catalogue, kind
from latentsweep.data.dataset import Scale
from latentsweep.errors import DataError, StudyError
from latentsweep.study import Study

RNG = np.random.default_rng(0)
RATES = np.exp(0.7 * RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 30)) - 0.3)
COUNTS = RNG.poisson(RATES)
GREY = RNG.random((60, 5)).astype(np.float32)
BINARY = (GREY > 0.5).astype(np.float32)
AS_THEY_ARE = Scale(0.0, 1.0)


def study(data, **changes) -> Study:
    return Study(name="x").changed({"data": str(data), **changes})


@pytest.fixture
def chosen(tmp_path):
    """The likelihood, the scale and the reason for it of an array."""

    def of(values: np.ndarray, **changes) -> tuple[str, Scale, str]:
        np.save(tmp_path / "a.npy", values)
        asked = study(tmp_path / "a.npy", **changes)
        data = catalogue.load_dataset(asked)
        return data.likelihood, data.scale, kind.reason(asked, data)

    return of


def are_counts(values):
    return kind.are_counts(np.asarray(values), np.arange(len(values)))


def nearly_binary(values):
    return kind.nearly_binary(np.asarray(values), np.arange(len(values)))


# ---- counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "int64"])
def test_counts_stay_as_they_are(chosen, dtype):
    name, scale, reason = chosen(COUNTS.astype(dtype))
    assert (name, scale) == ("negative-binomial", AS_THEY_ARE)
    assert reason == (
        ", since the values are counts: whole, from 0, with the noise of counting; "
        "--set likelihood=NAME for another"
    )
    assert chosen(COUNTS.astype(dtype), scale="none")[:2] == ("negative-binomial", AS_THEY_ARE)


def test_what_is_scaled_is_no_count(chosen):
    name, scale, _ = chosen(COUNTS, scale="standard")
    assert (name, scale.columns) == ("gaussian", 30)
    name, scale, _ = chosen(COUNTS, likelihood="gaussian")
    assert name == "gaussian"
    assert scale != AS_THEY_ARE


def blobs(n, side, top):
    """Round spots at random places, whole grey values on a background of 0, as rows."""
    y, x = np.mgrid[:side, :side]
    places = RNG.uniform(side / 4, 3 * side / 4, (n, 2, 1, 1))
    squares = (x - places[:, 0]) ** 2 + (y - places[:, 1]) ** 2
    return np.round(top * np.exp(-squares / side)).astype(int).reshape(n, -1)


TWO = RNG.normal(size=(400, 2))
ANSWERS = TWO @ RNG.normal(size=(2, 12)) + 0.7 * RNG.normal(size=(400, 12))
NO_COUNTS = {
    "below 0": np.where(COUNTS.max() == COUNTS, -1, COUNTS),
    "not whole": np.where(COUNTS.max() == COUNTS, 2.5, COUNTS),
    "without zeros": COUNTS + 1,
    "none above 1": np.minimum(COUNTS, 1),
    "answers from 0 to 4": np.clip(np.round(2 + ANSWERS), 0, 4).astype(int),
    "answers at random": RNG.integers(0, 5, (400, 20)),
    "few answers at random": RNG.integers(0, 5, (400, 5)),
    "codes": np.column_stack([RNG.integers(0, k, 400) for k in (2, 3, 7, 9, 16, 6)]),
    "ages, pressures and sexes": np.column_stack([RNG.integers(0, k, 400) for k in (90, 200, 2)]),
    "measured or 0": np.where(RNG.random((400, 6)) < 0.3, 0, RNG.normal(70, 12, (400, 6)).round()),
    "a scan of 8 bits": blobs(400, 12, 255),
    "a dim scan": blobs(400, 12, 60),
    "a scan of 12 bits": blobs(400, 12, 4000),
    "digits": load_digits().data.astype(int),
    "one of a hundred": np.eye(100, dtype=int)[RNG.integers(0, 100, 500)] * 3,
    "one of a hundred, and ages": np.column_stack(
        [np.eye(100, dtype=int)[RNG.integers(0, 100, 500)], RNG.integers(18, 90, 500)]
    ),
}


@pytest.mark.parametrize("case", NO_COUNTS)
def test_what_are_no_counts(case):
    assert not are_counts(NO_COUNTS[case])


IS_COUNTS = {
    "of two factors": COUNTS,
    "of one rate": RNG.poisson(0.5, (400, 20)),
    "of another rate": RNG.poisson(3, (400, 20)),
    "dispersed": RNG.negative_binomial(0.5, 0.1, (400, 30)),
    "sparse": RNG.poisson(np.exp(RNG.normal(-3, 1.5, (1, 300)) + RNG.normal(size=(400, 1)) / 2)),
    "few": RNG.poisson(np.exp(0.5 * TWO @ RNG.normal(size=(2, 8)))),
    "of 60 examples": RNG.poisson(0.5, (60, 20)),
    "more features than examples": RNG.poisson(0.4, (100, 500)),
    "some of them binary": np.hstack([COUNTS, RNG.random((400, 4)) < 0.2]),
}


@pytest.mark.parametrize("case", IS_COUNTS)
def test_what_are_counts(case):
    assert are_counts(IS_COUNTS[case].astype(float))


def test_zeros_are_needed_in_half_of_the_features():
    more = RNG.poisson(12, (400, 60))
    assert are_counts(np.hstack([COUNTS, more[:, :28]]))
    assert not are_counts(np.hstack([COUNTS, more]))


def test_what_has_rows_and_columns_is_a_picture():
    assert not are_counts(COUNTS.reshape(400, 5, 6))


def test_what_the_others_leave_unexplained_is_that_of_a_regression():
    rows = TWO @ RNG.normal(size=(2, 6)) + RNG.normal(size=(400, 6)) * [1, 2, 3, 0.5, 1, 1]
    for j, variance in enumerate(kind.unexplained(rows)):
        others = np.column_stack([np.ones(400), np.delete(rows, j, axis=1)])
        rest = rows[:, j] - others @ np.linalg.lstsq(others, rows[:, j])[0]
        assert variance == pytest.approx(rest @ rest / (400 - 6), rel=1e-6)


# ---- binary values --------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [(0, 1), (0, 255), (0, 0.25), (-1, 1), (3, 5)])
def test_two_values_are_binary_whatever_they_are(chosen, ends):
    low, high = ends
    name, scale, reason = chosen(low + (high - low) * BINARY)
    assert (name, scale) == ("bernoulli", Scale(low, high - low))
    assert reason == ", since the values are nearly binary; --set likelihood=NAME for another"


def test_greys_are_real_whatever_their_range(chosen):
    for factor in (1, 4, 1e-3):
        assert chosen(GREY * factor)[::2] == ("gaussian", "")
    name, _, reason = chosen((GREY * 255).round())
    assert name == "gaussian"
    assert reason.startswith(", since the values are neither counts nor nearly binary; --set")


def test_values_with_one_far_above_the_others_are_not_binary():
    many = np.where(RNG.random((400, 5)) < 0.8, 0, RNG.lognormal(0, 1, (400, 5)))
    assert not nearly_binary(many)


def test_few_ones_are_enough_where_there_are_two_values():
    values = np.zeros((1000, 5))
    values[3] = 7
    assert nearly_binary(values)
    values[5] = 3
    assert not nearly_binary(values)


def test_nearly_binary_is_little_of_the_entropy_of_the_means():
    """Three in four near the ends, the others at 1/2: 1/4 of the entropy, and what those have."""
    places = np.arange(1000)[:, None]
    for inside, expected in ((0.0, True), (0.03, True), (0.06, False)):
        near = np.where(places % 2, 1 - inside, inside)
        values = np.where(places < 760, near, 0.5)
        values[:2] = [[0], [1]]
        assert nearly_binary(values) == expected


def test_a_scale_of_three_points_is_not_binary():
    assert not nearly_binary(RNG.integers(1, 4, (200, 6)))


def test_one_column_of_another_unit_makes_the_others_no_binary_ones():
    ages, missing = RNG.integers(18, 90, 300), RNG.random(300) < 0.05
    assert not nearly_binary(np.column_stack([ages, ages // 2, np.where(missing, 99999, 0)]))
    reals = RNG.normal(size=(300, 3))
    assert not nearly_binary(np.column_stack([reals, np.where(missing, -9999, reals[:, 0])]))
    many = np.column_stack([RNG.normal(size=(300, 2)), 1000 * (RNG.random(300) < 0.5)])
    assert not nearly_binary(many)


def test_only_training_examples_are_looked_at():
    values, train = np.vstack([BINARY, GREY]), np.arange(60)
    assert kind.nearly_binary(values, train)
    assert not kind.nearly_binary(values, train + 60)


def test_binary_draws_are_of_a_bernoulli(chosen):
    assert chosen(GREY, binarisation="dynamic")[::2] == ("bernoulli", "")


def test_digits_are_grey_and_mnist_is_nearly_binary(mnist_folder):
    for name, expected in (("digits", "gaussian"), ("mnist", "bernoulli")):
        assert catalogue.load_dataset(study(name)).likelihood == expected


# ---- scales ---------------------------------------------------------------------------------


def test_pictures_of_a_bernoulli_are_divided_by_white(tmp_path):
    for data, white in (("digits", 16), ("mine.npy", 255)):
        np.save(tmp_path / "mine.npy", (GREY * 200).reshape(60, 5, 1).repeat(5, 2).round())
        path = data if data == "digits" else tmp_path / data
        loaded = catalogue.load_dataset(study(path, likelihood="bernoulli"))
        assert (loaded.scale, loaded.white) == (Scale(0.0, white), white)


@pytest.mark.parametrize("name", ["poisson", "negative-binomial"])
def test_counts_are_needed_for_such_a_likelihood(tmp_path, name):
    np.save(tmp_path / "a.npy", GREY + 0.25)
    with pytest.raises(DataError) as caught:
        catalogue.load_dataset(study(tmp_path / "a.npy", likelihood=name))
    assert str(caught.value) == (
        f"likelihood: {name} needs counts, whole numbers from 0 upwards, got "
        f"{float(GREY[0, 0]) + 0.25:.6g} in a; write --set likelihood=gaussian"
    )


def test_the_continuous_bernoulli_needs_values_in_the_unit_interval(tmp_path):
    np.save(tmp_path / "a.npy", GREY * 3)
    asked = study(tmp_path / "a.npy", likelihood="continuous-bernoulli")
    with pytest.raises(DataError, match=r"continuous-bernoulli needs values in \[0, 1\], got"):
        catalogue.load_dataset(asked)
    assert catalogue.load_dataset(asked.changed({"scale": "minmax"})).unit_interval


def test_counts_are_never_scaled():
    with pytest.raises(StudyError) as caught:
        study("a.npy", likelihood="poisson", scale="standard")
    assert str(caught.value) == (
        "study x: scale: only none with likelihood poisson, whose counts stay as they are, got "
        "standard; leave it out, or set likelihood = 'gaussian'"
    )
