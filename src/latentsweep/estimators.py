# ruff: noqa: N803, N806  (scikit-learn's users write X)
"""A variational autoencoder as an estimator of scikit-learn: in pipelines, searches and pickles.

It trains with the same engine, and the same schedule, as `latentsweep recommend`: on the same
examples with the same seed it is the same network. Data goes to the network scaled as that of a
table is; what comes back is in the data's own unit. Compiled programs are kept within the process,
and everything after training goes in blocks of one size, so that neither another fit on data of the
same shape nor another number of examples compiles anything anew.
"""

import os
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from numbers import Integral
from typing import Any, Literal, Self

import jax
import numpy as np
from jaxtyping import Array
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from latentsweep.answers.losses import LEAST_EXAMPLES
from latentsweep.data import storage
from latentsweep.data.dataset import Scale
from latentsweep.data.kind import IN_UNIT_INTERVAL, likelihood_and_scale, not_counted
from latentsweep.data.rounding import noise_of_rounding
from latentsweep.errors import LatentsweepError
from latentsweep.evaluation.bounds import draw_noise, measure
from latentsweep.model.family import Stream, stream
from latentsweep.model.trained import Trained
from latentsweep.pipeline.alone import Alone, searched, train_alone
from latentsweep.pipeline.search import epochs_for, hidden_for, rate_for, search_study
from latentsweep.study import COUNT_LIKELIHOODS, LikelihoodName, Study
from latentsweep.training.program_cache import kept_programs

if given := os.environ.get("OMP_NUM_THREADS"):  # as joblib tells its workers: XLA goes by another
    os.environ.setdefault("PJRT_NPROC", given)

