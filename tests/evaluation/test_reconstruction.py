import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from latentsweep.evaluation.reconstruction import psnr, ssim


def images(channels: int = 1, size: int = 20, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images in [0, 1], and noisy versions of them, each noisier than the one before."""
    rng = np.random.default_rng(channels)
    raw = gaussian_filter(rng.random((count, size, size, channels)), (0, 1, 1, 0))
    noise = np.linspace(0.02, 0.3, count)[:, None, None, None] * rng.normal(size=raw.shape)
    return raw.astype(np.float32), np.clip(raw + noise, 0, 1).astype(np.float32)


def mse(originals: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    return ((originals - decoded) ** 2).mean(axis=(1, 2, 3), dtype=np.float64)


def test_psnr_is_that_of_scikit_image_for_each_image():
    originals, decoded = images()
    expected = [
        peak_signal_noise_ratio(a.astype(float), b.astype(float), data_range=1)
        for a, b in zip(originals, decoded, strict=True)
    ]
    np.testing.assert_allclose(psnr(mse(originals, decoded)), expected, rtol=1e-6)
    assert expected[0] > expected[-1] + 10


def test_the_mean_psnr_is_not_the_psnr_of_the_mean_error():
    errors = np.array([1e-1, 1e-3])
    assert psnr(errors).mean() == pytest.approx(20)
    assert psnr(errors.mean(keepdims=True))[0] == pytest.approx(12.97, abs=0.01)


def test_psnr_of_an_image_without_error_is_finite():
    np.testing.assert_allclose(psnr(np.array([0.0, 1e-12, 1.0])), [100, 100, 0], atol=1e-9)


def test_ssim_is_that_of_scikit_image_with_the_papers_window():
    originals, decoded = images()
    expected = [
        structural_similarity(
            a[..., 0],
            b[..., 0],
            data_range=1,
            win_size=11,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(originals, decoded, strict=True)
    ]
    np.testing.assert_allclose(ssim(originals, decoded), expected, rtol=1e-5)
    plain = structural_similarity(originals[-1, ..., 0], decoded[-1, ..., 0], data_range=1)
    assert abs(plain - expected[-1]) > 1e-3  # a window of 7 equal weights


def ssim_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over the places whose window lies inside the image, in float64.

    References:
        Wang et al. (2004), equations 13 to 16, with K1 = 0.01, K2 = 0.03 and L = 1.
    """
    x, y = x.astype(float), y.astype(float)
    smooth = lambda image: gaussian_filter(image, 1.5, radius=5)  # noqa: E731
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    covariance = smooth(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    bottom = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float((top / bottom)[5:-5, 5:-5].mean())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_ssim_is_its_definition_and_the_mean_over_channels(channels):
    originals, decoded = images(channels)
    expected = [
        np.mean([ssim_by_definition(a[..., c], b[..., c]) for c in range(channels)])
        for a, b in zip(originals, decoded, strict=True)
    ]
    got = ssim(originals, decoded)
    assert got.shape == (3,)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert np.all(np.diff(got) < 0)


def test_an_image_is_wholly_similar_to_itself():
    originals, _ = images(3)
    np.testing.assert_allclose(ssim(originals, originals), 1, rtol=1e-6)


@pytest.mark.parametrize(("size", "measured"), [(8, False), (10, False), (11, True)])
def test_images_smaller_than_the_window_have_no_ssim(size, measured):
    similarity = ssim(*images(size=size))
    assert similarity.shape == (3,)
    assert np.isfinite(similarity).all() == measured
    assert np.isnan(similarity).all() != measured


@pytest.mark.parametrize("part", [np.s_[:, :8], np.s_[:, :, :8]])
def test_images_smaller_than_the_window_in_one_direction_have_none_either(part):
    originals, decoded = images()
    assert np.isnan(ssim(originals[part], decoded[part])).all()


def test_what_is_not_finite_has_no_ssim():
    originals, decoded = images()
    decoded[1, 3, 4] = np.nan
    assert np.isnan(ssim(originals, decoded)).all()
