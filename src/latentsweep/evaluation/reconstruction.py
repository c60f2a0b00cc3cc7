"""How near a decoded image is to its original, in the measures of image processing.

With MSE the mean squared error over the values of one image, and a data range of 1,

    PSNR = -10 log10 MSE                               in decibels, of each image; then the mean
    SSIM = l(x, y) c(x, y) s(x, y)                     mean over places, then over images

where SSIM compares means, variances and covariance in a Gaussian window of sigma 1.5 (11 x 11),
with population covariances, as in the paper; a window of 7 equal weights gives another SSIM. The
mean of the images' PSNR is not the PSNR of their mean MSE.

A code's mean decodes to a better picture than a sample of the code does; only the latter is what
the objective sees, and the difference is the noise that the decoder has to bear. Both are measured.

References:
    Wang, Bovik, Sheikh & Simoncelli (2004), Image quality assessment, section III.B.
"""

import numpy as np
from jaxtyping import Float
from skimage.metrics import structural_similarity

SIGMA, WINDOW = 1.5, 11
_LEAST_MSE = 1e-10  # 100 dB: an image without error has no finite PSNR


def psnr(mse: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """PSNR of images of data range 1 from the mean squared error of each, in decibels.

    PSNR = -10 log10 MSE, at most 100
    """
    return -10 * np.log10(np.maximum(mse, _LEAST_MSE))


def ssim(
    originals: Float[np.ndarray, "E height width channels"],
    decoded: Float[np.ndarray, "E height width channels"],
) -> Float[np.ndarray, " E"]:
    """SSIM of each image of data range 1 with its original, at most 1.

    NaN for images smaller than the window, and for decoded values that are not finite.
    """
    if min(originals.shape[1:3]) < WINDOW or not np.isfinite(decoded).all():
        return np.full(len(originals), np.nan)
    return np.array([_ssim(one, other) for one, other in zip(originals, decoded, strict=True)])


def _ssim(
    original: Float[np.ndarray, "height width channels"],
    decoded: Float[np.ndarray, "height width channels"],
) -> float:
    similarity = structural_similarity(
        original,
        decoded,
        data_range=1,
        gaussian_weights=True,
        sigma=SIGMA,
        use_sample_covariance=False,
        channel_axis=-1,
    )
    return float(similarity)  # pyright: ignore[reportArgumentType]  (a map besides, if asked for)
