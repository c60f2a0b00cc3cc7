"""The answers of a run with their words in the language of the moment."""

from collections.abc import Mapping
from typing import Any

from latentsweep.record import reading
from latentsweep.record.folder import RunFolder
from latentsweep.show.words.claims import claim_in_words
from latentsweep.show.words.recommendation import recommendation_in_words


def answers_in_words(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `answers.json` with its words; as it stands where it holds no more."""
    told = dict(answers)
    if "recommendation" in answers:
        told["recommendation"] = recommendation_in_words(answers["recommendation"])
    return told | {"claims": [claim_in_words(claim) for claim in answers.get("claims", ())]}


def answers_of(run: RunFolder) -> dict[str, Any] | None:
    """What was answered of a run, in words; None if nothing was yet."""
    found = run.answers()
    if found is None:
        return None
    with reading.reading(run.answers_path):
        return answers_in_words(found)