DRAWS = 16
_ROWS_AT_ONCE = 512
_DRAWN_AT_ONCE = 64
_SEEDS = 2**31
_LEAST_TO_SEARCH = 50  # a fifth is left for testing, and of the rest each is held out once


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A variational autoencoder of dense layers, trained with the ELBO.

    Args:
        latent_size: dimensions of the code, or "auto" for what `latentsweep recommend` says of X.
        hidden_size: ReLU units of the encoder's hidden layer and of the decoder's, a tuple for
            several from the data to the code, or "auto" for what suits X (docs/recommend.md).
        epochs: passes over X, or "auto" for as many as make 240,000 examples, at most 60 or what
            makes 32,000.
        batch_size: examples a step.
        learning_rate: Adam's step size at its peak, which rises over the first 2 % and falls to 0;
            "auto" for 0.007, and 0.004 for several hidden layers.
        likelihood: "bernoulli", "continuous-bernoulli", "gaussian", "poisson", "negative-binomial"
            or "auto": negative-binomial for counts, bernoulli for what is nearly binary, else
            gaussian (docs/data.md).
        kl_weight: what the KL is multiplied by in training; 1 for the ELBO.
        budget: seconds that the search of "auto" may train.
        random_state: the seed of initial weights, order and noise.

    Attributes:
        latent_size_: dimensions of the code.
        likelihood_: the likelihood that was trained with.
        seed_: the seed that was trained with.
        loss_curve_: the training loss of each epoch in nats per example of scaled data.
        recommendation_: the answer of the search as in `answers.json`, None without a search.
        n_features_in_: features of X.
        feature_names_in_: their names, if all are text.
    """

    def __init__(
        self,
        latent_size: int | Literal["auto"] = 16,
        *,
        hidden_size: int | tuple[int, ...] | Literal["auto"] = "auto",
        epochs: int | Literal["auto"] = "auto",
        batch_size: int = 32,
        learning_rate: float | Literal["auto"] = "auto",
        likelihood: LikelihoodName = "auto",
        kl_weight: float = 1.0,
        budget: float = 600.0,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.latent_size = latent_size
        self.hidden_size = hidden_size
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.likelihood = likelihood
        self.kl_weight = kl_weight
        self.budget = budget
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """This estimator, trained on X [n, features]; y is not looked at.

        Raises:
            ValueError: a parameter, or X, that can't be used.
        """
        before = dict(vars(self))
        try:
            with kept_programs():
                self._fit(X)
        except BaseException:  # as before the call, also after Ctrl-C
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _fit(self, X: Any) -> None:
        X = self._checked(X, dtype="numeric", ensure_min_samples=2)
        with _mistakes_as_value_errors():
            study = self._study(len(X))
            self.seed_ = _seed(self.random_state)
            stored, self._origin, self.likelihood_, self._scale = _prepared(X, study)
            rounding = _rounding(stored, self.likelihood_, self._scale)
            scaled = self._scale(stored, np.float32)
            _check_range(self.likelihood_, scaled)
            study = study.changed({"likelihood": self.likelihood_, "split_seed": self.seed_})
            study = self._suited(study, X.shape)
            self.recommendation_ = self._recommendation(study, scaled)
            self.latent_size_ = _size(self.latent_size, self.recommendation_)
            study = study.changed({"latent_sizes": self.latent_size_})
            alone = train_alone(study, self.seed_, scaled, rounding)
        _warn_of_divergence(alone)
        self._network, self.loss_curve_ = alone.trained, alone.loss

    def transform(self, X: Any) -> np.ndarray:
        """The posterior means [n, latent_size_] of X, float32."""
        scaled = self._scaled(X)
        return _in_blocks(_codes, self._network, scaled)[:, : self.latent_size_]

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The expected data [n, features] at codes [n, latent_size_], in the unit of the data."""
        check_is_fitted(self)
        codes = check_array(X, dtype="float32", input_name="X")
        if codes.shape[1] != self.latent_size_:
            raise ValueError(
                f"X: codes of {self.latent_size_} columns are needed, as transform gives them, got "
                f"{codes.shape[1]}"
            )
        return self._own(_in_blocks(_expected, self._network, self._padded(codes)))

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
        *,
        noise: bool = False,
    ) -> np.ndarray:
        """Data [n_samples, features] at codes drawn from the prior, in the unit of the data.

        Args:
            n_samples: how many.
            random_state: the seed of the draws.
            noise: draw from the likelihood at each code too, instead of taking what it expects.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples: at least 1 is needed, got {n_samples}")
        random = check_random_state(random_state)
        codes = random.standard_normal((n_samples, self.latent_size_)).astype(np.float32)
        if not noise:
            return self.inverse_transform(codes)
        key, marks = stream(_seed(random), Stream.SAMPLING), np.arange(n_samples, dtype=np.int32)
        drawn = _in_blocks(partial(_drawn, key), self._network, self._padded(codes), marks)
        return self._own(drawn)

    def score_samples(self, X: Any) -> np.ndarray:
        """The ELBO of each example in nats: a lower bound on log p(x), in the unit of the data.

        The noise of its 16 draws comes from the seed and the example's own values, so that it does
        not depend on the other examples.

        Raises:
            ValueError: values, scaled, that the likelihood has no probability of.
        """
        scaled = self._scaled(X)
        _check_range(self.likelihood_, scaled)
        if self.likelihood_ == "bernoulli":
            return self._elbos(scaled)
        stretched = np.broadcast_to(np.log(self._scale.factor), scaled.shape[1:]).sum()
        return self._elbos(scaled) - stretched

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """The mean ELBO per example in nats; higher is better."""
        return float(self.score_samples(X).mean())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.latent_size_

    def _scaled(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = self._checked(X, reset=False, dtype="numeric")
        near = X if self._origin == 0 else (X - np.asarray(self._origin)).astype(np.float32)
        scaled = self._scale(near, np.float32)
        if self.likelihood_ in COUNT_LIKELIHOODS:
            _check_range(self.likelihood_, scaled)  # an encoder of counts takes their logarithms
        return scaled

    def _own(self, scaled: np.ndarray) -> np.ndarray:
        """Scaled data in the unit of X."""
        return storage.own(self._scale.unscale(scaled), self._origin)

    def _checked(self, X: Any, **rules: Any) -> Any:
        return validate_data(self, X, **rules)

    def _padded(self, codes: np.ndarray) -> np.ndarray:
        return np.pad(codes, [(0, 0), (0, self._network.width - self.latent_size_)])

    def _elbos(self, scaled: np.ndarray) -> np.ndarray:
        key = stream(self.seed_, Stream.MEASURING)
        marks = np.array([zlib.crc32(row.tobytes()) % _SEEDS for row in scaled], np.int32)
        return _in_blocks(partial(_elbo, key), self._network, scaled, marks).astype(np.float64)

    def _study(self, examples: int) -> Study:
        """What is to be trained, but for the seed, and for the size where that is searched."""
        given = {name: _plain(getattr(self, name)) for name in _FIELDS}
        named = {name: value for name, value in given.items() if value != "auto"}
        if self.epochs == "auto":
            named["epochs"] = epochs_for(examples)
        searched = self.latent_size == "auto"
        if not searched and not isinstance(self.latent_size, Integral):
            raise ValueError(f"latent_size: a number or 'auto' is needed, got {self.latent_size!r}")
        if searched and not self.budget > 0:
            raise ValueError(f"budget: more than 0 seconds are needed, got {self.budget!r}")
        if searched and examples < _LEAST_TO_SEARCH:
            raise ValueError(
                f"latent_size: 'auto' takes {_LEAST_TO_SEARCH} examples or more, to compare sizes "
                f"on {LEAST_EXAMPLES} that were held out, got {examples}; give a number"
            )
        sizes = {} if searched else {"latent_sizes": _plain(self.latent_size)}
        return search_study("VAE", "X", {**named, **sizes})

    def _suited(self, study: Study, shape: tuple[int, int]) -> Study:
        """The study with the layers and the rate that are left open."""
        layers = study.hidden_size
        if self.hidden_size == "auto":
            layers = hidden_for(*shape, self.likelihood_)
        rate = {"learning_rate": rate_for(layers)} if self.learning_rate == "auto" else {}
        return study.changed({"hidden_size": layers, **rate})

    def _recommendation(self, study: Study, scaled: np.ndarray) -> dict[str, Any] | None:
        """The answer of the search, None where a size was given."""
        if self.latent_size != "auto":
            return None
        given = ("hidden_size", "learning_rate", *(() if self.epochs == "auto" else ("epochs",)))
        return searched(study, scaled, given, self.budget)


_FIELDS = (
    "hidden_size",
    "epochs",
    "batch_size",
    "learning_rate",
    "likelihood",
    "kl_weight",
)


@contextmanager
def _mistakes_as_value_errors() -> Iterator[None]:
    """Mistakes in the way that scikit-learn expects them, by the names of the estimator."""
    try:
        yield
    except LatentsweepError as error:
        message = str(error).removeprefix("study VAE: ").replace("latent_sizes", "latent_size")
        raise ValueError(message) from None


def _plain(value: Any) -> Any:
    """A parameter as Python's own numbers or text, which a grid may hold as NumPy's."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _prepared(X: np.ndarray, study: Study) -> tuple[np.ndarray, storage.Origin, str, Scale]:
    """X as it is stored, its origin, its likelihood and its scale: those of a table."""
    if X.min() == X.max():
        raise ValueError(f"X: values that differ are needed, got {X.flat[0]} everywhere")
    train = np.arange(len(X), dtype=np.int32)
    stored, origin = storage.stored("X", X, train, by_column=True)
    return stored, origin, *likelihood_and_scale(stored, train, study, table=True)


