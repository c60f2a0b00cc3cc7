"""Data whose number of latent dimensions is known, to put recommendations to the test.

A family is written "shapes-4": 4 dimensions; "shapes-4@7" is another draw, of generator seed 7.

**linear-D.** x = mean + W z + sigma n, z and n standard normal, the D columns w of W orthogonal.
The best model of q latents keeps the q largest eigenvalues of the covariance and spreads the others
evenly, so all losses are known (`exact_losses`), and none lies below that of D latents. Strengths
|w|^2 / sigma^2 are drawn between 10 and 30, until leaving out the weakest factor costs at least 3 %
of what all are worth: one worth less than a recommendation tolerates would not be needed.

**smooth-D, smooth-D-binary, shapes-D.** A random smooth decoder's features of standard normal codes
in noise of 0.05, or binary pixels with its logits; and pictures. `shapes` has both, and says why
their dimension is D. In **shapes-turning** x, y and a rotation vary that closes to a circle, for
which one latent (with a cut) and two are right answers.

**union.** Three classes on smooth manifolds of 2, 4 and 6 dimensions, far apart. The widest needs 6
latents, and telling the classes apart may take one more.

**noise, power-law.** No dimension to be found: noise around one vector holds nothing to encode, and
a Gaussian of variances 1 / i, i = 1 to p, over no noise rewards every latent.

**weak-factor-D.** linear-D with 5,000 examples and one factor more, of strength 0.1. That is below
sqrt(p / n), where a sample's leading directions say nothing of it (Baik, Ben Arous & Péché 2005),
and its worth of 0.002 nats is below any tolerance: the right answer is D.

All is drawn from NumPy's generator, seeded with [seed, the family's number, D]: the same bytes for
the same name on one machine, and the same up to rounding on others.

References:
    Tipping & Bishop (1999), Probabilistic Principal Component Analysis, on the best linear model.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit
from threadpoolctl import threadpool_limits

from latentsweep.data.dataset import Dataset
from latentsweep.data.prepare import prepare
from latentsweep.data.raw import Known, Raw
from latentsweep.data.sources import shapes
from latentsweep.errors import DataError, nearest
from latentsweep.study import Study

A_SIZE = "a size"
NOTHING = "nothing to encode"
NO_SIZE = "no finite size"

STRENGTHS = 10.0, 30.0
LEAST_SHARE = 0.03
WEAK_STRENGTH = 0.1
NOISE = 0.05
CLASS_DIMENSIONS = 2, 4, 6
CLASS_NAMES = tuple(f"{dimension} dimensions" for dimension in CLASS_DIMENSIONS)


@dataclass(frozen=True)
class Synthetic:
    """One data set of a family, yet to be drawn.

    `dimension` is 0 where a family leaves no choice, `examples` None for the family's own number.
    Vectors have `features`, pictures `side` x `side` pixels.
    """

    family: str
    dimension: int = 0
    seed: int = 0
    examples: int | None = None
    features: int = 100
    side: int = 28

    def __post_init__(self) -> None:
        assert self.dimension in (FAMILIES[self.family].dimensions or (0,)), self
        assert self.features > 2 * max(self.dimension, *CLASS_DIMENSIONS), self
        assert self.side >= 16, self

    @property
    def name(self) -> str:
        """What `load` calls it, where examples, features and side are the usual ones."""
        name = FAMILIES[self.family].pattern.replace("-D", f"-{self.dimension}")
        return f"{name}@{self.seed}" if self.seed else name


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of a data set's latent dimension.

    The `verdict` is `A_SIZE`, any of the `accepted`, or else `NOTHING` or `NO_SIZE`. Where
    `exact_losses` are known, they follow from the covariance's `eigenvalues`, in falling order.
    """

    verdict: str
    accepted: frozenset[int]
    class_dimensions: tuple[int, ...]
    eigenvalues: Float[np.ndarray, " D"] | None


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """x = mean + columns z + deviation n, with z and n standard normal and orthogonal columns."""

    mean: Float[np.ndarray, " D"]
    columns: Float[np.ndarray, "D K"]
    deviation: float

    @property
    def eigenvalues(self) -> Float[np.ndarray, " D"]:
        """Those of the covariance, in falling order."""
        spectrum = _spectrum(np.square(self.columns).sum(axis=0), len(self.mean), self.deviation**2)
        return np.sort(spectrum)[::-1]

    def draw(self, n: int, rng: np.random.Generator) -> Float[np.ndarray, "N D"]:
        """Examples, n of them."""
        features, factors = self.columns.shape
        signal = rng.standard_normal((n, factors)) @ self.columns.T
        return self.mean + signal + self.deviation * rng.standard_normal((n, features))


