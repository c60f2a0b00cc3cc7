"""Which sizes of a run were trained badly: more dimensions can only help in training."""

from collections.abc import Iterable

import numpy as np

from latentsweep.evaluation.alarms import costs_dimensions
from latentsweep.record.folder import RunFolder
from latentsweep.training.members import Member

_MOST = 0.5  # of a size's networks


def badly_trained(folder: RunFolder, members: Iterable[Member]) -> list[int]:
    """The sizes more than half of whose networks cost more in training than a smaller one's."""
    no_latent = folder.manifest()["bounds"]["no_latent"]
    least = {member: folder.facts(member.name).get("least_loss") for member in members}
    known = {member: loss for member, loss in least.items() if loss is not None}
    blamed: dict[int, list[bool]] = {}
    for member, loss in known.items():
        smaller = [
            other
            for each, other in known.items()
            if each.seed == member.seed and each.latent_size < member.latent_size
        ]
        bad = any(costs_dimensions(loss, other, no_latent) for other in smaller)
        blamed.setdefault(member.latent_size, []).append(bad)
    return [size for size, bad in blamed.items() if np.mean(bad) > _MOST]
