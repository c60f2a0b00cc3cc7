"""The digits that come with scikit-learn: 1,797 handwritten ones of 8 x 8 pixels from 0 to 16.

References:
    Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository.
"""

import numpy as np
import sklearn
from sklearn.datasets import load_digits

from latentsweep.data.raw import Known, Raw
from latentsweep.study import Study


def read(_: Study | None = None) -> Raw:
    """The digits, 1,797 x 8 x 8 x 1."""
    pixels, numbers = load_digits(return_X_y=True)
    return Raw(
        name="digits",
        source=f"scikit-learn {sklearn.__version__}",
        values=np.asarray(pixels, np.uint8).reshape(-1, 8, 8, 1),
        labels=np.asarray(numbers),
    )


def known() -> list[Known]:
    """The digits, for people."""
    where, words = "scikit-learn", "1,797 handwritten digits, 8 x 8 grey pixels"
    return [Known("digits", words, (where,), where, f"comes with {where}")]
