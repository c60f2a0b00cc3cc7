"""What may be wrong with a trained network, told from its own numbers.

Each alarm says what was seen and what to do; none stops a run. A cause silences its consequences:
a loss that averages where it should sum also weighs the KL, may collapse and never converges, and
only the first is worth saying.

    means-for-sums   the loss is a small share of its terms: it averages over the features
    kl-weight        every example's penalty is the same multiple, not 1, of its true KL
    impossible       a loss below the true -ELBO of the same network, or a true -ELBO below what
                     the data allows: no bound can stand there
    collapse         no latent dimension carries anything
    not-converged    the learning curve still falls
    badly-trained    a smaller network has a lower training loss, by over 1 % of what is gained
    loses-to-linear  principal components of the same size are reliably better, by over 1 % of what
                     they gain
    not-stationary   the curve is flat, yet the moments of the codes are far from those of a
                     stationary point: a rate that is too high, or terms that don't fit each other

The last is told only of codes that are off by more than the prior's whole variance: training at a
constant rate, as the report does, leaves the scale of small latents off by most of it.

References:
    Bowman et al. (2016), Generating Sentences from a Continuous Space, section 3.1 (collapse).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from latentsweep.language import _, printed

BELOW = 0.5  # nats under the true -ELBO that make a loss impossible
WEIGHT_OFF = 0.01
FALLING = 0.05  # of the distance from no latent, within the last fifth of the epochs
_COUNTS, _NORMAL = 0.01, 1.645  # of what the linear model gains; a one-sided bound of 95 %
STIRRING = 1.0  # the largest shift or stretch that is not worth an alarm


class Alarm(NamedTuple):
    """One alarm: its name, the same in every language, what was seen, and what to do about it."""

    alarm: str
    seen: str
    remedy: str


@dataclass(frozen=True)
class Evidence:
    """What the alarms of one network are told from; nats per example.

    `row` is its row of the results, `curve` its training loss epoch by epoch, summed over features,
    of which its weights are those after `kept_epoch`; `linear` is -log p under the linear model of
    its size, None where there is none; `smaller` is the least training loss of networks of its seed
    with fewer dimensions, None where there are none; `loss`, `reconstruction`, `penalty`, `rate`
    are of each test example; `entropy_floor` is None where the data has none. `ends_are_linear`
    says whether the heads and the decoder's first layer are known to be linear, which decides where
    codes rest.
    """

    row: dict
    loss: Float[np.ndarray, " N"]
    reconstruction: Float[np.ndarray, " N"]
    penalty: Float[np.ndarray, " N"]
    rate: Float[np.ndarray, " N"]
    curve: Float[np.ndarray, " epochs"]
    features: int
    no_latent: float
    entropy_floor: float | None
    linear: Float[np.ndarray, " N"] | None = None
    kept_epoch: int | None = None
    smaller: float | None = None
    ends_are_linear: bool = True


def alarms(evidence: Evidence) -> list[Alarm]:
    """The alarms of a network that trained to its end: mostly none."""
    if weighed := means_for_sums(evidence) or kl_weight(evidence):
        return weighed
    causes = collapse, not_converged, badly_trained, loses_to_linear, not_stationary
    unsound = next(filter(None, (cause(evidence) for cause in causes)), [])
    return impossible(evidence) + unsound


def means_for_sums(evidence: Evidence) -> list[Alarm]:
    """Whether the loss averages over features: it is a small share of its terms in nats."""
    whole = float(np.mean(evidence.reconstruction + evidence.penalty))
    loss, row = float(np.mean(evidence.loss)), evidence.row
    if whole <= 0 or not 0 < loss < 0.9 * whole:
        return []
    seen = _(
        "the loss reads {loss} where its terms add up to {whole} nats: it averages over {features} "
        "features, and over {size} latent dimensions, which weighs the KL {weight} times"
    ).format(
        loss=printed(loss, ".3g"),
        whole=printed(whole, ".1f"),
        features=evidence.features,
        size=row["latent_size"],
        weight=printed(evidence.features / row["latent_size"], ".3g"),
    )
    return [Alarm("means-for-sums", seen, _('set reduction = "sum"'))]


def kl_weight(evidence: Evidence) -> list[Alarm]:
    """Whether each penalty is one multiple of the true KL, and that is not 1."""
    rate, penalty = (np.asarray(each, np.float64) for each in (evidence.rate, evidence.penalty))
    square = float(rate @ rate)
    if square < 1e-6 * len(rate) or rate.std() < 1e-3 * rate.mean():
        return []  # one KL for every example is any multiple of one penalty
    weight = float(penalty @ rate) / square
    left = np.abs(penalty - weight * rate).mean()
    if left > 1e-3 * np.abs(penalty).mean() or abs(weight - 1) <= WEIGHT_OFF:
        return []
    seen = _(
        "the loss weighs the KL by {weight}: it is no −ELBO, and sizes compare by the weight as "
        "much as by the data"
    ).format(weight=printed(weight, ".3g"))
    remedy = _("set kl_weight = 1, or compare by the true −ELBO beside it")
    return [Alarm("kl-weight", seen, remedy)]


def impossible(evidence: Evidence) -> list[Alarm]:
    """Whether a number stands where no bound can stand."""
    row, floor = evidence.row, evidence.entropy_floor
    neg_elbo = printed(row["neg_elbo"], ".1f")
    if floor is not None and row["neg_elbo"] < floor - 0.01:
        seen = _(
            "the true −ELBO of {neg_elbo} is below the entropy of the values, {floor}: an error in "
            "the numbers themselves"
        ).format(neg_elbo=neg_elbo, floor=printed(floor, ".1f"))
        return [Alarm("impossible", seen, _("report it with the run folder"))]
    if row["loss"] >= row["neg_elbo"] - BELOW:
        return []
    seen = _(
        "the loss of {loss} is below {neg_elbo}, the true −ELBO of the same network: it bounds "
        "nothing, and larger sizes look better than they are"
    ).format(loss=printed(row["loss"], ".1f"), neg_elbo=neg_elbo)
    remedy = _('judge by the true −ELBO, or train with objectives = ["elbo"]')
    return [Alarm("impossible", seen, remedy)]


def collapse(evidence: Evidence) -> list[Alarm]:
    """Whether no latent dimension is active."""
    row = evidence.row
    if row["active_units"] > 0:
        return []
    seen = _(
        "none of {size} latent dimensions is active (rate {rate} nats): the decoder ignores the "
        "code, and −ELBO is {neg_elbo} where no latent at all gives {no_latent}"
    ).format(
        size=row["latent_size"],
        rate=printed(row["rate"], ".2g"),
        neg_elbo=printed(row["neg_elbo"], ".1f"),
        no_latent=printed(evidence.no_latent, ".1f"),
    )
    remedy = _(
        "lower learning_rate, or let it rise with warm_up; if that does not help, the data may "
        "have nothing to encode"
    )
    return [Alarm("collapse", seen, remedy)]


def badly_trained(evidence: Evidence) -> list[Alarm]:
    """Whether a smaller network fits the training examples better, by more than counts."""
    if evidence.smaller is None or evidence.row["objective"] != "elbo":
        return []
    least = float(np.min(evidence.curve))
    if not costs_dimensions(least, evidence.smaller, evidence.no_latent):
        return []
    seen = _(
        "a training loss of {loss} where a smaller network comes to {smaller}: more dimensions can "
        "only help there, so this one was trained badly"
    ).format(loss=printed(least, ".1f"), smaller=printed(evidence.smaller, ".1f"))
    return [Alarm("badly-trained", seen, _("raise epochs, or lower learning_rate"))]


def costs_dimensions(least: float, smaller: float, no_latent: float) -> bool:
    """Whether a network's least training loss is above a smaller one's by more than counts."""
    return least - smaller > _COUNTS * max(no_latent - smaller, 0.0)


def loses_to_linear(evidence: Evidence) -> list[Alarm]:
    """Whether the linear model of its size is better, by more than chance and than counts."""
    if evidence.linear is None:
        return []
    behind = evidence.reconstruction + evidence.rate - evidence.linear.astype(np.float64)
    least = behind.mean() - _NORMAL * behind.std(ddof=1) / np.sqrt(len(behind))
    if not least > _COUNTS * max(evidence.no_latent - float(evidence.linear.mean()), 0.0):
        return []
    seen = _(
        "principal components of {size} dimensions do better by {nats} nats: what is seen of this "
        "size is about its training"
    ).format(size=evidence.row["latent_size"], nats=printed(behind.mean(), ".2g"))
    remedy = _(
        'set init = "pca" with stopping_fraction = 0.1, or where it is so lower learning_rate'
    )
    return [Alarm("loses-to-linear", seen, remedy)]


def not_converged(evidence: Evidence) -> list[Alarm]:
    """Whether the training loss still falls by over 5 % of its distance from no latent.

    A training that was stopped has come to its end.
    """
    epochs = len(evidence.curve)
    if evidence.kept_epoch is not None and evidence.kept_epoch < epochs:
        return []
    if epochs == 1:
        seen = _("one epoch was trained: whether the curve is flat can't be told")
        return [Alarm("not-converged", seen, _("raise epochs"))]
    if not still_falls(evidence.curve, evidence.no_latent):
        return []
    fall, gain, last = _fall(evidence.curve, evidence.no_latent)
    seen = _(
        "the training loss fell by {fall} nats in the last {last} of {epochs} epochs, {share} % of "
        "its distance from no latent at all"
    ).format(
        fall=printed(fall, ".1f"),
        last=last,
        epochs=epochs,
        share=printed(100 * fall / abs(gain), ".0f"),
    )
    return [Alarm("not-converged", seen, _("raise epochs"))]


def still_falls(curve: Float[np.ndarray, " T"], no_latent: float) -> bool:
    """Whether a training loss falls by over 5 % of its distance from no latent at its end.

    Of one epoch that can't be told, so it may.
    """
    if len(curve) == 1:
        return True
    fall, gain, _last = _fall(curve, no_latent)
    return fall > FALLING * abs(gain)


def _fall(curve: Float[np.ndarray, " T"], no_latent: float) -> tuple[float, float, int]:
    """How far a loss fell in its last fifth, and lies from no latent; how many epochs that is."""
    last = max(1, len(curve) // 5)
    return float(curve[-1 - last] - curve[-1]), float(no_latent - curve[-1]), last


def not_stationary(evidence: Evidence) -> list[Alarm]:
    """Whether the codes' moments are far from those of a stationary point."""
    shift, stretch = evidence.row["shift"], evidence.row["stretch"]
    if not evidence.ends_are_linear or (shift <= STIRRING and stretch <= STIRRING):
        return []
    seen = _(
        "the curve is flat, but the codes' mean and spread are off by {shift} and {stretch} from "
        "where a network at rest has them"
    ).format(shift=printed(shift, ".2f"), stretch=printed(stretch, ".2f"))
    return [Alarm("not-stationary", seen, _("lower learning_rate, or let it fall with decay"))]
