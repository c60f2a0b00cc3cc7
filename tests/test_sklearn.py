"""`latentsweep.VAE` beside what scikit-learn asks of an estimator, and what a run would train."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from latentsweep import VAE
from latentsweep import sklearn as estimators
from latentsweep.data.dataset import Dataset, Scale
from latentsweep.evaluation.evaluate import no_latent_losses
from latentsweep.model.family import initial_member
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.trained import Trained
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, load_trained, members_of
from latentsweep.workflow import applied, on_array, train
from latentsweep.workflow.begin import begin
from latentsweep.workflow.executors import Local
from latentsweep.workflow.on_array import Alone, _Kind, _width
from latentsweep.workflow.pilot import beginning
from latentsweep.workflow.search import held_back, search_study

EXAMPLES = Path(__file__).parents[1] / "examples"
DIGITS = load_digits().data[:200]  # 0 to 16
LABELS = load_digits().target[:200]
SMALL = {"hidden_size": 16, "epochs": 2}
# Those that are asked of networks that were trained, too; what the others ask is of the interface.
OF_TRAINED = (
    "check_fit_idempotent",
    "check_methods_subset_invariance",
    "check_pipeline_consistency",
)


def small(latent_size=2, **other) -> VAE:
    return VAE(latent_size, **{**SMALL, "random_state": 0, **other})


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return small().fit(DIGITS)


def untrained(study, seed: int, scaled: np.ndarray, _: float) -> Alone:
    """Stands for training: the network with which it would begin, as NumPy arrays."""
    kind = _Kind(study.changed({"latent_sizes": _width(study.latent_sizes[0])}), *scaled.shape)
    settings = Member("elbo", study.latent_sizes[0], seed).settings(study, kind.features)
    vae = jax.jit(initial_member, static_argnums=1)(settings, kind.recipe().shape)
    rest = LIKELIHOODS[study.likelihood], jnp.float32(1), Scale(0.0, 1.0)
    trained = Trained(vae, settings, *rest)
    return Alone(jax.tree.map(np.asarray, trained), np.zeros(study.epochs, np.float32), 0)


def checks() -> dict[str, Callable]:
    """What scikit-learn asks of an estimator, by name."""
    asked = estimator_checks_generator(VAE(latent_size=2, **SMALL))
    return {check.func.__name__: check for _, check in asked}


@pytest.mark.parametrize("name", checks())
def test_it_is_an_estimator(name, monkeypatch):
    monkeypatch.setattr(estimators, "train_alone", untrained)
    checks()[name](VAE(latent_size=2, **SMALL))


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_TRAINED)
def test_it_is_an_estimator_that_trains(name):
    checks()[name](VAE(latent_size=2, **SMALL))


def test_it_is_the_network_that_a_run_trains(tmp_path):
    values = np.random.default_rng(0).random((50, 6), np.float32)
    vae = VAE(8, **SMALL, random_state=3, likelihood="bernoulli").fit(values[:40])
    splits = {"train": np.arange(40, dtype=np.int32), "test": np.arange(40, 50, dtype=np.int32)}
    dataset = Dataset("x", "drawn", values, Scale(0.0, 1.0), splits, likelihood="bernoulli")
    changes = {"latent_sizes": 8, "seeds": 3, "likelihood": "bernoulli"}
    changes |= beginning("random", (16,)) | held_back(SMALL["epochs"], 40)
    study = search_study("x", "x", {**SMALL, **changes})
    here = Local(RunFolder(tmp_path), Experiment(study, dataset))
    begin(here.run, here.experiment, "test")
    here.all(train.missing(here.run, here.experiment))
    (member,) = members_of(study)
    theirs = load_trained(here.run, member)
    for ours, other in zip(*map(jax.tree.leaves, (vae._network, theirs)), strict=True):
        np.testing.assert_array_equal(ours, other)
    history = here.run.history(member.name)
    np.testing.assert_array_equal(vae.loss_curve_, history["loss"])


def test_whole_numbers_give_training_the_noise_of_their_rounding(fitted):
    steps, spread = 1 / DIGITS.std(), DIGITS.std(axis=0) / DIGITS.std()
    expected = np.mean(np.minimum(steps, spread) ** 2) / 12
    assert float(fitted._network.settings.rounding) == pytest.approx(expected, rel=1e-5)
    assert float(fitted._network.shared) >= expected


@pytest.mark.slow
def test_a_padded_network_is_the_network_of_its_size(monkeypatch):
    padded = small(3).fit(DIGITS)
    monkeypatch.setattr(on_array, "_width", lambda latent_size: latent_size)
    exact = small(3).fit(DIGITS)
    assert (padded._network.width, exact._network.width) == (8, 3)
    np.testing.assert_allclose(padded.transform(DIGITS), exact.transform(DIGITS), atol=1e-4)
    np.testing.assert_allclose(padded.score(DIGITS), exact.score(DIGITS), rtol=1e-4)


def test_what_comes_back_is_in_the_unit_of_the_data(fitted):
    assert fitted.likelihood_ == "gaussian"
    decoded = fitted.inverse_transform(fitted.transform(DIGITS))
    assert (decoded.shape, decoded.dtype) == (DIGITS.shape, np.float32)
    assert decoded.mean() == pytest.approx(DIGITS.mean(), abs=1)
    assert fitted.sample(100, 0).mean() == pytest.approx(DIGITS.mean(), abs=2)
    assert fitted.sample(100, 0, noise=True).std() == pytest.approx(DIGITS.std(), rel=0.3)


def test_8_bit_values_are_greys_of_a_bernoulli():
    greys = np.rint(DIGITS * 255 / 16).astype(np.uint8)
    assert small().fit(greys).likelihood_ == "gaussian"
    vae = small(likelihood="bernoulli").fit(greys)
    assert 20 < vae.inverse_transform(vae.transform(greys)).mean() < 140
    np.testing.assert_array_equal(vae.transform(greys), vae.transform(greys.astype(float)))
    assert set(np.unique(vae.sample(20, 0, noise=True))) == {0.0, 255.0}


def test_columns_of_different_units_are_scaled_each():
    units = 10.0 ** np.arange(-32, 32)
    x = (np.random.default_rng(0).standard_normal(DIGITS.shape) + 5) * units
    samples = small().fit(x).sample(500, 0, noise=True) / units
    assert samples.mean(axis=0) == pytest.approx(np.full(64, 5), abs=1)
    assert samples.std(axis=0) == pytest.approx(np.ones(64), rel=0.3)


def linear_data() -> tuple[np.ndarray, float]:
    """Data of two factors and noise, and its mean log density."""
    random = np.random.default_rng(0)
    mixing = random.standard_normal((2, 6))
    x = random.standard_normal((2_000, 2)) @ mixing + 0.5 * random.standard_normal((2_000, 6))
    covariance = mixing.T @ mixing + 0.25 * np.eye(6)
    squares = np.sum(x @ np.linalg.inv(covariance) * x, axis=1)
    log_density = -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])
    return x, float(log_density.mean())


def test_the_score_is_a_lower_bound_on_the_log_density_in_the_unit_of_the_data():
    x, log_density = linear_data()
    elbo = small(2, hidden_size=64, epochs=20).fit(x).score(x)
    assert log_density - 0.5 < elbo < log_density + 0.1
    stretched = small(2, hidden_size=64, epochs=20).fit(100 * x).score(100 * x)
    assert stretched == pytest.approx(elbo - 6 * np.log(100), abs=0.02)


def test_an_example_is_scored_whatever_the_others_are(fitted):
    scores = fitted.score_samples(DIGITS)
    assert (scores.shape, scores.dtype) == ((200,), np.float64)
    assert fitted.score(DIGITS) == scores.mean()
    np.testing.assert_array_equal(fitted.score_samples(DIGITS[::-1]), scores[::-1])
    np.testing.assert_array_equal(fitted.score_samples(DIGITS[7:8]), scores[7:8])


def test_any_number_of_examples_compiles_once(fitted):
    many = np.tile(DIGITS, (3, 1))  # more than a block
    programs = applied.codes, applied.expected, applied.elbo

    def use(x: np.ndarray) -> list[int]:
        assert fitted.inverse_transform(fitted.transform(x)).shape == x.shape
        assert fitted.score_samples(x).shape == (len(x),)
        return [program._cache_size() for program in programs]

    sizes = use(DIGITS[:1])
    assert use(many) == sizes
    np.testing.assert_array_equal(fitted.transform(many)[-200:], fitted.transform(DIGITS))


def test_another_seed_scale_weight_or_near_size_compiles_nothing(fitted):
    misses = on_array._programs.cache_info().misses
    small(5, random_state=9, kl_weight=0.5).fit(DIGITS * 3 + 1)
    assert on_array._programs.cache_info().misses == misses
    assert on_array._programs.cache_info().hits > 0


def test_a_random_state_decides_everything(fitted):
    codes, samples = fitted.transform(DIGITS), fitted.sample(5, 1)
    again = clone(fitted).fit(DIGITS)
    np.testing.assert_array_equal(again.transform(DIGITS), codes)
    np.testing.assert_array_equal(again.score_samples(DIGITS), fitted.score_samples(DIGITS))
    np.testing.assert_array_equal(again.sample(5, 1), samples)
    assert not np.array_equal(fitted.sample(5, 2), samples)
    others = [small(random_state=seed, init="random").fit(DIGITS) for seed in (0, 1)]
    assert not np.array_equal(*(other.transform(DIGITS) for other in others))
    drawn = [small(random_state=np.random.RandomState(4)).fit(DIGITS).seed_ for _ in range(2)]
    assert drawn[0] == drawn[1] != small(random_state=None).fit(DIGITS).seed_


def test_a_pickle_is_the_same_estimator(fitted):
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.transform(DIGITS), fitted.transform(DIGITS))
    assert loaded.score(DIGITS) == fitted.score(DIGITS)


def test_frames_keep_their_names():
    frame = pd.DataFrame(DIGITS).add_prefix("pixel")
    vae = small().set_output(transform="pandas")
    codes = vae.fit_transform(frame)
    assert list(codes) == list(vae.get_feature_names_out()) == ["vae0", "vae1"]
    assert list(vae.feature_names_in_) == list(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        vae.transform(frame.add_prefix("x"))


def test_it_works_in_a_pipeline_and_a_grid_search(capfd):
    pipeline = make_pipeline(MinMaxScaler(clip=True), small(), LogisticRegression(max_iter=500))
    grid = {"vae__latent_size": np.array([2, 4])}
    whole = {"cv": [(np.arange(200), np.arange(200))], "error_score": "raise"}
    search = GridSearchCV(pipeline, grid, **whole).fit(DIGITS, LABELS)
    assert search.best_estimator_[1].likelihood_ == "gaussian"
    assert search.best_estimator_[1].latent_size_ in (2, 4)
    by_elbo = GridSearchCV(pipeline[:2], grid, **whole).fit(DIGITS)
    assert np.isfinite(by_elbo.best_score_)
    assert capfd.readouterr() == ("", "")


def test_auto_needs_examples_to_hold_out():
    with pytest.raises(ValueError, match=r"^latent_size: 'auto' takes 50 examples or more.*got 49"):
        small("auto").fit(DIGITS[:49])


def test_the_size_of_auto_is_the_recommended(monkeypatch):
    told = {"latent_size": 3, "best": 4, "answer": "3 latent dimensions."}
    monkeypatch.setattr(estimators, "searched", lambda study, *_: (told, study))
    monkeypatch.setattr(estimators, "_LEAST_TO_SEARCH", len(DIGITS))
    vae = small("auto").fit(DIGITS)
    assert (vae.latent_size_, vae.recommendation_) == (3, told)
    assert vae.transform(DIGITS).shape == (200, 3)
    told["latent_size"] = None
    with pytest.warns(UserWarning, match=r"'auto': 3 latent dimensions\. Taken is 4, the best"):
        assert vae.fit(DIGITS).latent_size_ == 4
    assert small().fit(DIGITS).recommendation_ is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:latent_size='auto'. Undecided")
def test_auto_finds_the_dimension_of_linear_data():
    x, _ = linear_data()
    vae = VAE("auto", hidden_size=64, epochs=20, random_state=0).fit(x)
    assert vae.latent_size_ == 2
    assert vae.recommendation_["set"][0] == 2
    assert clone(vae).set_params(latent_size=2).fit(x).score(x) == vae.score(x)


def test_several_hidden_layers_are_those_of_a_study():
    vae = small(hidden_size=(16, np.int64(8)), epochs=1).fit(DIGITS)
    encoder, decoder = vae._network.vae.encoder, vae._network.vae.decoder
    for first, deeper in ((encoder.hidden, encoder.deeper), (decoder.hidden, decoder.deeper)):
        assert len(deeper) == 1
        assert first.bias.shape == deeper[0].weight.shape[:1]
    assert encoder.deeper[0].bias.shape == decoder.hidden.bias.shape == (8,)
    assert vae.transform(DIGITS[:3]).shape == (3, 2)
    assert clone(vae).get_params()["hidden_size"] == (16, 8)


@pytest.mark.slow
def test_training_that_diverges_says_so():
    with pytest.warns(ConvergenceWarning, match="diverged in epoch 1, .*; lower learning_rate"):
        vae = small(learning_rate=1e30).fit(DIGITS)
    assert np.isfinite(vae.transform(DIGITS)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"latent_size": 2.5}, r"^latent_size: a number or 'auto' is needed, got 2\.5$"),
        ({"latent_size": "big"}, "^latent_size: a number or 'auto' is needed, got 'big'$"),
        ({"latent_size": 0}, "^latent_size: .* greater than or equal to 1, got 0"),
        ({"latent_size": "auto", "budget": 0}, "^budget: more than 0 seconds"),
        ({"hidden_size": 0}, "^hidden_size: .* greater than or equal to 1, got 0"),
        ({"hidden_size": (8, 0)}, "^hidden_size: .* greater than or equal to 1, got 0"),
        ({"epochs": 0}, "^epochs: .* greater than or equal to 1, got 0"),
        ({"learning_rate": -1}, "^learning_rate: .* greater than 0, got -1"),
        ({"likelihood": "weibull"}, "^likelihood: .* got 'weibull'"),
        ({"random_state": -1}, "[Ss]eed"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(DIGITS)


def test_data_that_cannot_be_is_refused(fitted):
    for x, message in (
        (DIGITS[:1], "1 sample"),
        (np.ones((20, 3)), "X: values that differ are needed, got 1.0 everywhere"),
        (np.where(DIGITS == 16, 1e300, DIGITS), "X must fit in float32"),
    ):
        with pytest.raises(ValueError, match=message):
            small().fit(x)
    with pytest.raises(ValueError, match=r"^X: values in \[0, 1\] .* MinMaxScaler\(clip=True\)"):
        small(likelihood="bernoulli").fit(DIGITS - 1)
    with pytest.raises(ValueError, match=r"X: codes of 2 columns are needed.* got 3"):
        fitted.inverse_transform(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="n_samples: at least 1 is needed, got 0"):
        fitted.sample(0)
    with pytest.raises(NotFittedError):
        small().sample(1)
    bernoulli = small(likelihood="bernoulli").fit(DIGITS / 16)
    assert bernoulli.transform(DIGITS / 8).shape == (200, 2)
    with pytest.raises(ValueError, match=r"X: values in \[0, 1\].* got 0 to 2 after scaling"):
        bernoulli.score(DIGITS / 8)


def test_counts_of_two_factors_are_told_better_than_their_means_tell_them():
    random = np.random.default_rng(5)
    rates = np.exp(1 + 0.8 * random.normal(size=(600, 2)) @ random.normal(size=(2, 12)))
    x = random.poisson(rates)
    vae = small(epochs=30).fit(x[:400])
    assert vae.likelihood_ == "negative-binomial"
    alone = no_latent_losses(LIKELIHOODS[vae.likelihood_], *np.split(x.astype(np.float32), [400]))
    assert vae.score(x[400:]) > 1 - alone.mean()
    with pytest.raises(
        ValueError, match=r"counts, whole .* for a negative-binomial .* got -1; set"
    ):
        vae.transform(x - 1)


@pytest.mark.slow
def test_the_fewest_examples_are_two():
    assert small(1).fit_transform(DIGITS[:2]).shape == (2, 1)


@pytest.mark.slow
def test_the_example_runs():
    path = EXAMPLES / "estimator_in_a_pipeline.py"
    assert len(path.read_text("utf-8").splitlines()) < 50
    ran = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert "best by cross-validation" in ran.stdout


def test_a_fit_that_is_interrupted_leaves_all_as_it_was(monkeypatch):
    vae, fresh = small().fit(DIGITS), small()
    before = vae.transform(DIGITS)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(estimators, "train_alone", interrupted)
    for one in (vae, fresh):
        with pytest.raises(KeyboardInterrupt):
            one.fit(100 * DIGITS[:, :9] + 5000.5)
    np.testing.assert_array_equal(vae.transform(DIGITS), before)
    with pytest.raises(NotFittedError):
        fresh.transform(DIGITS)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_the_unit_of_x_has_no_part_in_what_is_learned(factor):
    x, _ = linear_data()
    codes = [small(epochs=3).fit_transform(f * x) for f in (factor, 2**10 * factor)]
    np.testing.assert_array_equal(*codes)
    far = small(epochs=3).fit(1e9 + x)
    np.testing.assert_allclose(far.transform(1e9 + x), small(epochs=3).fit_transform(x), atol=0.05)
    assert np.abs(far.inverse_transform(far.transform(1e9 + x)) - 1e9 - x).max() < 20


def test_the_linear_score_is_that_of_scikit_learn_s_components():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 8)) * [1, 5, 1, 1, 9, 1, 1, 1] + 4
    x += 0.3 * rng.normal(size=x.shape)
    vae = small(3).fit(x[:300])
    scaled = StandardScaler().fit(x[:300])
    theirs = PCA(3).fit(scaled.transform(x[:300]))
    expected = theirs.score(scaled.transform(x[300:])) - np.log(scaled.scale_).sum()
    assert vae.linear_score(x[300:]) == pytest.approx(expected, abs=0.02)
    assert vae.score(x[300:]) > vae.linear_score(x[300:]) - 0.3
    with pytest.raises(ValueError, match="linear_score: a gaussian likelihood is needed, got bern"):
        small(likelihood="bernoulli").fit(x[:300] > 4).linear_score(x[:5] > 4)
