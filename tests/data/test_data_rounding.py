"""The steps to which values were rounded, and the least noise that a Gaussian of them has."""

import numpy as np
import pytest

from latentsweep.data.dataset import Scale
from latentsweep.data.prepare import prepare
from latentsweep.data.raw import Raw
from latentsweep.data.rounding import noise_of_rounding, step
from latentsweep.study import Study

RNG = np.random.default_rng(0)
REAL = 3 * RNG.normal(size=2_000) + 40
PLAIN = Scale(0.0, 1.0)
ALL = np.arange(2_000, dtype=np.int32)


@pytest.mark.parametrize("h", [5.0, 1.0, 0.5, 0.1, 0.05, 0.01, 0.0625, 1 / 255, 1 / 3])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_the_step_of_rounded_values_is_found(h, kind):
    values = (h * np.rint(REAL / h)).astype(kind)
    assert step(values.astype(np.float64)) == pytest.approx(h, rel=1e-4)


def test_a_step_is_no_finer_for_being_standardised():
    values = np.rint(REAL).astype(np.float32)
    scaled = ((values - values.mean()) / values.std()).astype(np.float64)
    assert step(scaled) == pytest.approx(1 / values.std(), rel=1e-3)


def test_values_that_were_not_rounded_have_no_step():
    assert step(REAL) == 0
    assert step(REAL.astype(np.float32).astype(np.float64)) < 1e-5
    assert step(np.full(10, 3.5)) == 0


@pytest.mark.parametrize(("decimals", "h"), [(4, 1e-4), (2, 1e-2), (0, 1.0)])
def test_the_noise_is_the_variance_that_rounding_leaves(decimals, h):
    """Against the rounding errors themselves."""
    values = np.round(REAL, decimals)[:, None]
    variance, steps = noise_of_rounding(values, ALL, PLAIN)
    errors = np.var(values[:, 0] - REAL)
    assert variance == pytest.approx(errors, rel=0.1)
    assert steps == pytest.approx((h, h))


def test_columns_have_steps_of_their_own_and_the_noise_is_their_mean():
    values = np.column_stack([np.rint(REAL), np.round(REAL, 1), REAL])
    scale = Scale((40.0, 40.0, 40.0), (3.0, 3.0, 3.0))
    variance, (least, most) = noise_of_rounding(values, ALL, scale)
    assert variance == pytest.approx((1 + 0.01) / 12 / 9 / 3, rel=1e-3)
    assert (least, most) == (0, 1)


def test_two_values_lose_a_twelfth_of_their_variance_at_most():
    """A rare category has steps far greater than what it varies by."""
    rare = (RNG.random((2_000, 4)) < 0.02).astype(np.float64)
    scale = Scale(tuple(rare.mean(axis=0).tolist()), tuple(rare.std(axis=0).tolist()))
    assert noise_of_rounding(rare, ALL, scale)[0] == pytest.approx(1 / 12)


def test_pixels_that_never_change_ask_for_no_noise():
    pictures = RNG.integers(0, 256, (2_000, 4, 4, 1)).astype(np.uint8)
    pictures[:, :2] = 0
    variance, steps = noise_of_rounding(pictures, ALL, Scale(0.0, 255.0))
    assert variance == pytest.approx(1 / 12 / 255**2 / 2)
    assert steps == (1, 1)


def test_it_is_said_where_it_matters_and_gaussian_data_carries_it():
    def made(values):
        raw = Raw("x", "x.npy", values, one_unit=False)
        return prepare(raw, Study(name="x", likelihood="gaussian"))

    likert = RNG.integers(1, 6, (500, 6)).astype(float)
    assert made(likert).notes == (
        "rounded to steps of 1: the Gaussian's noise is at least that of rounding",
    )
    assert made(likert).rounding == pytest.approx(1 / 12 / likert.var(), rel=0.05)
    fine = np.round(RNG.normal(size=(500, 6)), 4)
    assert made(fine).notes == ()
    assert made(fine).rounding == pytest.approx(1e-8 / 12, rel=0.1)
