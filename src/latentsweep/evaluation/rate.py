"""How much of the latent a network uses.

A latent dimension whose posterior is the same for every example carries nothing. Of the variance of
dimension k over data and posterior, the share that tells examples apart is

    rho_k = Var_x(mean_k) / (Var_x(mean_k) + E_x[sigma_k^2]),

and a dimension is active if rho_k > 0.01. At a stationary ELBO the denominator is 1, and this is
Burda's rule Var(mean_k) > 0.01; unlike that rule it does not depend on the latent's scale,
which the keras-blog objective changes.

References:
    Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, section 5.2.
"""

import numpy as np
from jaxtyping import Float

ACTIVE_ABOVE = 0.01


def rho(
    codes: Float[np.ndarray, "N K"], code_scales: Float[np.ndarray, "N K"]
) -> Float[np.ndarray, " K"]:
    """Share of each latent dimension's variance that tells examples apart, between 0 and 1.

    NaN where a diverged network's codes are not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        between = codes.var(axis=0, dtype=np.float64)
        within = np.mean(np.square(code_scales, dtype=np.float64), axis=0)
        return between / (between + within)


def active_units(rho: Float[np.ndarray, " K"]) -> int:
    """Number of latent dimensions that carry something."""
    return int(np.sum(rho > ACTIVE_ABOVE))
