"""How a step's loss changes the weights: the rule of a pass.

There are two, which differ in the last digits: Adam as XLA compiles it, and on CPUs a kernel of our
own (`cpu_kernel`). A training keeps the rule that it began with.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Float

from latentsweep.model.family import Mapping
from latentsweep.model.vae import VAE
from latentsweep.training.cpu_kernel import check, rule
from latentsweep.training.cpu_kernel.factored import example_axes
from latentsweep.training.optimiser import Adam, Moments

Loss = Callable[[VAE], tuple[Float[Array, ""], Any]]


@dataclasses.dataclass(frozen=True)
class UpdateRule:
    """From a loss to the network after a step of Adam.

    A loss maps a batch's examples over a network, whose own axes for vmap are `example_axes(vae)`;
    `step(adam, loss, (vae, moments), rate, examples)` gives both after the step, and what the loss
    gives beside. `fused` names the rule in a plan.
    """

    fused: bool
    example_axes: Callable[[VAE], Any]
    step: Callable[[Adam, Loss, tuple[VAE, Moments], Float[Array, ""], int], Any]


def _plain_step(
    adam: Adam,
    loss: Loss,
    carry: tuple[VAE, Moments],
    rate: Float[Array, ""],
    _examples: int,
) -> tuple[tuple[VAE, Moments], Any]:
    vae, moments = carry
    gradient, beside = jax.grad(loss, has_aux=True)(vae)
    return adam.step(vae, gradient, moments, rate), beside


PLAIN = UpdateRule(fused=False, example_axes=lambda _: None, step=_plain_step)
FUSED = UpdateRule(fused=True, example_axes=example_axes, step=rule.fused_step)


def rule_of(*, fused: bool) -> UpdateRule:
    """The rule by its name in a plan."""
    return FUSED if fused else PLAIN


def fastest_rule(mapping: Mapping) -> UpdateRule:
    """The rule for a training that begins here, its members being mapped so."""
    return FUSED if mapping == "map" and is_here(FUSED) else PLAIN


def is_here(rule: UpdateRule) -> bool:
    """Whether this machine can go on with a training that began with this rule."""
    return rule is PLAIN or (check.wanted() and not check.failure())


def complaint() -> str:
    """What to tell the user: why trainings that begin here are slower than they might be, if so."""
    if is_here(FUSED) or not check.wanted():
        return ""
    return (
        f"the fast kernel failed its check on this machine ({check.failure()}); trainings that "
        f"begin here do without it, and take longer; remove {check.verdict_file()} to have it "
        "checked again"
    )
