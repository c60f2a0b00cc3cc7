"""Each alarm from made-up evidence, and which of them keeps which quiet."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from latentsweep import language
from latentsweep.evaluation.alarms import (
    BELOW,
    FALLING,
    STIRRING,
    Alarm,
    Readings,
    alarms,
    collapse,
    impossible,
    kl_weight,
    means_for_sums,
    not_converged,
    not_stationary,
)
from latentsweep.show.words.alarms import alarm_in_words
from shouting import catalogue, lower_case

FEATURES, LATENTS, NO_LATENT, FLOOR = 784, 16, 205.8, 45.5
RNG = np.random.default_rng(0)
RECONSTRUCTION, RATE = RNG.normal(80, 5, 300), RNG.normal(25, 3, 300)
FLAT = np.concatenate([np.linspace(190, 106, 8), [105.4, 105.2]])


def evidence(
    penalty: np.ndarray = RATE, share: float = 1.0, curve: np.ndarray = FLAT, **row: float
) -> Readings:
    """A sound network of ten epochs, but for what is given.

    Args:
        penalty: of each example, in place of its KL.
        share: of the sum of the terms, which is the loss.
        row: what stands in the results in place of what follows from the terms.
    """
    loss = share * (RECONSTRUCTION + penalty)
    found = {
        "loss": loss.mean(),
        "neg_elbo": (RECONSTRUCTION + RATE).mean(),
        "rate": RATE.mean(),
        "latent_size": LATENTS,
        "active_units": 12,
        "shift": 0.02,
        "stretch": 0.03,
    }
    return Readings(
        row=found | row,
        loss=loss,
        reconstruction=RECONSTRUCTION,
        penalty=penalty,
        rate=RATE,
        curve=curve,
        features=FEATURES,
        no_latent=NO_LATENT,
        entropy_floor=FLOOR,
    )


def averaged(**row: float) -> Readings:
    """The terms averaged where they should be summed: the KL weighs D / K times as much."""
    return evidence(penalty=FEATURES / LATENTS * RATE, share=1 / FEATURES, **row)


BLOG_PENALTY = 0.7 * RATE - 20 + RNG.normal(0, 1, 300)
STILL_FALLING = np.linspace(190, 105, 10)
EVERYTHING = {"active_units": 0, "shift": 3.0, "stretch": 3.0, "curve": STILL_FALLING}


def told(found: list[Alarm]) -> list[SimpleNamespace]:
    """Alarms with their words."""
    return [SimpleNamespace(**alarm_in_words(alarm._asdict())) for alarm in found]


def names(seen: Readings) -> list[str]:
    return [alarm.alarm for alarm in alarms(seen)]


def test_a_sound_network_raises_none():
    assert alarms(evidence()) == []


@pytest.mark.parametrize("weight", [1.0, 0.995, 1.005])
def test_a_weight_of_about_one_is_none(weight):
    assert alarms(evidence(penalty=weight * RATE)) == []


def test_averages_are_told_with_what_they_average_and_weigh():
    seen = averaged()
    (alarm,) = told(alarms(seen))
    whole = (RECONSTRUCTION + 49 * RATE).mean()
    assert alarm.alarm == "means-for-sums"
    assert f"reads {whole / 784:.3g} where its terms add up to {whole:.1f} nats" in alarm.seen
    assert "over 784 features, and over 16 latent dimensions" in alarm.seen
    assert "weighs the KL 49 times" in alarm.seen
    assert alarm.remedy == 'set reduction = "sum"'
    assert [alarm] == told(means_for_sums(seen))


@pytest.mark.parametrize(("share", "raised"), [(0.89, True), (0.91, False), (1.1, False)])
def test_a_loss_well_below_its_terms_is_an_average(share, raised):
    assert bool(means_for_sums(evidence(share=share))) == raised


def test_a_negative_loss_is_no_average():
    """Densities of real values may be above 1."""
    seen = dataclasses.replace(
        evidence(), reconstruction=RECONSTRUCTION - 500, loss=RECONSTRUCTION + RATE - 500
    )
    assert means_for_sums(seen) == []


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.98, 1.02, 4.0])
def test_a_weighed_kl_is_told_with_its_weight(weight):
    (alarm,) = told(kl_weight(evidence(penalty=weight * RATE)))
    assert alarm.alarm == "kl-weight"
    assert alarm.seen.startswith(f"the loss weighs the KL by {weight:.3g}: it is no −ELBO")
    assert "set kl_weight = 1" in alarm.remedy


def test_a_penalty_that_is_no_multiple_of_the_kl_is_not_weighed():
    assert kl_weight(evidence(penalty=BLOG_PENALTY)) == []
    assert kl_weight(evidence(penalty=RATE + 5)) == []


@pytest.mark.parametrize("rate", [np.full(300, 29.0), np.zeros(300)])
def test_one_and_the_same_kl_for_every_example_tells_no_weight(rate):
    """Dimensions of the keras-blog loss that carry nothing cost 0 and have a KL of 1.81 each."""
    seen = dataclasses.replace(evidence(penalty=np.full(300, 1e-4)), rate=rate)
    assert kl_weight(seen) == []


@pytest.mark.parametrize(("below", "raised"), [(BELOW - 0.1, False), (BELOW + 0.1, True)])
def test_a_loss_below_the_true_elbo_is_impossible(below, raised):
    found = told(impossible(evidence(loss=100 - below, neg_elbo=100.0)))
    assert bool(found) == raised
    if raised:
        assert found[0].alarm == "impossible"
        assert f"the loss of {100 - below:.1f} is below 100.0, the true −ELBO" in found[0].seen
        assert 'objectives = ["elbo"]' in found[0].remedy


def test_an_elbo_below_the_entropy_of_the_values_is_an_error():
    (alarm,) = told(impossible(evidence(neg_elbo=45.2, loss=45.2)))
    assert "−ELBO of 45.2 is below the entropy of the values, 45.5" in alarm.seen
    assert alarm.remedy == "report it with the run folder"
    assert impossible(evidence(neg_elbo=45.5, loss=45.5)) == []


def test_values_without_an_entropy_may_be_of_any_density():
    seen = dataclasses.replace(evidence(neg_elbo=-900.0, loss=-900.0), entropy_floor=None)
    assert impossible(seen) == []


def test_a_collapse_is_told_with_what_no_latent_gives():
    (alarm,) = told(collapse(evidence(active_units=0, rate=0.0312, neg_elbo=206.04)))
    assert alarm.alarm == "collapse"
    assert "none of 16 latent dimensions is active (rate 0.031 nats)" in alarm.seen
    assert "−ELBO is 206.0 where no latent at all gives 205.8" in alarm.seen
    assert "lower learning_rate" in alarm.remedy
    assert collapse(evidence(active_units=1)) == []


def test_a_curve_that_still_falls_is_told_with_its_fall():
    curve = np.array([180.0, 150, 130, 120, 115, 113, 112, 111.8, 109, 105.8])
    (alarm,) = told(not_converged(evidence(curve=curve)))  # of a gain of 100
    assert alarm.alarm == "not-converged"
    assert alarm.seen == (
        "the training loss fell by 6.0 nats in the last 2 of 10 epochs, 6 % of its distance from "
        "no latent at all"
    )
    assert alarm.remedy == "raise epochs"


@pytest.mark.parametrize(("factor", "raised"), [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("epochs", [2, 4, 5, 20])
def test_a_fall_is_judged_by_the_whole_gain(epochs, factor, raised):
    """And over the last fifth of the epochs, at least one."""
    last = max(1, epochs // 5)
    curve = np.full(epochs, NO_LATENT - 100 + factor * FALLING * 100)
    curve[-last:] = NO_LATENT - 100
    assert bool(not_converged(evidence(curve=curve))) == raised


def test_a_curve_that_fell_early_or_rises_has_converged():
    early = np.array(10 * [400.0] + 3 * [105.8])
    assert not_converged(evidence(curve=early)) == []
    assert not_converged(evidence(curve=STILL_FALLING[::-1])) == []


def test_of_one_epoch_nothing_can_be_told():
    (alarm,) = told(not_converged(evidence(curve=np.array([150.0]))))
    assert alarm.seen == "one epoch was trained: whether the curve is flat can't be told"


@pytest.mark.parametrize("which", ["shift", "stretch"])
def test_codes_far_from_rest_are_told_with_both_numbers(which):
    (alarm,) = told(not_stationary(evidence(**{which: 1.41})))
    other = {"shift": "off by 1.41 and 0.03", "stretch": "off by 0.02 and 1.41"}
    assert alarm.alarm == "not-stationary"
    assert other[which] in alarm.seen
    assert "lower learning_rate" in alarm.remedy
    assert not_stationary(evidence(**{which: STIRRING})) == []


def test_where_codes_of_a_user_s_network_rest_is_not_known():
    """The law holds for linear heads and a linear first layer of the decoder."""
    moved = evidence(shift=1.41)
    assert not_stationary(dataclasses.replace(moved, ends_are_linear=False)) == []


def test_averages_silence_all_that_follows_from_them():
    assert names(averaged(**EVERYTHING)) == ["means-for-sums"]


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_a_weight_silences_all_that_follows_from_it(weight):
    """A loss below the true ELBO among it."""
    assert names(evidence(penalty=weight * RATE, **EVERYTHING)) == ["kl-weight"]


def test_the_blog_objective_is_impossible_and_may_be_more():
    assert names(evidence(penalty=BLOG_PENALTY)) == ["impossible"]
    falling = evidence(penalty=BLOG_PENALTY, curve=STILL_FALLING, stretch=2.0)
    assert names(falling) == ["impossible", "not-converged"]


def test_a_collapse_silences_the_curve_and_the_curve_the_moments():
    assert names(evidence(**EVERYTHING)) == ["collapse"]
    assert names(evidence(**EVERYTHING | {"active_units": 3})) == ["not-converged"]
    assert names(evidence(shift=3.0)) == ["not-stationary"]


def test_a_diverged_networks_moments_are_not_at_rest():
    assert names(evidence(shift=np.nan, stretch=np.nan)) == ["not-stationary"]


EACH = {
    "means-for-sums": averaged(),
    "kl-weight": evidence(penalty=0.5 * RATE),
    "impossible": evidence(penalty=BLOG_PENALTY),
    "impossible entropy": evidence(neg_elbo=45.2, loss=45.2),
    "collapse": evidence(active_units=0),
    "not-converged": evidence(curve=STILL_FALLING),
    "not-converged, one epoch": evidence(curve=np.array([150.0])),
    "not-stationary": evidence(shift=3.0),
    "badly-trained": dataclasses.replace(evidence(objective="elbo"), smaller=100.0),
    "loses-to-linear": dataclasses.replace(evidence(), linear=RECONSTRUCTION + RATE - 5),
}


@pytest.mark.parametrize("name", EACH)
def test_every_alarm_is_told_in_the_language_of_the_moment(name, monkeypatch):
    """Its name stays; here every marked word is in capital letters."""
    monkeypatch.setattr(language, "_catalogue", catalogue)
    raised = alarms(EACH[name])
    (english,) = told(raised)
    with language.speaking("pt"):
        (other,) = told(raised)
    assert other.alarm == english.alarm
    assert english.alarm in name
    assert lower_case(english.seen)
    assert lower_case(other.seen) == lower_case(other.remedy) == []


LINEAR = RECONSTRUCTION + RATE


@pytest.mark.parametrize(
    ("ahead", "raised"),
    [
        (0.0, []),
        (-5.0, []),  # the network is better
        (0.5, []),  # of a gain of about 100 nats less than counts
        (5.0, ["loses-to-linear"]),
    ],
)
def test_networks_that_principal_components_beat_are_named(ahead, raised):
    noise = np.random.default_rng(3).normal(0, 0.5, LINEAR.shape)
    seen = dataclasses.replace(evidence(), linear=LINEAR - ahead + noise)
    assert names(seen) == raised
    if raised:
        (alarm,) = told(alarms(seen))
        assert alarm.seen.startswith(f"principal components of {LATENTS} dimensions do better by")
        assert 'init = "pca"' in alarm.remedy


def test_a_difference_that_may_be_chance_is_no_alarm():
    noise = np.random.default_rng(3).normal(0, 500, LINEAR.shape)
    assert names(dataclasses.replace(evidence(), linear=LINEAR - 5 + noise)) == []


@pytest.mark.parametrize(
    ("smaller", "raised"), [(None, []), (110.0, []), (100.0, ["badly-trained"])]
)
def test_a_size_that_costs_more_in_training_than_a_smaller_one_is_named(smaller, raised):
    seen = dataclasses.replace(evidence(objective="elbo"), smaller=smaller)
    assert names(seen) == raised
    blog = dataclasses.replace(evidence(objective="keras-blog"), smaller=smaller)
    assert names(blog) == []


def test_a_training_that_was_stopped_has_come_to_its_end():
    falling = evidence(curve=STILL_FALLING)
    assert names(falling) == ["not-converged"]
    assert names(dataclasses.replace(falling, kept_epoch=9)) == []
    assert names(dataclasses.replace(falling, kept_epoch=10)) == ["not-converged"]
