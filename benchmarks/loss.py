"""-ELBO of a network from its weights alone, in NumPy: the same measure for every peer."""

import numpy as np

_SEED = 0


def negative_elbo(weights: dict[str, np.ndarray], images: np.ndarray) -> float:
    """-ELBO of the images [N, 784] in [0, 1], in nats an image, one fixed noisy code each.

    -ELBO = sum_d softplus(l_d) - x_d l_d  -  1/2 sum_k (1 + s_k - mean_k^2 - exp(s_k))

    Args:
        weights: kernels [fan_in, fan_out] and biases of the layers encoder, mean, log_var, decoder
            and output, as NAME_kernel and NAME_bias.
    """

    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}_kernel"] + weights[f"{name}_bias"]

    hidden = np.maximum(dense("encoder", images), 0)
    mean, log_var = dense("mean", hidden), dense("log_var", hidden)
    noise = np.random.default_rng(_SEED).standard_normal(mean.shape, np.float32)
    code = mean + np.exp(log_var / 2) * noise
    logits = dense("output", np.maximum(dense("decoder", code), 0))
    cross_entropy = np.sum(np.logaddexp(0, logits) - images * logits, axis=1)
    rate = -0.5 * np.sum(1 + log_var - mean**2 - np.exp(log_var), axis=1)
    return float(np.mean(cross_entropy + rate))
