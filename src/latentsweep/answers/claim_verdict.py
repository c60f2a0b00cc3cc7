"""The verdict on a claim, in numbers; `show.words.claims` tells it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from latentsweep.record.claim_findings import (
    Claim,
    Finding,
    Found,
    Outcome,
    Trend,
    Unmeasured,
    outcome_json,
    plain,
)


@dataclass(frozen=True)
class Verdict:
    """One claim, judged for one objective."""

    declared: Claim
    objective: str
    found: Found | Unmeasured
    trend: Trend | None = None

    @property
    def claim(self) -> str:
        """The claim's name."""
        return self.declared.name

    @property
    def verdict(self) -> str:
        """What was found, in the same words in every language."""
        if isinstance(self.found, Unmeasured):
            return "not measured"
        return self.found.ruling if self.up_to is None else f"reproduced up to {self.up_to}"

    @property
    def up_to(self) -> int | None:
        """The largest size that it is reproduced to, where that is not all."""
        return None if isinstance(self.found, Unmeasured) else self.found.up_to

    @property
    def unit(self) -> str:
        """Of the value: nats, a share and so on, in the same words in every language."""
        by_share = self._deciding and self._deciding.condition.judged == "share"
        return "share of seeds" if by_share else self.declared.unit

    @property
    def value(self) -> float:
        """The number that decides; NaN for none."""
        return self._deciding.value if self._deciding else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The interval that decides."""
        return (self._deciding.low, self._deciding.high) if self._deciding else (np.nan, np.nan)

    @property
    def seeds(self) -> int:
        """How many seeds every comparison has."""
        return 0 if isinstance(self.found, Unmeasured) else self.found.seeds

    @property
    def comparisons(self) -> tuple[Finding, ...]:
        """All that was compared."""
        return () if isinstance(self.found, Unmeasured) else self.found.findings

    @property
    def lacking(self) -> int:
        """How many more seeds have to be trained before it can be judged."""
        return 0 if isinstance(self.found, Unmeasured) else self.found.lacking

    @property
    def lacking_seconds(self) -> float:
        """How long those take; NaN for none, or where nobody knows."""
        found = None if isinstance(self.found, Unmeasured) else self.found
        return found.lacking_seconds if found and found.lacking else np.nan

    @property
    def _deciding(self) -> Finding | None:
        return None if isinstance(self.found, Unmeasured) else self.found.deciding

    def as_json(self) -> dict[str, Any]:
        """Plain JSON types, without words; None for what is not known."""
        numbers = {name: getattr(self, name) for name in _KEYS}
        comparisons = [
            {name: getattr(each, name) for name in _OF_COMPARISONS}
            | {"measure": each.condition.measure}
            for each in self.comparisons
        ]
        outcome = Outcome(self.declared, self.found, self.trend)
        return {**plain({**numbers, "comparisons": comparisons}), "found": outcome_json(outcome)}


_KEYS = ("claim", "objective", "verdict", "unit", "up_to", "value", "interval", "seeds")
_KEYS += ("lacking", "lacking_seconds")
_OF_COMPARISONS = "from_size", "latent_size", "value", "low", "high", "p", "state", "seeds"