def exact_losses(
    eigenvalues: Float[np.ndarray, " D"], sizes: Sequence[int]
) -> Float[np.ndarray, " sizes"]:
    """Expected negative log-likelihood, in nats, of the best linear model of each size q < p.

    1/2 [p ln 2 pi + sum_{j <= q} ln lambda_j + (p - q) ln s^2 + p], with s^2 the mean of the other
    p - q eigenvalues. It is that of the data's own values; scaled ones have p ln(factor) less.

    References:
        Tipping & Bishop (1999), section 3.2.
    """
    falling = np.sort(eigenvalues)[::-1]
    p = len(falling)
    assert all(0 <= q < p for q in sizes), sizes
    kept = [np.log(falling[:q]).sum() for q in sizes]
    spread = [(p - q) * math.log(falling[q:].mean()) for q in sizes]
    return 0.5 * (p * math.log(2 * math.pi) + np.add(kept, spread) + p)


def strengths(count: int, features: int, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
    """The factors' |w|^2 / sigma^2, such that leaving out the weakest costs 3 % of all's worth."""
    while True:
        drawn = rng.uniform(*STRENGTHS, count)
        none, fewer, whole = exact_losses(_spectrum(drawn, features, 1.0), (0, count - 1, count))
        if fewer - whole >= LEAST_SHARE * (none - whole):
            return drawn


def _spectrum(squares: np.ndarray, features: int, variance: float) -> Float[np.ndarray, " D"]:
    """Eigenvalues of the covariance, from the squared lengths of columns and the noise's."""
    return variance + np.pad(squares, (0, features - len(squares)))


_Drawn = tuple[np.ndarray, np.ndarray | None]  # values and labels


@dataclass(frozen=True)
class _Family:
    """Data sets made alike; `number` seeds their generator and is never to be changed."""

    number: int
    pattern: str
    dimensions: range | None
    description: str
    draw: Callable[[Synthetic, int, np.random.Generator], _Drawn]
    accepted: tuple[int, ...] = ()
    verdict: str = A_SIZE
    examples: int = 20_000

    def read(self, name: str) -> re.Match[str] | None:
        """A name of this family, parted in dimension and seed, be they right or wrong."""
        start, _, end = self.pattern.partition("-D")
        return re.fullmatch(f"{start}(?:-([0-9]{{1,9}}))?{end}(?:@(.*))?", name)


def read(study: Study) -> Raw:
    """The data set of a name such as "shapes-4" or "shapes-4@7".

    Raises:
        DataError: no such family, or not with this dimension or seed.
    """
    return drawn(parse(study.data))


def known() -> list[Known]:
    """The families, for people."""
    where = "drawn when asked for"
    return [Known(name, words, (where,), where, where) for name, words in _DESCRIPTIONS.items()]


def is_known(name: str) -> bool:
    """Whether a name means one of the families, be it with a wrong dimension or seed."""
    return any(family.read(name) for family in FAMILIES.values())


def parse(name: str) -> Synthetic:
    """What a name such as "shapes-4" or "shapes-4@7" stands for.

    Raises:
        DataError: no such family, or not with this dimension or seed.
    """
    for key, family in FAMILIES.items():
        if found := family.read(name):
            dimension, seed = found.groups()
            return Synthetic(key, _dimension(family, name, dimension), _seed(name, seed))
    raise DataError(
        f"data: the name of a family ({', '.join(NAMES)}) is needed, got '{name}'"
        f"{nearest(name.lower(), NAMES) or '; check the spelling'}"
    )


def drawn(spec: Synthetic) -> Raw:
    """The data set, drawn."""
    family = FAMILIES[spec.family]
    with threadpool_limits(limits=1):  # on busy cores the threads of small products wait
        values, labels = family.draw(spec, spec.examples or family.examples, _streams(spec)[1])
    return Raw(
        name=spec.name,
        source=f"drawn by latentsweep, generator seed {spec.seed}",
        values=values,
        labels=None if labels is None else np.array(CLASS_NAMES)[labels],
        one_unit=True,
    )


def make(spec: Synthetic, study: Study) -> Dataset:
    """The data set, drawn, as a study splits and scales it."""
    return prepare(drawn(spec), study)


def truth(spec: Synthetic) -> Truth:
    """What is known of the latent dimension of the data that `make` draws."""
    family = FAMILIES[spec.family]
    return Truth(
        verdict=family.verdict,
        accepted=frozenset(family.accepted or ((spec.dimension,) if spec.dimension else ())),
        class_dimensions=CLASS_DIMENSIONS if family.draw is _draw_union else (),
        eigenvalues=population(spec).eigenvalues if family.draw is _draw_linear else None,
    )


def population(spec: Synthetic) -> LinearGaussian:
    """What the examples of a linear family, of noise or of a power law are drawn from."""
    rng, p = _streams(spec)[0], spec.features
    mean = rng.standard_normal(p)
    if spec.family == "noise":
        return LinearGaussian(mean, np.empty((p, 0)), 1.0)
    if spec.family == "power-law":
        return LinearGaussian(
            mean, shapes.orthonormal(rng, p, p) / np.sqrt(np.arange(1, p + 1)), 0.0
        )
    squares = strengths(spec.dimension, p, rng)
    if spec.family == "weak-factor":
        squares = np.append(squares, WEAK_STRENGTH)
    return LinearGaussian(mean, shapes.orthonormal(rng, p, len(squares)) * np.sqrt(squares), 1.0)


def manifold(spec: Synthetic) -> shapes.Decoder:
    """What decodes the standard normal codes of a smooth family, binary or not."""
    binary = spec.family == "smooth-binary"
    return shapes.identified(spec.dimension, spec.features, _streams(spec)[0], binary=binary)


def _dimension(family: _Family, name: str, written: str | None) -> int:
    """The dimension in a name of the family, 0 if it leaves no choice."""
    choice = family.dimensions
    if choice is None and written is not None:
        raise DataError(
            f"data: {family.pattern} takes no number of dimensions, got '{name}'; write "
            f"{family.pattern}"
        )
    if choice is not None and (written is None or int(written) not in choice):
        raise DataError(
            f"data: {family.pattern} takes {choice[0]} to {choice[-1]} dimensions, got '{name}'; "
            f"write e.g. {family.pattern.replace('D', '4')}"
        )
    return int(written or 0)


def _seed(name: str, written: str | None) -> int:
    """The generator's seed in a name, 0 if there is none."""
    if written is not None and not re.fullmatch("[0-9]{1,9}", written):
        raise DataError(
            "data: after @ stands the generator's seed, a whole number of at most 9 digits, got "
            f"'{name}'; write e.g. {name.partition('@')[0]}@7"
        )
    return int(written or 0)


def _streams(spec: Synthetic) -> tuple[np.random.Generator, np.random.Generator]:
    """The generators of the population and of the examples drawn from it."""
    key = [spec.seed, FAMILIES[spec.family].number, spec.dimension]
    population, examples = np.random.default_rng(key).spawn(2)
    return population, examples


def _draw_linear(spec: Synthetic, n: int, rng: np.random.Generator) -> _Drawn:
    return population(spec).draw(n, rng).astype(np.float32), None


def _draw_smooth(spec: Synthetic, n: int, rng: np.random.Generator) -> _Drawn:
    clean = manifold(spec)(rng.standard_normal((n, spec.dimension)))
    return _noisy(clean, rng), None


def _draw_binary(spec: Synthetic, n: int, rng: np.random.Generator) -> _Drawn:
    logits = manifold(spec)(rng.standard_normal((n, spec.dimension)))
    return (rng.random(logits.shape) < expit(logits)).astype(np.uint8), None


def _draw_shapes(spec: Synthetic, n: int, rng: np.random.Generator) -> _Drawn:
    varying = shapes.FACTORS[: spec.dimension] if spec.dimension else shapes.TURNING
    factors = shapes.placed(rng.random((n, len(varying))), varying)
    return shapes.images(factors, spec.side), None


def _draw_union(spec: Synthetic, n: int, rng: np.random.Generator) -> _Drawn:
    labels = rng.permutation(np.arange(n, dtype=np.int32) % len(CLASS_DIMENSIONS))
    clean, apart = np.empty((n, spec.features)), _streams(spec)[0]
    for label, dimension in enumerate(CLASS_DIMENSIONS):
        codes = rng.standard_normal((np.count_nonzero(labels == label), dimension))
        centre = apart.standard_normal(spec.features)
        clean[labels == label] = centre + shapes.identified(dimension, spec.features, apart)(codes)
    return _noisy(clean, rng), labels


def _noisy(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (clean + NOISE * rng.standard_normal(clean.shape)).astype(np.float32)


_TO_8, _TO_16 = range(1, 9), range(1, 17)
_ALL = (
    _Family(1, "linear-D", _TO_16, "strong factors in Gaussian noise", _draw_linear),
    _Family(2, "smooth-D", _TO_16, "a random curved manifold in little noise", _draw_smooth),
    _Family(3, "smooth-D-binary", _TO_16, "binary pixels, logits on such a manifold", _draw_binary),
    _Family(4, "shapes-D", _TO_8, "pictures of an ellipse, from 7 on beside a disc", _draw_shapes),
    _Family(5, "shapes-turning", None, "a turning ellipse: 3 or 4", _draw_shapes, (3, 4)),
    _Family(6, "union", None, "classes of 2, 4 and 6 dimensions: 6 or 7", _draw_union, (6, 7)),
    _Family(
        7, "noise", None, "noise around one vector: nothing to encode", _draw_linear, (), NOTHING
    ),
    _Family(8, "power-law", None, "variances 1 / i: no finite answer", _draw_linear, (), NO_SIZE),
    _Family(
        9, "weak-factor-D", _TO_16, "linear-D and one factor too weak", _draw_linear, examples=5_000
    ),
)
FAMILIES = {family.pattern.replace("-D", ""): family for family in _ALL}
_DESCRIPTIONS = {
    family.pattern: family.description
    + (f"; D from 1 to {len(family.dimensions)}" if family.dimensions else "")
    for family in _ALL
}
NAMES = tuple(_DESCRIPTIONS)
