"""The answers of a run in words: the recommended size, and the verdicts on the report's claims.

Claims that need more seeds than a run has are not listed one by one: what was seen of them is in
`answers.json`, and beside the run stands what this project's own six seeds gave, labelled so.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal, NamedTuple

from latentsweep.language import _, duration, headed, ngettext, spoken
from latentsweep.record.folder import RunFolder
from latentsweep.show import variants
from latentsweep.show.words.answers import answers_of

State = Literal["yes", "partly", "no", "open"]


class Verdict(NamedTuple):
    """One claim for one objective, in words; `state` is the verdict without its number."""

    part: str
    says: str
    objective: str
    verdict: str
    sentence: str
    state: State


@dataclass(frozen=True)
class Answers:
    """What stands in the summary and the report.

    `recommended` are sentences, the answer first. `verdicts` are those of this run, `unjudged` what
    it lacks for the others. `published` are the verdicts of the project's own run where this one
    judges nothing, with `published_note` saying what they are of, and `published_recommended` the
    size that it recommends.
    """

    recommended: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    unjudged: tuple[str, ...]
    published: tuple[Verdict, ...] = ()
    published_note: str = ""
    published_recommended: str = ""

    @property
    def evidence(self) -> tuple[str, ...]:
        """The sentences after the answer: what else is known, and what it does not say."""
        return self.recommended[1:]


def answers(run: RunFolder) -> Answers | None:
    """The answers of a run in the language of the moment; None if nothing was answered yet."""
    found = answers_of(run)
    if found is None:
        return None
    data = run.manifest()["data"]
    claims = [_verdict(claim) for claim in found["claims"]]
    verdicts = tuple(claim for claim in claims if claim.state != "open")
    mnist = data.get("known_as", data["name"]) == "mnist"  # older runs only have a name
    ours = published() if claims and not verdicts and mnist else None
    return Answers(
        recommended=tuple(_recommended(found["recommendation"])),
        verdicts=verdicts,
        unjudged=tuple(_unjudged(found["claims"])),
        published=tuple(_verdict(claim) for claim in ours["claims"]) if ours else (),
        published_note=_note(ours) if ours else "",
        published_recommended=ours["recommendation"]["answer"] if ours else "",
    )


def published() -> dict[str, Any] | None:
    """The project's own answers on MNIST, if they are in the package and unchanged.

    In the language of the moment, or in English where they are not told in that.
    """
    file = resources.files("latentsweep") / "answers" / "mnist-claims.json"
    if not file.is_file():
        return None
    content = json.loads(file.read_text("utf-8"))
    assert content["sha256"] == fingerprint(content), "mnist-claims.json was changed by hand"
    told = content.get("told", {}).get(spoken())
    if told is None:
        return content
    claims = []
    for claim, sentence in zip(content["claims"], told["claims"], strict=True):
        part, says = claim["part"], claim["says"]
        claims.append({**claim, "part": _(part), "says": _(says), "sentence": sentence})
    answer = {"recommendation": {**content["recommendation"], "answer": told["answer"]}}
    return {**content, "claims": claims, **answer}


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 of a summary's content but for that number itself."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _recommended(found: Mapping[str, Any]) -> Iterable[str]:
    yield headed(found["sentence"])
    yield from found.get("evidence_sentences", ())
    if found["latent_size"] is not None:
        yield found["scope"]
    yield from found.get("notes", ())
    if found.get("open"):
        yield found["open"]


def _unjudged(claims: list[Mapping[str, Any]]) -> Iterable[str]:
    """How many verdicts are open, each reason once."""
    few = [claim for claim in claims if _lacking(claim)]
    if few:
        words = ngettext(
            "{count} verdict on the report's claims can't be given yet: {needed} ('latentsweep "
            "run' with --seeds). answers.json says what was seen.",
            "{count} verdicts on the report's claims can't be given yet: {needed} ('latentsweep "
            "run' with --seeds). answers.json says what was seen.",
            len(few),
        )
        most = max(few, key=_lacking)
        yield words.format(count=len(few), needed=_needed(_lacking(most), _seconds(most)))
    unmeasured = [claim for claim in claims if claim["verdict"] == "not measured"]
    yield from dict.fromkeys(claim["sentence"] for claim in unmeasured)
    undecided = [c for c in claims if c["verdict"] == "inconclusive" and c not in few]
    yield from (_inconclusive(claim) for claim in undecided)


def _lacking(claim: Mapping[str, Any]) -> int:
    """How many more seeds a claim needs."""
    return claim.get("lacking", 0)


def _seconds(claim: Mapping[str, Any]) -> float | None:
    """How long its lacking seeds take, None where nobody knows."""
    return claim.get("lacking_seconds")


def _needed(seeds: int, seconds: float | None) -> str:
    if seconds is None:
        words = ngettext("{count} more seed is needed", "{count} more seeds are needed", seeds)
        return words.format(count=seeds)
    words = ngettext(
        "{count} more seed is needed and takes {time} here",
        "{count} more seeds are needed and take {time} here",
        seeds,
    )
    return words.format(count=seeds, time=duration(seconds))


def _inconclusive(claim: Mapping[str, Any]) -> str:
    return _("Inconclusive: {says} ({objective}). {sentence}").format(
        says=claim["says"], objective=_objective(claim), sentence=claim["sentence"]
    )


def _objective(claim: Mapping[str, Any]) -> str:
    return variants.label(claim["objective"])


def _verdict(claim: Mapping[str, Any]) -> Verdict:
    words, state = _told(claim)
    objective = _objective(claim)
    return Verdict(claim["part"], claim["says"], objective, words, claim["sentence"], state)


def _told(claim: Mapping[str, Any]) -> tuple[str, State]:
    """A verdict in the language of the moment, and its state."""
    if claim.get("up_to") is not None:
        return _("reproduced up to {size}").format(size=claim["up_to"]), "partly"
    told: dict[str, tuple[str, State]] = {
        "reproduced": (_("reproduced"), "yes"),
        "not reproduced": (_("not reproduced"), "no"),
        "inconclusive": (_("inconclusive"), "open"),
        "not measured": (_("not measured"), "open"),
    }
    return told[claim["verdict"]]


def _note(ours: Mapping[str, Any]) -> str:
    words = _(
        "Not of this run: what latentsweep {version}'s own run of the study mnist-claims gave "
        "({seeds} seeds, the report's networks and training)."
    )
    return words.format(version=ours["version"], seeds=ours["seeds"])
