"""Objectives by name, and with each of the weights and warm-ups of their penalty."""

from collections.abc import Sequence
from itertools import product
from typing import Literal, NamedTuple, cast

from latentsweep.language import marked

ObjectiveName = Literal["keras-blog", "elbo"]
OBJECTIVE_LABELS: dict[str, str] = {
    "keras-blog": marked("Keras-blog loss (not an ELBO)"),
    "elbo": marked("ELBO"),
}


class Variant(NamedTuple):
    """An objective with the weight of its penalty, and the share of epochs over which that rises.

    `name` stands for it in tables and names of networks, such as `elbo` or `elbo_b4_w0.1`.
    """

    name: str
    objective: ObjectiveName
    kl_weight: float
    kl_warm_up: float


def objective_of(variant: str) -> ObjectiveName:
    """The objective of a variant's name."""
    return cast(ObjectiveName, variant.partition("_")[0])


def variants(
    objectives: Sequence[ObjectiveName], kl_weights: Sequence[float], kl_warm_ups: Sequence[float]
) -> tuple[Variant, ...]:
    """Every objective with every weight and warm-up of its penalty.

    One that is named like its objective is the loss as it is, or the first where none is.
    """
    pairs = list(product(kl_weights, kl_warm_ups))
    plain = (1.0, 0.0) if (1.0, 0.0) in pairs else pairs[0]
    endings = {
        pair: f"_b{pair[0]:.12g}" + (f"_w{pair[1]:.12g}" if pair[1] else "") for pair in pairs
    } | {plain: ""}
    return tuple(
        Variant(objective + endings[pair], objective, *pair)
        for pair in sorted(pairs, key=lambda pair: pair != plain)
        for objective in objectives
    )
