"""What was seen, in sentences and in a table of words: for the terminal and for the report.

Every sentence is made from the numbers it states, so that none can be false for another run, and
none recommends: of several sizes only the networks trained with the ELBO are compared.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentsweep.language import _, listed, marked, ngettext, printed
from latentsweep.show import variants
from latentsweep.show.members import failed, finished

NO_NUMBER = "–"


def item(manifest: Mapping[str, Any]) -> str:
    """What one example is called: "image" where the data are pictures, else "example"."""
    return _("image") if manifest["data"]["image"] else _("example")


def items(manifest: Mapping[str, Any]) -> str:
    """What several examples are called: "images" or "examples"."""
    return _("images") if manifest["data"]["image"] else _("examples")


def unit(manifest: Mapping[str, Any]) -> str:
    """The unit of every loss: "nats per image" or "nats per example"."""
    return _("nats per image") if manifest["data"]["image"] else _("nats per example")


def number(value: float) -> str:
    """A number of nats with one decimal and a real minus sign; a dash for NaN."""
    return NO_NUMBER if pd.isna(value) else printed(value, ".1f")


def share(value: float) -> str:
    """A share as whole percent; a dash for NaN."""
    return NO_NUMBER if pd.isna(value) else f"{printed(100 * value, '.0f')} %"


def ranged(low: object, high: object) -> str:
    """Two words as a range, "2 to 6"; once where they are the same."""
    return str(low) if low == high else _("{low} to {high}").format(low=low, high=high)


def seeds(members: pd.DataFrame) -> str:
    """The seeds of members in words: "seed 0", "seeds 0 and 1"."""
    distinct = sorted(set(members["seed"]))
    words = ngettext("seed {seeds}", "seeds {seeds}", len(distinct))
    return words.format(seeds=listed(distinct))


def sizes_shown(networks: pd.DataFrame) -> str:
    """The words for a choice of sizes: " 10 of the run's 30 sizes are shown.", "" if all are."""
    shown, there = networks["latent_size"].nunique(), networks["sizes_in_run"].max()
    if shown == there:
        return ""
    words = _("{shown} of the run's {there} sizes are shown.")
    return " " + words.format(shown=shown, there=there)


def what_was_seen(results: pd.DataFrame, manifest: Mapping[str, Any]) -> list[str]:
    """The sentences about a run: the lowest −ELBO, the report's loss, and what failed."""
    return [
        *lowest_neg_elbo(results, unit(manifest)),
        *report_loss(results, unit(manifest)),
        *grey_values(manifest),
        *failures(results, manifest),
    ]


def grey_values(manifest: Mapping[str, Any]) -> list[str]:
    """What grey values under a Bernoulli likelihood may not be compared with."""
    floor = manifest["bounds"]["entropy_floor"]
    if not floor:
        return []
    words = _(
        "The values are grey, and their cross-entropy is no log-likelihood: it can't fall below "
        "their own entropy, {floor} {unit}, and does not compare with what the literature reports "
        "for binary images."
    )
    return [words.format(floor=number(floor), unit=unit(manifest))]


def lowest_neg_elbo(results: pd.DataFrame, per_item: str) -> list[str]:
    """Which latent size had the lowest true −ELBO among the networks trained with the ELBO."""
    members = _finished(results, "elbo")
    if members.empty:
        return []
    means = members.groupby("latent_size")["neg_elbo"].mean()
    order = means.sort_values(kind="stable")
    if len(means) == 1:
        words = _(
            "Trained with the ELBO, latent size {size} had a true −ELBO of {lowest} {unit} on the "
            "test split ({judged})."
        )
    else:
        words = _(
            "Among the networks trained with the ELBO, of {count} latent sizes, size {size} had "
            "the lowest true −ELBO on the test split, {lowest} {unit}; the others are above it by "
            "{distances} ({judged})."
        )
    return [
        words.format(
            count=len(means),
            size=order.index[0],
            lowest=number(order.iloc[0]),
            unit=per_item,
            distances=_distances(order.iloc[1:] - order.iloc[0]),
            judged=judged(members),
        )
    ]


