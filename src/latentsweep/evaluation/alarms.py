"""What may be wrong with a trained network, told from its own numbers.

Each alarm is a reason and the numbers that raised it, which `show.words.alarms` puts into words;
none stops a run. A cause silences its consequences:
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

BELOW = 0.5  # nats under the true -ELBO that make a loss impossible
WEIGHT_OFF = 0.01
FALLING = 0.05  # of the distance from no latent, within the last fifth of the epochs
_COUNTS, _NORMAL = 0.01, 1.645  # of what the linear model gains; a one-sided bound of 95 %
STIRRING = 1.0  # the largest shift or stretch that is not worth an alarm


class Alarm(NamedTuple):
    """One alarm: its name, which of its reasons it has, and the numbers seen, None for NaN."""

    alarm: str
    reason: str
    numbers: dict[str, float | int | None]


@dataclass(frozen=True)
class Readings:
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


def alarms(readings: Readings) -> list[Alarm]:
    """The alarms of a network that trained to its end: mostly none."""
    if weighed := means_for_sums(readings) or kl_weight(readings):
        return weighed
    causes = collapse, not_converged, badly_trained, loses_to_linear, not_stationary
    unsound = next(filter(None, (cause(readings) for cause in causes)), [])
    return impossible(readings) + unsound


def means_for_sums(readings: Readings) -> list[Alarm]:
    """Whether the loss averages over features: it is a small share of its terms in nats."""
    whole = float(np.mean(readings.reconstruction + readings.penalty))
    loss, row = float(np.mean(readings.loss)), readings.row
    if whole <= 0 or not 0 < loss < 0.9 * whole:
        return []
    size = row["latent_size"]
    return _raised(
        "means-for-sums",
        loss=loss,
        whole=whole,
        features=readings.features,
        size=size,
        weight=readings.features / size,
    )


def kl_weight(readings: Readings) -> list[Alarm]:
    """Whether each penalty is one multiple of the true KL, and that is not 1."""
    rate, penalty = (np.asarray(each, np.float64) for each in (readings.rate, readings.penalty))
    square = float(rate @ rate)
    if square < 1e-6 * len(rate) or rate.std() < 1e-3 * rate.mean():
        return []  # one KL for every example is any multiple of one penalty
    weight = float(penalty @ rate) / square
    left = np.abs(penalty - weight * rate).mean()
    if left > 1e-3 * np.abs(penalty).mean() or abs(weight - 1) <= WEIGHT_OFF:
        return []
    return _raised("kl-weight", weight=weight)


def impossible(readings: Readings) -> list[Alarm]:
    """Whether a number stands where no bound can stand."""
    row, floor = readings.row, readings.entropy_floor
    if floor is not None and row["neg_elbo"] < floor - 0.01:
        told = {"neg_elbo": row["neg_elbo"], "floor": floor}
        return _raised("impossible", "below the entropy", **told)
    if row["loss"] >= row["neg_elbo"] - BELOW:
        return []
    told = {"loss": row["loss"], "neg_elbo": row["neg_elbo"]}
    return _raised("impossible", "below the true -ELBO", **told)


def collapse(readings: Readings) -> list[Alarm]:
    """Whether no latent dimension is active."""
    row = readings.row
    if row["active_units"] > 0:
        return []
    return _raised(
        "collapse",
        size=row["latent_size"],
        rate=row["rate"],
        neg_elbo=row["neg_elbo"],
        no_latent=readings.no_latent,
    )


def badly_trained(readings: Readings) -> list[Alarm]:
    """Whether a smaller network fits the training examples better, by more than counts."""
    if readings.smaller is None or readings.row["objective"] != "elbo":
        return []
    least = float(np.min(readings.curve))
    if not costs_dimensions(least, readings.smaller, readings.no_latent):
        return []
    return _raised("badly-trained", loss=least, smaller=readings.smaller)


def costs_dimensions(least: float, smaller: float, no_latent: float) -> bool:
    """Whether a network's least training loss is above a smaller one's by more than counts."""
    return least - smaller > _COUNTS * max(no_latent - smaller, 0.0)


def loses_to_linear(readings: Readings) -> list[Alarm]:
    """Whether the linear model of its size is better, by more than chance and than counts."""
    if readings.linear is None:
        return []
    behind = readings.reconstruction + readings.rate - readings.linear.astype(np.float64)
    least = behind.mean() - _NORMAL * behind.std(ddof=1) / np.sqrt(len(behind))
    if not least > _COUNTS * max(readings.no_latent - float(readings.linear.mean()), 0.0):
        return []
    return _raised("loses-to-linear", size=readings.row["latent_size"], nats=behind.mean())


def not_converged(readings: Readings) -> list[Alarm]:
    """Whether the training loss still falls by over 5 % of its distance from no latent.

    A training that was stopped has come to its end.
    """
    epochs = len(readings.curve)
    if readings.kept_epoch is not None and readings.kept_epoch < epochs:
        return []
    if epochs == 1:
        return _raised("not-converged", "one epoch")
    if not still_falls(readings.curve, readings.no_latent):
        return []
    fall, gain, last = _fall(readings.curve, readings.no_latent)
    told = {"fall": fall, "last": last, "epochs": epochs, "share": 100 * fall / abs(gain)}
    return _raised("not-converged", "still falls", **told)


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


def not_stationary(readings: Readings) -> list[Alarm]:
    """Whether the codes' moments are far from those of a stationary point."""
    shift, stretch = readings.row["shift"], readings.row["stretch"]
    if not readings.ends_are_linear or (shift <= STIRRING and stretch <= STIRRING):
        return []
    return _raised("not-stationary", shift=shift, stretch=stretch)


def _raised(alarm: str, reason: str = "", **numbers: float | int) -> list[Alarm]:
    """An alarm with its numbers as JSON has them; of one that has one reason, that is its name."""
    plain = {n: None if np.isnan(x) else np.asarray(x).item() for n, x in numbers.items()}
    return [Alarm(alarm, reason or alarm, plain)]
