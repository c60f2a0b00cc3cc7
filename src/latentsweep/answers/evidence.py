"""What else tells of a dimension: the networks' units, the data's neighbours, the curve's knee.

None of it ever changes the answer. Active units count whatever carries anything; neighbours read
too few dimensions where there are many, and too many where there is noise. They are shown beside
it, with whether they agree. Two things a reader has to know of the data besides: whether its
classes are of one dimension, and whether the gain ends at a knee or fades out, so that the answer
hangs on what share of it was asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latentsweep.answers.recommendation import Recommendation, Row

CLASSES_DIFFER = 1.25
_FEWER = 0.75
_HARDLY = 10  # deltas


@dataclass(frozen=True)
class Evidence:
    """What else tells of a dimension: the widest network's units, and the data's neighbours.

    `active` and `effective` count the units of the widest network's first seed that carry anything,
    and the same weighed by KL; `classes` are those along which each class's codes vary. `dimension`
    are the extremes of the data's own over scales. None where something was not measured.
    """

    widest: int | None = None
    active: int | None = None
    effective: float | None = None
    dimension: tuple[float, float] | None = None
    scale_dependent: bool = False
    classes: Mapping[str, int] | None = None

    @property
    def units(self) -> tuple[int, float] | None:
        """Active units, and the same weighed; None if unknown, or of a network that diverged."""
        if self.active is None or self.effective is None or not math.isfinite(self.effective):
            return None
        return self.active, self.effective


def class_dependent(evidence: Evidence) -> bool:
    """Whether some class varies along over a quarter more dimensions than another, and over one."""
    if not evidence.classes:
        return False
    least, most = min(evidence.classes.values()), max(evidence.classes.values())
    return most > CLASSES_DIFFER * least and most > least + 1


def gradual(found: Recommendation) -> Row | None:
    """The size a quarter smaller than the answer, if even that is hardly behind; None if it is.

    Hardly is 10 deltas at most. Where the data have so many dimensions and no more, leaving out a
    quarter of them costs several times as much.
    """
    if found.latent_size is None or found.delta <= 0:
        return None
    most = _FEWER * found.latent_size
    fewer = [row for row in found.rows if most / 2 < row.latent_size <= most]
    return fewer[-1] if fewer and fewer[-1].behind <= _HARDLY * found.delta else None


def agreeing(found: Recommendation, evidence: Evidence) -> dict[str, bool]:
    """Whether units and neighbours, as far as known, lie within a factor of 1.5 of the set.

    They never change the answer: active units count whatever carries anything, and neighbours read
    too few dimensions where there are many.
    """
    if found.low is None or found.high is None:
        return {}
    ranges = {"neighbours": evidence.dimension}
    if evidence.units is not None:
        active, effective = evidence.units
        ranges["units"] = (min(effective, active), float(active))
    return {
        name: found.low <= 1.5 * ends[1] and found.high >= ends[0] / 1.5
        for name, ends in ranges.items()
        if ends is not None
    }


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """The content of `evidence` in answers.json (docs/formats.md)."""
    return {
        "widest": evidence.widest,
        "active_units": evidence.active,
        "effective_units": None if evidence.units is None else evidence.units[1],
        "dimension": None if evidence.dimension is None else list(evidence.dimension),
        "scale_dependent": evidence.scale_dependent,
        "classes": None if evidence.classes is None else dict(evidence.classes),
        "class_dependent": class_dependent(evidence),
    }
