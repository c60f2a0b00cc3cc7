"""How a run was made: study, data, machine, versions, seconds, as names and values."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentsweep.language import _, marked, printed
from latentsweep.study import FACTS, Study

_UNSEEN_STAGES = ("report",)  # is not over while the page is written
_SPLITS = {
    "train": marked("train split"),
    "validation": marked("validation split"),
    "test": marked("test split"),
}

Facts = list[tuple[str, str]]


def making(
    study: Study, manifest: Mapping[str, Any], results: pd.DataFrame
) -> list[tuple[str, Facts]]:
    """Titled lists of names and values."""
    seconds = {
        stage: f"{printed(value, '.1f')} s"
        for stage, value in manifest["seconds"].items()
        if stage not in _UNSEEN_STAGES
    }
    return [
        (_("Study"), _words(study.model_dump())),
        (_("Data"), _words(_data(manifest["data"]))),
        (_("Machine"), _words(_machine(manifest, results))),
        (_("Versions"), _words(manifest["versions"])),
        (_("Wall time, a stage"), _words(seconds)),
    ]


def _data(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _("name"): data["name"],
        _("source"): data["source"],
        _("SHA-256 of a sample") if _is_sampled(data) else "SHA-256": data["hash"],
        _("item shape"): " × ".join(map(str, data["item_shape"])),
        **{_(_SPLITS[split]): printed(count, ",d") for split, count in data["splits"].items()},
        **_sampled(data),
        _("likelihood"): _(FACTS[data["likelihood"]].label),
    }


def _is_sampled(data: Mapping[str, Any]) -> bool:
    return data.get("hash_of") == "a sample"


def _sampled(data: Mapping[str, Any]) -> dict[str, str]:
    """Of large data, how many examples of a split were measured."""
    if not _is_sampled(data):
        return {}
    most = printed(max(data["measured"].values()), ",d")
    return {_("measured, of each split at most"): most}


def _machine(manifest: Mapping[str, Any], results: pd.DataFrame) -> dict[str, Any]:
    device = manifest["device"]
    return {
        _("device"): _("{name} ({kind}, {used} used, {cores} cores)").format(
            name=device["name"], kind=device["kind"], used=device["count"], cores=device["cores"]
        ),
        _("command"): manifest["command"],
        _("training, a model"): _("{seconds} s on average").format(
            seconds=printed(results["train_seconds"].mean(), ".1f")
        ),
    }


def _words(values: Mapping[str, Any]) -> Facts:
    """Names and values as text; sequences as lists."""
    return [
        (name, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        for name, value in values.items()
    ]
