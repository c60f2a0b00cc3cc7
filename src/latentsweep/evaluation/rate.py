"""How much of the latent a network uses.

A latent dimension whose posterior is the same for every example carries nothing. Of the variance of
dimension k over data and posterior, the share that tells examples apart is

    rho_k = Var_x(mean_k) / (Var_x(mean_k) + E_x[sigma_k^2]),

and a dimension is active if rho_k > 0.01. At a stationary ELBO the denominator is 1, and this is
Burda's rule Var(mean_k) > 0.01; unlike that rule it does not depend on the latent's scale,
which the keras-blog objective changes. A third rule asks the rate itself: KL_k > 0.01 nats.

A count means something where there is a gap between dimensions that carry something and those that
don't: where any threshold from 0.005 to 0.05 gives the same. And a unit that carries next to
nothing counts like any other. The effective number of units weighs each by its share of the rate,

    exp(-sum_k p_k log p_k),        p_k = KL_k / sum_j KL_j,

which is K where all K carry the same, and 1 where one carries all.

References:
    Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, section 5.2.
    Roy & Vetterli (2007), The effective rank, definition 1 (the exponential of the entropy).
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import entr

VARIES_ABOVE = 0.1  # within a class
_LEAST_OF_CLASS = 20
ACTIVE_ABOVE = 0.01
GAP = 0.005, 0.05


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


def active_units(measure: Float[np.ndarray, " K"], above: float = ACTIVE_ABOVE) -> int:
    """Number of latent dimensions that carry something, by rho, Var(mean) or KL of each."""
    return int(np.sum(measure > above))


def units_by_class(
    codes: Float[np.ndarray, "N K"],
    code_scales: Float[np.ndarray, "N K"],
    labels: Int[np.ndarray, " N"],
    classes: int,
) -> Int[np.ndarray, " classes"]:
    """Number of latent dimensions along which a class's own codes vary; -1 for too few examples.

    Those whose rho, of the examples of that class alone, is above 0.1. A dimension that only tells
    classes apart is constant within each, and one that other classes use is at its prior.
    """
    counts = np.full(classes, -1)
    for number in range(classes):
        own = labels == number
        if np.sum(own) >= _LEAST_OF_CLASS:
            counts[number] = active_units(rho(codes[own], code_scales[own]), VARIES_ABOVE)
    return counts


def has_clean_gap(rho: Float[np.ndarray, " K"]) -> bool:
    """Whether the number of active units is the same for any threshold from 0.005 to 0.05."""
    low, high = GAP
    return active_units(rho, low) == active_units(rho, high)


def effective_units(kl_per_dimension: Float[np.ndarray, " K"]) -> float:
    """Number of latent dimensions, each weighed by its share of the rate, between 1 and K.

    exp(-sum_k p_k log p_k), p_k = KL_k / sum_j KL_j; 0 if nothing is encoded, NaN for a diverged
    network.

    References:
        Roy & Vetterli (2007), The effective rank, definition 1.
    """
    kl = np.maximum(np.asarray(kl_per_dimension, np.float64), 0)  # rounding may leave -1e-9
    rate = kl.sum()
    if rate == 0:
        return 0.0
    with np.errstate(invalid="ignore"):
        return float(np.exp(entr(kl / rate).sum()))
