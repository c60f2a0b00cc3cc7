"""The scorer on the data that it is for."""

import pytest

from latentsweep.data import mnist
from latentsweep.evaluation.scorer import accuracy, trained

pytestmark = [pytest.mark.slow, pytest.mark.optimised]


def test_it_knows_mnist_trained_on_its_training_split_alone(mnist_folder):
    data = mnist.load()
    train, test = data.splits["train"], data.splits["test"]
    assert data.labels is not None
    scorer = trained(data.values[train], data.labels[train])
    assert accuracy(scorer, data.values[test], data.labels[test]) >= 0.992
