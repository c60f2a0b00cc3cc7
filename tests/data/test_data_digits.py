import numpy as np
from sklearn.datasets import load_digits

from latentsweep.data.prepare import prepare
from latentsweep.data.sources import digits
from latentsweep.study import Study

BERNOULLI = Study(name="x", likelihood="bernoulli")


def test_the_digits_are_those_of_scikit_learn():
    data = prepare(digits.read(), BERNOULLI)
    original = load_digits()
    assert data.values.dtype == np.uint8
    assert data.values.shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(data.values[..., 0], original.images)
    np.testing.assert_array_equal(data.labels, original.target)
    assert data.label_names == tuple(str(name) for name in original.target_names)
    assert data.source.startswith("scikit-learn ")
    assert data.is_image
    assert data.unit_interval
    assert data.scale(data.values, np.float32).max() == 1


def test_the_split_follows_its_fraction_and_seed():
    data = prepare(digits.read(), BERNOULLI)
    other = prepare(digits.read(), BERNOULLI.changed({"split_seed": 1}))
    assert {name: len(indices) for name, indices in data.splits.items()} == {
        "train": 1438,
        "test": 359,
    }
    assert not np.array_equal(data.splits["test"], other.splits["test"])
    assert data.hash != other.hash