def _rounding(stored: np.ndarray, likelihood: str, scale: Scale) -> float:
    train = np.arange(len(stored), dtype=np.int32)
    return noise_of_rounding(stored, train, scale)[0] if likelihood == "gaussian" else 0.0


def _seed(random_state: Any) -> int:
    """A number in the range of a study's seeds: the number that was given, or one drawn."""
    if isinstance(random_state, Integral) and 0 <= int(random_state) < _SEEDS:
        return int(random_state)
    return int(check_random_state(random_state).randint(_SEEDS - 1))


def _check_range(likelihood: str, scaled: np.ndarray) -> None:
    """Refuse values that the likelihood has no probability of."""
    if likelihood in COUNT_LIKELIHOODS and (odd := not_counted(scaled)) is not None:
        raise ValueError(
            f"X: counts, whole numbers from 0 upwards, are needed for a {likelihood} likelihood, "
            f"got {odd:g}; set likelihood='gaussian'"
        )
    inside = scaled.min() >= 0 and scaled.max() <= 1
    if likelihood in IN_UNIT_INTERVAL and not inside:
        raise ValueError(
            f"X: values in [0, 1] (or whole from 0 to 255) are needed for a {likelihood} "
            f"likelihood, got {scaled.min():g} to {scaled.max():g} after scaling; scale X with "
            "MinMaxScaler(clip=True), or set likelihood='gaussian'"
        )


