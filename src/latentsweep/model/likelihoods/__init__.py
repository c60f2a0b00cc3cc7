"""The likelihoods by their names in a study, and what the package asks of each of them.

Their values in nats are not comparable: Bernoulli of binary values, Poisson and negative binomial
give probabilities, the continuous Bernoulli and the Gaussian densities, and a Bernoulli of grey
values a cross-entropy.
"""

from latentsweep.model.likelihoods.counts import NegativeBinomial, Poisson
from latentsweep.model.likelihoods.interface import Likelihood
from latentsweep.model.likelihoods.real import Gaussian
from latentsweep.model.likelihoods.unit_interval import Bernoulli, ContinuousBernoulli

LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "continuous-bernoulli": ContinuousBernoulli(),
    "gaussian": Gaussian(),
    "poisson": Poisson(),
    "negative-binomial": NegativeBinomial(),
}

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "ContinuousBernoulli",
    "Gaussian",
    "Likelihood",
    "NegativeBinomial",
    "Poisson",
]
