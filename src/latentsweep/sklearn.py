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
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from latentsweep.answers.losses import LEAST_EXAMPLES
from latentsweep.data import storage
from latentsweep.data.dataset import Scale
from latentsweep.data.kind import likelihood_and_scale, not_counted
from latentsweep.data.rounding import noise_of_rounding
from latentsweep.errors import LatentsweepError
from latentsweep.model.family import Stream, stream
from latentsweep.study import FACTS, LikelihoodName, Study
from latentsweep.training.program_cache import kept_programs
from latentsweep.workflow import applied
from latentsweep.workflow.on_array import Alone, searched, train_alone
from latentsweep.workflow.pilot import beginning
from latentsweep.workflow.search import (
    epochs_for,
    held_back,
    hidden_for,
    init_for,
    search_study,
)

if given := os.environ.get("OMP_NUM_THREADS"):  # as joblib tells its workers: XLA goes by another
    os.environ.setdefault("PJRT_NPROC", given)

_SEEDS = 2**31
_LEAST_TO_SEARCH = 50  # a fifth is left for testing, and of the rest each is held out once


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A variational autoencoder of dense layers, trained with the ELBO.

    Args:
        latent_size: dimensions of the code, or "auto" for what `latentsweep recommend` says of X.
        hidden_size: ReLU units of the encoder's hidden layer and of the decoder's, a tuple for
            several from the data to the code, or "auto" for what suits X (docs/recommend.md).
        epochs: passes over X at most, or "auto" for as many as make 240,000 examples, at most 60 or
            what makes 32,000. A tenth of X, 2,000 examples at most, is not learned: the epoch
            that does best there is kept.
        batch_size: examples a step.
        learning_rate: Adam's step size at its peak, which rises over the first 2 % and falls to 0;
            "auto" for 0.004, and 0.007 for one hidden layer that begins at random.
        init: how the network begins: "random", "pca" as probabilistic principal components (of a
            gaussian likelihood), or "auto" for the latter where it can be.
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
        init: Literal["auto", "random", "pca"] = "auto",
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
        self.init = init
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
            self.recommendation_, study = self._searched(study, scaled)
            self.latent_size_ = _size(self.latent_size, self.recommendation_)
            study = study.changed({"latent_sizes": self.latent_size_})
            alone = train_alone(study, self.seed_, scaled, rounding)
        _warn_of_divergence(alone)
        self._network, self.loss_curve_ = alone.trained, alone.loss
        self._principal = alone.principal

    def transform(self, X: Any) -> np.ndarray:
        """The posterior means [n, latent_size_] of X, float32."""
        scaled = self._scaled(X)
        return applied.in_blocks(applied.codes, self._network, scaled)[:, : self.latent_size_]

    def inverse_transform(self, X: Any) -> np.ndarray:
        """The expected data [n, features] at codes [n, latent_size_], in the unit of the data."""
        check_is_fitted(self)
        codes = check_array(X, dtype="float32", input_name="X")
        if codes.shape[1] != self.latent_size_:
            raise ValueError(
                f"X: codes of {self.latent_size_} columns are needed, as transform gives them, got "
                f"{codes.shape[1]}"
            )
        return self._own(applied.in_blocks(applied.expected, self._network, self._padded(codes)))

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
        values = applied.in_blocks(
            partial(applied.drawn, key), self._network, self._padded(codes), marks
        )
        return self._own(values)

    def score_samples(self, X: Any) -> np.ndarray:
        """The ELBO of each example in nats: a lower bound on log p(x), in the unit of the data.

        The noise of its 16 draws comes from the seed and the example's own values, so that it does
        not depend on the other examples.

        Raises:
            ValueError: values, scaled, that the likelihood has no probability of.
        """
        scaled = self._scaled(X)
        _check_range(self.likelihood_, scaled)
        return self._elbos(scaled) - self._stretched(scaled)

    def _stretched(self, scaled: np.ndarray) -> float:
        """What the unit of the data takes off log densities, in nats; of probabilities nothing."""
        if not FACTS[self.likelihood_].density:
            return 0.0
        return float(np.broadcast_to(np.log(self._scale.factor), scaled.shape[1:]).sum())

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """The mean ELBO per example in nats; higher is better."""
        return float(self.score_samples(X).mean())

    def linear_score(self, X: Any) -> float:
        """The mean log-likelihood per example of X under a linear model of the same latent size.

        It is probabilistic PCA, fitted to what the network was trained on, in nats and the unit of
        X as `score` is: a network that does not score higher on data of its own has learned no
        more.

        Raises:
            ValueError: the likelihood is not gaussian, of which alone there is a closed form.
        """
        scaled = self._scaled(X)
        if self._principal is None:
            raise ValueError(
                f"linear_score: a gaussian likelihood is needed, got {self.likelihood_}; compare "
                "with a VAE of likelihood='gaussian'"
            )
        losses = self._principal.neg_log_prob(scaled, self.latent_size_)
        return float(-losses.mean() - self._stretched(scaled))

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
        if FACTS[self.likelihood_].counts:
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
        elbos = applied.in_blocks(partial(applied.elbo, key), self._network, scaled, marks)
        return elbos.astype(np.float64)

    def _study(self, examples: int) -> Study:
        """What is to be trained, but for the seed, and for the size where that is searched."""
        given = {name: _plain(value) for name, value in self.get_params(deep=False).items()}
        fields = Study.model_fields
        named = {name: value for name, value in given.items() if name in fields and value != "auto"}
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
        """The study with what is left open, and how it is stopped."""
        layers, init = study.hidden_size, study.init
        if self.hidden_size == "auto":
            layers = hidden_for(*shape, self.likelihood_)
        if self.init == "auto":
            init = init_for(study.network, self.likelihood_)
        rate = {} if self.learning_rate == "auto" else {"learning_rate": study.learning_rate}
        chosen = {"hidden_size": layers, **held_back(study.epochs, shape[0])}
        return study.changed({**chosen, **beginning(init, layers), **rate})

    def _searched(self, study: Study, scaled: np.ndarray) -> tuple[dict[str, Any] | None, Study]:
        """The answer of the search, None where a size was given, and the study to train."""
        if self.latent_size != "auto":
            return None, study
        named = ("epochs", "init", "learning_rate")
        given = ("hidden_size", *(name for name in named if getattr(self, name) != "auto"))
        answer, its = searched(study, scaled, given, self.budget)
        found = {name: getattr(its, name) for name in beginning(its.init, its.hidden_size)}
        return answer, study.changed(found)


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
    return noise_of_rounding(stored, train, scale)[0] if FACTS[likelihood].variance else 0.0


def _seed(random_state: Any) -> int:
    """A number in the range of a study's seeds: the number that was given, or one drawn."""
    if isinstance(random_state, Integral) and 0 <= int(random_state) < _SEEDS:
        return int(random_state)
    return int(check_random_state(random_state).randint(_SEEDS - 1))


def _check_range(likelihood: str, scaled: np.ndarray) -> None:
    """Refuse values that the likelihood has no probability of."""
    if FACTS[likelihood].counts and (odd := not_counted(scaled)) is not None:
        raise ValueError(
            f"X: counts, whole numbers from 0 upwards, are needed for a {likelihood} likelihood, "
            f"got {odd:g}; set likelihood='gaussian'"
        )
    inside = scaled.min() >= 0 and scaled.max() <= 1
    if FACTS[likelihood].unit_interval and not inside:
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
