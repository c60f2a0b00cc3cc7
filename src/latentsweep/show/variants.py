"""Objectives with a weight or a warm-up of their own, by their names in a run's tables.

`elbo` is the objective as it is; `elbo_b4_w0.1` weighs its penalty by 4, which it reaches over the
first tenth of the epochs.
"""

from collections.abc import Iterable

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from latentsweep.language import _, printed
from latentsweep.study import OBJECTIVE_LABELS
from latentsweep.study import objective_of as plain

_DOUBLINGS = 4  # of the weight, until a colour is mixed as far as it goes
_FURTHEST = 0.7


def settings(name: str) -> dict[str, float]:
    """What a variant sets: `b` its weight, `w` the share of the epochs of its warm-up."""
    return {part[0]: float(part[1:]) for part in name.split("_")[1:]}


def words(name: str) -> str:
    """What a variant sets, to stand after the name of its objective; nothing for one as it is."""
    found = settings(name)
    said = ""
    if "b" in found:
        said = _(", β = {weight}").format(weight=printed(found["b"], "g"))
    if "w" in found:
        said += _(" after a warm-up of {percent} % of the epochs").format(
            percent=printed(100 * found["w"], "g")
        )
    return said


def label(name: str) -> str:
    """The name of an objective in the language of the moment."""
    return _(OBJECTIVE_LABELS[plain(name)]) + words(name)


def ordered(names: Iterable[str]) -> list[str]:
    """Each name once: by objective, and of one objective in the order in which they come."""
    present = list(dict.fromkeys(names))
    return [name for known in OBJECTIVE_LABELS for name in present if plain(name) == known]


def shade(colour: str, name: str) -> str:
    """An objective's colour for a variant: darker the more its penalty weighs, paler the less."""
    found = settings(name)
    if not found:
        return colour
    doublings = np.log2(max(found["b"], 2.0**-_DOUBLINGS)) - ("w" in found)
    share = _FURTHEST * float(np.clip(doublings / _DOUBLINGS, -1, 1))
    towards = 0.0 if share > 0 else 1.0
    mixed = (1 - abs(share)) * np.array(to_rgb(colour)) + abs(share) * towards
    return to_hex(tuple(mixed))
