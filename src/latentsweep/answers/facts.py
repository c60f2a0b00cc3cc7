"""The facts of a recommendation as `answers.json` has them; `show.words` puts them into words."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from latentsweep.answers.evidence import Evidence, agreeing, evidence_json, gradual
from latentsweep.answers.linear import Linear, linear_json
from latentsweep.answers.losses import Losses, Remark
from latentsweep.answers.recommendation import CONFIDENCE, Recommendation, Rule
from latentsweep.answers.search import width
from latentsweep.study import Study

UNITS = {"elbo": "nats", "reconstruction": "", "knn": "", "loss": ""}


def facts_of(
    found: Recommendation,
    rule: Rule,
    criterion: str,
    *,
    setting: Mapping[str, Any],
    evidence: Evidence,
    linear: Linear | None = None,
    remarks: Iterable[Remark] = (),
) -> dict[str, Any]:
    """The content of `recommendation` in answers.json (docs/formats.md), but for its words.

    Args:
        criterion: what sizes are compared by, one of UNITS.
        setting: what the answer holds for.
        remarks: what was left out, and what a reader has to know of the networks.
    """
    fading, agreed = gradual(found), agreeing(found, evidence)
    return {
        **_answer(found, rule, criterion),
        "width": width(found),
        "confidence": CONFIDENCE,
        "setting": dict(setting),
        "evidence": evidence_json(evidence) | {"agreeing": agreed},
        "agreement": any(agreed.values()) if agreed else None,
        "gradual": fading is not None,
        "gradual_at": None if fading is None else fading.latent_size,
        "linear": linear_json(linear),
        "at_shares": [{"share": s, "latent_size": k} for s, k in found.at_shares.items()],
        "remarks": list(remarks),
    }


def _answer(found: Recommendation, rule: Rule, criterion: str) -> dict[str, Any]:
    """What was found, by itself."""
    return {
        "criterion": criterion,
        "unit": UNITS[criterion],
        "status": found.status,
        "latent_size": found.latent_size,
        "set": None if found.low is None else [found.low, found.high],
        "delta": found.delta,
        "share": None if rule.target is not None else rule.share,
        "target": rule.target,
        "gain": found.gain,
        "gain_low": found.gain_low,
        "gain_is_known": found.gain_is_known,
        "best": found.best,
        "exhausted": found.exhausted,
        "rows": [row._asdict() for row in found.rows],
        "cumulative": [{"latent_size": k, "p": p} for k, p in found.cumulative().items()],
    }


def setting_of(losses: Losses, study: Study, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data, the networks and their training that an answer holds for.

    Args:
        data: what a run's manifest says of it.
    """
    seeds = [count for count in losses.present.sum(axis=1).tolist() if count]
    groups = None if losses.groups is None else len(np.unique(losses.groups))
    return {
        "data": data["name"],
        "likelihood": data["likelihood"],
        "train": data["splits"]["train"],
        "held_out": losses.examples,
        "fold": losses.values.shape[2] if losses.folds > 1 else None,
        "groups": groups,
        "split_by": study.split_by,
        "network": study.network,
        "hidden_size": list(study.hidden_size),
        "epochs": study.epochs,
        "batch_size": study.batch_size,
        "learning_rate": study.learning_rate,
        "decay": bool(study.decay),
        "seeds": [min(seeds), max(seeds)],
    }


def apart_remarks(found: Recommendation, rule: Rule, criterion: str) -> list[Remark]:
    """What is absurd among the losses, and what plain means would say; mostly nothing."""
    apart, plain = found.apart, found.plain
    if apart is None or plain is None:
        return []
    keys = [(each.status, each.latent_size, each.low, each.high) for each in (found, plain)]
    remark = {
        "code": "absurd",
        "examples": apart.examples,
        "worst": apart.worst,
        "networks": [list(network) for network in apart.networks],
        "plain": None if keys[0] == keys[1] else _answer(plain, rule, criterion),
    }
    return [remark]
