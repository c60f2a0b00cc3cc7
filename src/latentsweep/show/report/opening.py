"""The first screen: how many dimensions, what every other size loses or wastes, what would tell.

Everything is made from the numbers of `answers.json`; where nothing was judged, that is said first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latentsweep.language import _, headed, ngettext, printed
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences
from latentsweep.show.words.answers import answers_of
from latentsweep.study import built_in_studies, load_study

SEEDS_THAT_JUDGE = 6
_UNJUDGED = ("too few seeds", "one size", "not judged", "no gain known")


@dataclass(frozen=True)
class OtherSize:
    """What a latent size loses or wastes, in words; `chosen`: it is the recommended one."""

    latent_size: str
    behind: str
    interval: str
    in_use: str
    meaning: str
    chosen: bool


@dataclass(frozen=True)
class Opening:
    """What the first screen says.

    `holds_for` names the data, the network and its training; `command` would judge what was only
    seen. Both are "" where there is nothing to say.
    """

    title: str
    lede: str
    holds_for: str
    others: tuple[OtherSize, ...]
    unit: str
    command: str


def opening(run: RunFolder) -> Opening:
    """The first screen of a run, whatever was answered of it."""
    manifest, found = run.manifest(), (answers_of(run) or {}).get("recommendation")
    data = manifest["data"]["name"]
    if found is None:
        sizes = sorted(set(run.results()["latent_size"]))
        return Opening(_sizes_on(sizes, data), "", "", (), "", "")
    unit = _("nats") if found.get("unit") == "nats" else ""
    return Opening(
        title=_title(found, data, [row["latent_size"] for row in found.get("rows", ())]),
        lede=headed(found.get("answer") or found["sentence"]),
        holds_for=_holds_for(found) if "answer" in found else "",
        others=tuple(_other(row, found) for row in found.get("rows", ())),
        unit=sentences.unit(manifest) if unit else "",
        command=_command(run) if found["status"] in _UNJUDGED else "",
    )


def _holds_for(found: Mapping[str, Any]) -> str:
    judged = found["status"] not in _UNJUDGED
    holds, seen = (
        _("Holds for {data}, {architecture}, {budget}."),
        _("Seen of {data}, {architecture}, {budget}."),
    )
    return (holds if judged else seen).format(
        data=found["data"], architecture=found["architecture"], budget=found["budget"]
    )


def _title(found: Mapping[str, Any], data: str, sizes: list[int]) -> str:
    status, size = found["status"], found["latent_size"]
    if size is not None:
        return ngettext(
            "{size} latent dimension for {data}", "{size} latent dimensions for {data}", size
        ).format(size=size, data=data)
    if status == "undecided":
        low, high = found["set"]
        return _("{low} to {high} latent dimensions for {data}: undecided").format(
            low=low, high=high, data=data
        )
    if status in ("no plateau yet", "every size keeps helping"):
        return _("More than {size} latent dimensions for {data}").format(
            size=sizes[-2] if len(sizes) > 1 else sizes[-1], data=data
        )
    if status == "nothing to encode":
        return _("No latent dimension helps on {data}").format(data=data)
    if status == "target not reached":
        return _("No size tried on {data} reaches the target").format(data=data)
    if sizes:
        return _sizes_on(sizes, data)
    return _("Variational autoencoders on {data}: not judged").format(data=data)


def _sizes_on(sizes: list[int], data: str) -> str:
    if len(sizes) == 1:
        return _("Latent size {size} on {data}: seen, not judged").format(size=sizes[0], data=data)
    return _("Latent sizes {low} to {high} on {data}: seen, not judged").format(
        low=sizes[0], high=sizes[-1], data=data
    )


def _other(row: Mapping[str, Any], found: Mapping[str, Any]) -> OtherSize:
    size, active = row["latent_size"], row.get("active_units")
    bounds = (row["low"], row["high"])
    known = all(bound is not None for bound in bounds)
    return OtherSize(
        latent_size=str(size),
        behind=amount(row["behind"]),
        interval=_("{low} to {high}").format(low=amount(bounds[0]), high=amount(bounds[1]))
        if known
        else sentences.NO_NUMBER,
        in_use=sentences.NO_NUMBER
        if active is None
        else _("{active} of {size}").format(active=_count(active), size=size),
        meaning=_meaning(row, found),
        chosen=size == found["latent_size"],
    )


def _meaning(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What someone who uses a size loses or wastes."""
    if found["status"] in _UNJUDGED:
        return _idle(row) or (_("lowest here") if row["latent_size"] == found["best"] else "")
    if row["latent_size"] == found["latent_size"]:
        return _("the smallest that is enough")
    if row["verdict"] == "too small":
        return _("loses {behind}, {share} of what there is to gain").format(
            behind=_with_unit(row["behind"], found), share=_share(row["behind"], found["gain"])
        )
    if row["verdict"] == "undecided":
        return _("may lose up to {high}: the noise hides it").format(
            high=_with_unit(max(row["high"] or 0.0, 0.0), found)
        )
    return _idle(row) or _("loses nothing, but is larger than needed")


def _idle(row: Mapping[str, Any]) -> str:
    """How many dimensions of a size carry nothing, "" if less than one."""
    active = row.get("active_units")
    idle = 0.0 if active is None else row["latent_size"] - active
    if idle < 1:
        return ""
    return ngettext(
        "wastes {idle} dimension, which carries nothing",
        "wastes {idle} dimensions, which carry nothing",
        2 if idle > 1 else 1,
    ).format(idle=_count(idle))


def _count(value: float) -> str:
    return printed(value, ".0f" if round(value, 1) == round(value) else ".1f")


def _share(behind: float, gain: float | None) -> str:
    if not gain or gain <= 0:
        return sentences.NO_NUMBER
    return f"{printed(100 * behind / gain, '.0f' if behind > 0.1 * gain else '.1f')} %"


def _with_unit(value: float, found: Mapping[str, Any]) -> str:
    unit = _("nats") if found.get("unit") == "nats" else ""
    return f"{amount(value)} {unit}".rstrip()


def amount(value: float) -> str:
    """A difference with the digits that mean something."""
    size = abs(value)
    if size >= 10:
        return printed(value, ".1f")
    return printed(value, ".2f" if size >= 0.1 or value == 0 else ".2g")


def _command(run: RunFolder) -> str:
    """The command that trains enough seeds to judge what one has only shown."""
    study = run.study()
    name = study.name
    known = name in built_in_studies() and load_study(name).first_difference(study) is None
    source = name if known else "study.toml"
    return f"latentsweep run {source} --seeds {SEEDS_THAT_JUDGE} -o {name}-{SEEDS_THAT_JUDGE}-seeds"
