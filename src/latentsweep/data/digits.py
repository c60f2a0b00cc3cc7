"""The digits that come with scikit-learn: 1,797 handwritten ones of 8 x 8 pixels from 0 to 16.

References:
    Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.
"""

import numpy as np
import sklearn
from sklearn.datasets import load_digits

from latentsweep.data.dataset import Dataset, Scale, split


def load(test_fraction: float, seed: int) -> Dataset:
    """The digits, 1,797 x 8 x 8 x 1, with a random test split."""
    pixels, numbers = load_digits(return_X_y=True)
    values = np.asarray(pixels, np.uint8).reshape(-1, 8, 8, 1)
    return Dataset(
        name="digits",
        source=f"scikit-learn {sklearn.__version__}",
        values=values,
        scale=Scale(0.0, 16.0),
        splits=split(len(values), test_fraction, seed),
        labels=np.asarray(numbers, np.int32),
        label_names=tuple("0123456789"),
    )
