"""The likelihoods by their names in a study, and what the package asks of each of them.

One stands in the file of its name, and has a row in `study/likelihood_facts.py`. Their values in
nats are not comparable: Bernoulli of binary values, Poisson and negative binomial give
probabilities, the continuous Bernoulli and the Gaussian densities, and a Bernoulli of grey values a
cross-entropy.
"""

from importlib import import_module

from latentsweep.model.likelihoods.bernoulli import Bernoulli
from latentsweep.model.likelihoods.interface import Likelihood
from latentsweep.study.likelihood_facts import FACTS


def _made(name: str) -> Likelihood:
    """That of "negative-binomial" is the class NegativeBinomial in negative_binomial.py."""
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return getattr(module, name.title().replace("-", ""))()


LIKELIHOODS = {name: _made(name) for name in FACTS}

__all__ = ["LIKELIHOODS", "Bernoulli", "Likelihood"]
