"""What is known of each likelihood by its name, for all that compute nothing with it.

A likelihood is a name and a row here, and the class of that name in `model/likelihoods/`.
"""

from typing import Literal, NamedTuple

from latentsweep.language import marked

LikelihoodName = Literal[
    "auto", "bernoulli", "continuous-bernoulli", "gaussian", "poisson", "negative-binomial"
]


class LikelihoodFacts(NamedTuple):
    """One likelihood p(x | z).

    `values` are what it has a probability of; counts are taken as they are, never scaled. A
    `density` has an arbitrary zero, a probability none. `variance` says that all features share
    one, set in closed form, so that its linear model is probabilistic PCA. `parameters` is how many
    of the decoder's outputs a data feature has.

    `mean` says what the expected value is of the first of them, to those that run networks without
    JAX (ONNX, the explorer), None for what they can't run.
    """

    label: str
    values: Literal["unit interval", "real", "counts"]
    density: bool = False
    variance: bool = False
    parameters: int = 1
    mean: Literal["itself", "sigmoid", "rate", "continuous"] | None = None

    @property
    def counts(self) -> bool:
        """Whether it is of whole numbers from 0 upwards."""
        return self.values == "counts"

    @property
    def unit_interval(self) -> bool:
        """Whether it is of values from 0 to 1."""
        return self.values == "unit interval"


FACTS = {
    "bernoulli": LikelihoodFacts(marked("Bernoulli"), "unit interval", mean="sigmoid"),
    "continuous-bernoulli": LikelihoodFacts(
        marked("continuous Bernoulli"), "unit interval", density=True, mean="continuous"
    ),
    "gaussian": LikelihoodFacts(
        marked("Gaussian"), "real", density=True, variance=True, mean="itself"
    ),
    "poisson": LikelihoodFacts(marked("Poisson"), "counts", mean="rate"),
    "negative-binomial": LikelihoodFacts(
        marked("negative binomial"), "counts", parameters=2, mean="rate"
    ),
}
