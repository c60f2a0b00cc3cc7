"""Columns as numbers."""

import numpy as np
import pandas as pd


def to_numbers(column: pd.Series) -> pd.Series:
    """A column as numbers: what is none, or is beyond a float64, is missing."""
    try:
        return pd.to_numeric(column, errors="coerce")
    except (OverflowError, TypeError):  # of whole numbers of 400 digits; of lists
        return column.astype(object).map(_number).astype(np.float64)


def _number(value: object) -> float:
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (OverflowError, TypeError, ValueError):
        return np.nan