def report_loss(results: pd.DataFrame, per_item: str) -> list[str]:
    """What the keras-blog loss and the true −ELBO say about the same networks."""
    members = _finished(results, "keras-blog")
    if members.empty:
        return []
    means = members.groupby("latent_size")[["loss", "neg_elbo"]].mean()
    gaps = means["neg_elbo"] - means["loss"]
    order = means.iloc[gaps.argsort(kind="stable")].map(number)
    words = _(
        "On the networks trained with the Keras-blog loss, that loss stands {where} the true "
        "−ELBO of the same networks, in {unit}: it reads {readings} ({judged})."
    )
    return [
        words.format(
            where=_below(gaps), unit=per_item, readings=_readings(order), judged=judged(members)
        )
    ]


def _readings(order: pd.DataFrame) -> str:
    """What the loss reads where it is nearest to the true −ELBO and where it is farthest."""
    low, high = order.iloc[0], order.iloc[-1]
    if len(order) == 1:
        words = _("{loss} where the true −ELBO is {bound}")
        return words.format(loss=low["loss"], bound=low["neg_elbo"])
    return _(
        "from {loss} where the true −ELBO is {bound}, to {last_loss} where it is {last_bound}"
    ).format(
        loss=low["loss"],
        bound=low["neg_elbo"],
        last_loss=high["loss"],
        last_bound=high["neg_elbo"],
    )


def failures(results: pd.DataFrame, manifest: Mapping[str, Any]) -> list[str]:
    """How many models failed, when, and what to do about it."""
    members = failed(results)
    if members.empty:
        return []
    rates = {setting["name"]: setting.get("learning_rate") for setting in manifest["members"]}
    used = sorted({rates[name] for name in members["member"] if rates.get(name) is not None})
    words = ngettext(
        "{failed} of {count} model failed, the loss not being finite: {members}; {remedy}.",
        "{failed} of {count} models failed, the loss not being finite: {members}; {remedy}.",
        len(results),
    )
    return [
        words.format(
            failed=len(members), count=len(results), members=named(members), remedy=_slower(used)
        )
    ]


def _slower(rates: Sequence[float]) -> str:
    """What to do about members that failed, given the learning rates they had."""
    if not rates:
        return _("lower learning_rate and run the study again")
    words = _("lower learning_rate (it was {rates}) and run the study again")
    return words.format(rates=listed(printed(rate, "g") for rate in rates))


def left_out(results: pd.DataFrame) -> str:
    """The words that end a caption which shows no failed models, "" if there are none."""
    members = failed(results)
    if members.empty:
        return ""
    words = _("Not shown, since the training failed: {members}.")
    return " " + words.format(members=named(members))


def named(members: pd.DataFrame, most: int = 4) -> str:
    """Failed members by name with the epoch of their failure, at most `most` of them."""
    words = [
        _("{member} (epoch {epoch})").format(member=row.member, epoch=row.failed_epoch)
        for row in members.head(most).itertuples()
    ]
    more = len(members) - most
    return listed([*words, _("{count} more").format(count=more)] if more > 0 else words)


def judged(members: pd.DataFrame) -> str:
    """How far a comparison carries: "one seed: seen, not judged" or "means over 6 seeds"."""
    counts = members.groupby(["objective", "latent_size"]).size()
    if members["seed"].nunique() == 1:
        return _("one seed: seen, not judged")
    return _("means over {seeds} seeds").format(seeds=ranged(counts.min(), counts.max()))


@dataclass(frozen=True)
class Column:
    """A column of the table of results: its heading, and the heading over it and its neighbours."""

    group: str
    title: str


def results_columns(results: pd.DataFrame, manifest: Mapping[str, Any]) -> tuple[Column, ...]:
    """The headings of `results_rows`, in order."""
    several, varied = results["seed"].nunique() > 1, _is_varied(results)
    blog = _("Keras-blog-trained ({unit}, test)").format(unit=unit(manifest))
    elbo = _("ELBO-trained ({unit}, test)").format(unit=unit(manifest))
    present = set(results["objective"].map(variants.plain))
    return (
        Column("", _("size")),
        *([Column("", _("seed"))] if several else []),
        *([Column("", _("penalty"))] if varied else []),
        *(Column(blog, _(title)) for title in _BLOG if "keras-blog" in present),
        *(Column(elbo, _(title)) for title in _ELBO if "elbo" in present),
        *([Column(elbo, _("PCA"))] if has_linear(results) else []),
    )


