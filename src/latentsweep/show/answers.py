"""The answers of a run in words: the recommended size, and the verdicts on the report's claims.

Claims that need more seeds than a run has are not listed one by one: what was seen of them is in
`answers.json`, and beside the run stands what this project's own six seeds gave, labelled so.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

from latentsweep.record.folder import RunFolder
from latentsweep.show.sentences import counted
from latentsweep.study import OBJECTIVE_LABELS

_UNJUDGED = ("inconclusive", "not measured")


class Verdict(NamedTuple):
    """One claim for one objective."""

    part: str
    says: str
    objective: str
    verdict: str
    sentence: str


@dataclass(frozen=True)
class Answers:
    """What stands in the summary and the report.

    `recommended` are sentences, the answer first. `verdicts` are those of this run, `unjudged` what
    it lacks for the others. `published` are the verdicts of the project's own run where this one
    judges nothing, with `published_note` saying what they are of.
    """

    recommended: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    unjudged: tuple[str, ...]
    published: tuple[Verdict, ...] = ()
    published_note: str = ""


def answers(run: RunFolder) -> Answers | None:
    """The answers of a run in words; None if nothing was answered yet."""
    found = run.answers()
    if found is None:
        return None
    data = run.manifest()["data"]
    claims = [_verdict(claim) for claim in found["claims"]]
    verdicts = tuple(claim for claim in claims if claim.verdict not in _UNJUDGED)
    ours = published() if claims and not verdicts and data["name"] == "mnist" else None
    return Answers(
        recommended=tuple(_recommended(found["recommendation"])),
        verdicts=verdicts,
        unjudged=tuple(_unjudged(found["claims"])),
        published=tuple(_verdict(claim) for claim in ours["claims"]) if ours else (),
        published_note=_note(ours) if ours else "",
    )


def published() -> dict[str, Any] | None:
    """The project's own answers on MNIST, if they are in the package and unchanged."""
    file = resources.files("latentsweep") / "answers" / "mnist-claims.json"
    if not file.is_file():
        return None
    content = json.loads(file.read_text("utf-8"))
    assert content["sha256"] == fingerprint(content), "mnist-claims.json was changed by hand"
    return content


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 of a summary's content but for that number itself."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _recommended(found: Mapping[str, Any]) -> Iterable[str]:
    yield _capital(found["sentence"])
    yield from found.get("evidence_sentences", ())
    if found["latent_size"] is not None:
        yield found["scope"]
    yield from found.get("notes", ())
    if found.get("open"):
        yield found["open"]


def _unjudged(claims: list[Mapping[str, Any]]) -> Iterable[str]:
    """How many verdicts are open, each reason once."""
    few = [claim for claim in claims if claim["sentence"].startswith("Too few seeds")]
    if few:
        _, _, needed = few[0]["sentence"].rpartition("; ")
        yield (
            f"{counted(len(few), 'verdict')} on the report's claims can't be given yet: "
            f"{needed.rstrip('.')} ('latentsweep run' with --seeds). answers.json says what was "
            "seen."
        )
    unmeasured = [claim for claim in claims if claim["verdict"] == "not measured"]
    reasons = dict.fromkeys(claim["sentence"] for claim in unmeasured)
    yield from reasons
    undecided = [c for c in claims if c["verdict"] == "inconclusive" and c not in few]
    yield from (f"Inconclusive: {_of(c)}. {c['sentence']}" for c in undecided)


def _of(claim: Mapping[str, Any]) -> str:
    return f"{claim['says']} ({OBJECTIVE_LABELS[claim['objective']]})"


def _verdict(claim: Mapping[str, Any]) -> Verdict:
    return Verdict(
        claim["part"],
        claim["says"],
        OBJECTIVE_LABELS[claim["objective"]],
        claim["verdict"],
        claim["sentence"],
    )


def _note(ours: Mapping[str, Any]) -> str:
    return (
        f"Not of this run: what latentsweep {ours['version']}'s own run of the study mnist-claims "
        f"gave ({ours['seeds']} seeds, the report's networks and training)."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