def _size(asked: Any, recommendation: dict[str, Any] | None) -> int:
    """The latent size: the one asked for, or the one recommended, or else the best compared."""
    if recommendation is None:
        return int(asked)
    if recommendation["latent_size"] is not None:
        return recommendation["latent_size"]
    answer, best = recommendation["answer"], recommendation["best"]
    warnings.warn(f"latent_size='auto': {answer} Taken is {best}, the best compared.", stacklevel=3)
    return best


def _warn_of_divergence(alone: Alone) -> None:
    if alone.failed_epoch:
        warnings.warn(
            f"training diverged in epoch {alone.failed_epoch}, and what was before it is kept; "
            "lower learning_rate, or scale X",
            ConvergenceWarning,
            stacklevel=3,
        )


@jax.jit
def _codes(trained: Trained, scaled: Array) -> Array:
    return jax.vmap(lambda x: trained.encoded(x)[0])(scaled)


@jax.jit
def _expected(trained: Trained, codes: Array) -> Array:
    return jax.vmap(trained.decoded)(codes)


@jax.jit
def _drawn(key: Array, trained: Trained, codes: Array, marks: Array) -> Array:
    def draw(code: Array, mark: Array) -> Array:
        own = jax.random.fold_in(key, mark)
        return trained.likelihood.sample(own, trained.parameters(code), trained.shared)

    return jax.vmap(draw)(codes, marks)


@jax.jit
def _elbo(key: Array, trained: Trained, scaled: Array, marks: Array) -> Array:
    def one(row: tuple[Array, Array]) -> Array:
        x, mark = row
        measured = measure(trained, x, draw_noise(key, mark, DRAWS, trained.width))
        return -measured.reconstruction - measured.rate_per_dimension.sum()

    return jax.lax.map(one, (scaled, marks), batch_size=_DRAWN_AT_ONCE)


def _in_blocks(function: Callable[..., Array], trained: Trained, *arrays: np.ndarray) -> np.ndarray:
    """A mapped function of rows, in blocks of one size so that it compiles once."""
    done = []
    with kept_programs():
        for start in range(0, len(arrays[0]), _ROWS_AT_ONCE):
            blocks = [array[start : start + _ROWS_AT_ONCE] for array in arrays]
            rows = len(blocks[0])
            done.append(np.asarray(function(trained, *map(_full, blocks)))[:rows])
    return np.concatenate(done)


def _full(block: np.ndarray) -> np.ndarray:
    return np.pad(block, [(0, _ROWS_AT_ONCE - len(block)), *[(0, 0)] * (block.ndim - 1)])