def results_rows(results: pd.DataFrame) -> list[tuple[str, ...]]:
    """One row a latent size and seed, smallest size first, as words; fits `results_columns`."""
    several, varied = results["seed"].nunique() > 1, _is_varied(results)
    present = set(results["objective"].map(variants.plain))
    rows = []
    settings = results["objective"].map(lambda name: str(name).partition("_")[2])
    by = [results["latent_size"], results["seed"], settings.rename("settings")]
    for (size, seed, setting), group in results.groupby(by):
        members = {variants.plain(row["objective"]): row for row in group.to_dict("records")}
        cells = [str(size), *([str(seed)] if several else [])]
        cells += [_setting(str(setting))] if varied else []
        if "keras-blog" in present:
            cells += _cells(members.get("keras-blog"), ("loss", "neg_elbo"))
        if "elbo" in present:
            cells += _cells(members.get("elbo"), ("neg_elbo", "reconstruction", "rate"))
        if has_linear(results):
            cells.append(number(members.get("elbo", {}).get("linear", math.nan)))
        rows.append(tuple(cells))
    return rows


def has_linear(results: pd.DataFrame) -> bool:
    """Whether principal components stand beside networks trained with the ELBO."""
    elbo = results["objective"].map(variants.plain) == "elbo"
    return "linear" in results and bool(results.loc[elbo, "linear"].notna().any())


def _setting(setting: str) -> str:
    """What a variant sets of its penalty, in a cell."""
    return variants.words(f"_{setting}").removeprefix(", ") if setting else _("as it is")


def _is_varied(results: pd.DataFrame) -> bool:
    """Whether objectives stand there with several settings of their penalty."""
    return bool(results["objective"].str.contains("_").any())


# No-break spaces, so that a narrow table breaks its headings where they can be read.
_BLOG = (
    marked("report's\xa0loss (not\xa0an\xa0ELBO)"),
    marked("true\xa0−ELBO"),
    marked("active"),
)
_ELBO = marked("−ELBO\xa0="), marked("reconstruction\xa0+"), marked("KL"), marked("active")


def _cells(member: Mapping[Any, Any] | None, quantities: Sequence[str]) -> list[str]:
    """A member's numbers and active units; what is not there is a dash, what failed says so."""
    if member is None:
        return [NO_NUMBER] * (len(quantities) + 1)
    if member["status"] == "failed":
        return [_("failed"), *[NO_NUMBER] * len(quantities)]
    active = f"{printed(member['active_units'], '.0f')}/{member['latent_size']}"
    return [*(number(member[quantity]) for quantity in quantities), active]


def _finished(results: pd.DataFrame, objective: str) -> pd.DataFrame:
    members = finished(results)
    return members[members["objective"] == objective]


def _distances(others: pd.Series, most: int = 6) -> str:
    """How far the other sizes are from the lowest: "0.5 (size 32) and 3.1 (size 8)"."""
    shown = [
        _("{value} (size {size})").format(value=number(value), size=size)
        for size, value in others.head(most).items()
    ]
    rest = len(others) - most
    if rest > 0:
        words = _("{count} more, up to {value}")
        shown.append(words.format(count=rest, value=number(others.iloc[-1])))
    return listed(shown)


def _below(gaps: pd.Series) -> str:
    """Where the report's loss stands against the true −ELBO: "4.7 to 71.0 below"."""
    low, high = gaps.min(), gaps.max()
    if low >= 0:
        return _("{nats} below").format(nats=ranged(number(low), number(high)))
    if high <= 0:
        return _("{nats} above").format(nats=ranged(number(-high), number(-low)))
    words = _("between {above} above and {below} below")
    return words.format(above=number(-low), below=number(high))
