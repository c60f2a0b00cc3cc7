"""The verdict on a claim: its numbers, and its words in the language of the moment."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from latentsweep.answers.claim_findings import Claim, Finding, Found, Trend, Unmeasured
from latentsweep.answers.claim_sentences import sentence, trend_sentence
from latentsweep.language import _


@dataclass(frozen=True)
class Verdict:
    """One claim, judged for one objective; its words are in the language of the moment."""

    declared: Claim
    objective: str
    found: Found | Unmeasured
    trend: Trend | None = None

    @property
    def claim(self) -> str:
        """The claim's name."""
        return self.declared.name

    @property
    def part(self) -> str:
        """Which part of the report it is."""
        return _(self.declared.part)

    @property
    def says(self) -> str:
        """What the report says."""
        return _(self.declared.says)

    @property
    def verdict(self) -> str:
        """What was found, in the same words in every language."""
        if isinstance(self.found, Unmeasured):
            return "not measured"
        return self.found.ruling if self.up_to is None else f"reproduced up to {self.up_to}"

    @property
    def sentence(self) -> str:
        """Why, in a sentence."""
        return sentence(self.found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands beside the verdict and has no part in it."""
        return () if self.trend is None else (trend_sentence(self.trend),)

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
        """Plain JSON types; None for what is not known."""
        return {name: _plain(getattr(self, name)) for name in _KEYS}


_KEYS = ("claim", "part", "says", "objective", "verdict", "sentence", "unit", "up_to", "value")
_KEYS += ("interval", "seeds", "comparisons", "notes", "lacking", "lacking_seconds")


def _plain(value: Any) -> Any:
    """A part of a verdict in plain JSON types."""
    if isinstance(value, Finding):
        names = "from_size", "latent_size", "value", "low", "high", "p", "state", "seeds"
        numbers = {name: _plain(getattr(value, name)) for name in names}
        return numbers | {"measure": value.condition.measure}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value
