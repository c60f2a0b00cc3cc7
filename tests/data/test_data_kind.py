"""What kind of values data holds: the rules on made-up data, and what digits and MNIST are."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from latentsweep.data import catalogue, kind
from latentsweep.data.dataset import Scale
from latentsweep.errors import DataError, StudyError
from latentsweep.study import Study

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(np.exp(RNG.normal(size=(60, 1)) + RNG.normal(size=5))).astype(np.int32)
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
        return kind.likelihood_for(asked, data), data.scale, kind.reason(asked, data)

    return of


@pytest.mark.parametrize("dtype", ["int32", "float32", "int64"])
def test_counts_stay_as_they_are(chosen, dtype):
    name, scale, reason = chosen(COUNTS.astype(dtype))
    assert (name, scale) == ("negative-binomial", AS_THEY_ARE)
    assert reason == ", since the values are counts; --set likelihood=NAME for another"
    assert chosen(COUNTS.astype(dtype), scale="none")[:2] == ("negative-binomial", AS_THEY_ARE)


def test_what_is_scaled_is_no_count(chosen):
    name, scale, _ = chosen(COUNTS, scale="standard")
    assert (name, scale.columns) == ("gaussian", 5)
    name, scale, _ = chosen(COUNTS, likelihood="gaussian")
    assert name == "gaussian"
    assert scale != AS_THEY_ARE


NO_COUNTS = {
    "below 0": np.where(COUNTS.max() == COUNTS, -1, COUNTS),
    "not whole": np.where(COUNTS.max() == COUNTS, 2.5, COUNTS),
    "without zeros": COUNTS + 1,
    "none above 1": np.minimum(COUNTS, 1),
    "8 bits": COUNTS.astype(np.uint8),
}


@pytest.mark.parametrize("case", NO_COUNTS)
def test_what_are_no_counts(case):
    assert kind.are_counts(COUNTS)
    assert not kind.are_counts(NO_COUNTS[case])


def test_zeros_are_needed_in_half_of_the_features():
    assert kind.are_counts(np.hstack([COUNTS, COUNTS + 1]))
    assert not kind.are_counts(np.hstack([COUNTS, COUNTS + 1, COUNTS + 1]))


def test_a_scale_with_an_end_is_no_count():
    answers = RNG.integers(0, 5, (100, 16))
    assert not kind.are_counts(answers)
    assert kind.are_counts(answers[:, :15])
    assert not kind.are_counts(load_digits().data)
    assert kind.are_counts(RNG.poisson(0.3, (1000, 30)))


def test_values_of_0_and_1_are_binary_and_greys_are_real(chosen):
    name, _, reason = chosen(BINARY)
    assert name == "bernoulli"
    assert reason == ", since the values are nearly binary; --set likelihood=NAME for another"
    name, _, reason = chosen(GREY)
    assert name == "gaussian"
    assert "lie in [0, 1] but are not nearly binary; --set" in reason
    assert chosen(GREY * 4 - 2)[::2] == ("gaussian", "")


def test_nearly_binary_is_little_of_the_entropy_of_the_means():
    """A share q of fair coins, all others at 1/2: the entropy is 1 - q of that of the means."""
    half = np.full((1000, 1), 0.5, np.float32)
    coins = (np.arange(1000)[:, None] % 2).astype(np.float32)
    for share, expected in ((0.59, False), (0.61, True)):
        values = np.where(np.arange(1000)[:, None] < 1000 * share, coins, half)
        assert kind.nearly_binary(values, np.arange(1000), AS_THEY_ARE) == expected


def test_only_training_examples_are_looked_at():
    values, train = np.vstack([BINARY, GREY]), np.arange(60)
    assert kind.nearly_binary(values, train, AS_THEY_ARE)
    assert not kind.nearly_binary(values, train + 60, AS_THEY_ARE)


def test_binary_draws_are_of_a_bernoulli(chosen):
    assert chosen(GREY, binarisation="dynamic")[::2] == ("bernoulli", "")


def test_digits_are_grey_and_mnist_is_nearly_binary(mnist_folder):
    for name, expected in (("digits", "gaussian"), ("mnist", "bernoulli")):
        asked = study(name)
        assert kind.likelihood_for(asked, catalogue.load_dataset(asked)) == expected


@pytest.mark.parametrize("name", ["poisson", "negative-binomial"])
def test_counts_are_needed_for_such_a_likelihood(tmp_path, name):
    np.save(tmp_path / "a.npy", GREY + 0.25)
    with pytest.raises(DataError) as caught:
        catalogue.load_dataset(study(tmp_path / "a.npy", likelihood=name))
    assert str(caught.value) == (
        f"likelihood: {name} needs counts, whole numbers from 0 upwards, got "
        f"{float(GREY[0, 0]) + 0.25:.6g} in a; write --set likelihood=gaussian"
    )
    with pytest.raises(DataError, match=r"needs counts.* got pictures of 8 bits in digits; write"):
        catalogue.load_dataset(study("digits", likelihood=name))


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
