"""The scorer on the data that it is for."""

import pytest

from latentsweep.data.catalogue import load_dataset
from latentsweep.evaluation.scorer import accuracy, trained
from latentsweep.study import Study

pytestmark = [pytest.mark.slow, pytest.mark.optimised]


def test_it_knows_mnist_trained_on_its_training_split_alone(mnist_folder):
    data = load_dataset(Study(name="x", data="mnist"))
    train, test = data.splits["train"], data.splits["test"]
    assert data.labels is not None
    scorer = trained(data.values[train], data.labels[train])
    assert accuracy(scorer, data.values[test], data.labels[test]) >= 0.992
