"""What was seen, in sentences and in a table of words: for the terminal and for the report.

Every sentence is made from the numbers it states, so that none can be false for another run, and
none recommends: of several sizes only the networks trained with the ELBO are compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentsweep.show.members import failed, finished

NO_NUMBER = "–"


def item(manifest: Mapping[str, Any]) -> str:
    """What one example is called: "image" where the data are pictures, else "example"."""
    return "image" if manifest["data"]["image"] else "example"


def unit(manifest: Mapping[str, Any]) -> str:
    """The unit of every loss: "nats per image" or "nats per example"."""
    return f"nats per {item(manifest)}"


def number(value: float) -> str:
    """A number of nats with one decimal and a real minus sign; a dash for NaN."""
    return NO_NUMBER if pd.isna(value) else f"{value + 0.0:.1f}".replace("-", "−")


def share(value: float) -> str:
    """A share as whole percent; a dash for NaN."""
    return NO_NUMBER if pd.isna(value) else f"{100 * value:.0f} %"


def listed(words: Iterable[object]) -> str:
    """Words as an English list: "2, 4 and 8"; "" for none."""
    *others, last = [str(word) for word in words] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 model", "2 models"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def seeds(members: pd.DataFrame) -> str:
    """The seeds of members in words: "seed 0", "seeds 0 and 1"."""
    distinct = sorted(set(members["seed"]))
    return f"seed{'s' if len(distinct) > 1 else ''} {listed(distinct)}"


def sizes_shown(networks: pd.DataFrame) -> str:
    """The words for a choice of sizes: " 10 of the run's 30 sizes are shown.", "" if all are."""
    shown, there = networks["latent_size"].nunique(), networks["sizes_in_run"].max()
    return "" if shown == there else f" {shown} of the run's {there} sizes are shown."


def headed(words: str) -> str:
    """The words with a capital first letter, the others as they are."""
    return words[:1].upper() + words[1:]


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
    return [
        f"The values are grey, and their cross-entropy is no log-likelihood: it can't fall below "
        f"their own entropy, {number(floor)} {unit(manifest)}, and does not compare with what the "
        "literature reports for binary images."
    ]


def alarms(raised: Sequence[Mapping[str, str]]) -> list[str]:
    """One sentence an alarm: who raised it, what was seen in the first of them, what to do."""
    names = dict.fromkeys(alarm["alarm"] for alarm in raised)
    return [_alarm([alarm for alarm in raised if alarm["alarm"] == name]) for name in names]


def _alarm(raised: Sequence[Mapping[str, str]]) -> str:
    first, others = raised[0], len(raised) - 1
    who = first["member"] + (f" (and {counted(others, 'model')} more)" if others else "")
    return f"{first['alarm']}, {who}: {first['seen']}. Remedy: {first['remedy']}."


def lowest_neg_elbo(results: pd.DataFrame, per_item: str) -> list[str]:
    """Which latent size had the lowest true −ELBO among the networks trained with the ELBO."""
    members = _finished(results, "elbo")
    if members.empty:
        return []
    means = members.groupby("latent_size")["neg_elbo"].mean()
    order = means.sort_values(kind="stable")
    best, lowest = order.index[0], f"{number(order.iloc[0])} {per_item}"
    if len(means) == 1:
        return [
            f"Trained with the ELBO, latent size {best} had a true −ELBO of {lowest} on the test "
            f"split {judged(members)}."
        ]
    return [
        f"Among the networks trained with the ELBO, of {len(means)} latent sizes, size {best} had "
        f"the lowest true −ELBO on the test split, {lowest}; the others are above it by "
        f"{_distances(order.iloc[1:] - order.iloc[0])} {judged(members)}."
    ]


def report_loss(results: pd.DataFrame, per_item: str) -> list[str]:
    """What the keras-blog loss and the true −ELBO say about the same networks."""
    members = _finished(results, "keras-blog")
    if members.empty:
        return []
    means = members.groupby("latent_size")[["loss", "neg_elbo"]].mean()
    gaps = means["neg_elbo"] - means["loss"]
    order = means.iloc[gaps.argsort(kind="stable")]
    low, high = order.iloc[0], order.iloc[-1]
    first = f"{number(low['loss'])} where the true −ELBO is {number(low['neg_elbo'])}"
    last = f"{number(high['loss'])} where it is {number(high['neg_elbo'])}"
    span = first if len(means) == 1 else f"from {first}, to {last}"
    return [
        f"On the networks trained with the Keras-blog loss, that loss stands "
        f"{_below(gaps)} the true −ELBO of the same networks, in {per_item}: it reads {span} "
        f"{judged(members)}."
    ]


def failures(results: pd.DataFrame, manifest: Mapping[str, Any]) -> list[str]:
    """How many models failed, when, and what to do about it."""
    members = failed(results)
    if members.empty:
        return []
    rates = {setting["name"]: setting.get("learning_rate") for setting in manifest["members"]}
    used = sorted({rates[name] for name in members["member"] if rates.get(name) is not None})
    had = f" (it was {listed(f'{rate:g}' for rate in used)})" if used else ""
    return [
        f"{len(members)} of {counted(len(results), 'model')} failed, the loss not being finite: "
        f"{named(members)}; lower learning_rate{had} and run the study again."
    ]


def left_out(results: pd.DataFrame) -> str:
    """The words that end a caption which shows no failed models, "" if there are none."""
    members = failed(results)
    if members.empty:
        return ""
    return f" Not shown, since the training failed: {named(members)}."


def named(members: pd.DataFrame, most: int = 4) -> str:
    """Failed members by name with the epoch of their failure, at most `most` of them."""
    words = [f"{row.member} (epoch {row.failed_epoch})" for row in members.head(most).itertuples()]
    more = len(members) - most
    return listed([*words, f"{more} more"] if more > 0 else words)


def judged(members: pd.DataFrame) -> str:
    """How far a comparison carries: "(one seed: seen, not judged)" or "(means over 6 seeds)"."""
    counts = members.groupby(["objective", "latent_size"]).size()
    if members["seed"].nunique() == 1:
        return "(one seed: seen, not judged)"
    low, high = counts.min(), counts.max()
    return f"(means over {high if low == high else f'{low} to {high}'} seeds)"


@dataclass(frozen=True)
class Column:
    """A column of the table of results: its heading, and the heading over it and its neighbours."""

    group: str
    title: str


def results_columns(results: pd.DataFrame, manifest: Mapping[str, Any]) -> tuple[Column, ...]:
    """The headings of `results_rows`, in order."""
    several = results["seed"].nunique() > 1
    per_item = f"{unit(manifest)}, test"
    blog, elbo = f"Keras-blog-trained ({per_item})", f"ELBO-trained ({per_item})"
    present = set(results["objective"])
    return (
        Column("", "size"),
        *([Column("", "seed")] if several else []),
        *(Column(blog, title) for title in _BLOG if "keras-blog" in present),
        *(Column(elbo, title) for title in _ELBO if "elbo" in present),
    )


def results_rows(results: pd.DataFrame) -> list[tuple[str, ...]]:
    """One row a latent size and seed, smallest size first, as words; fits `results_columns`."""
    several = results["seed"].nunique() > 1
    present = set(results["objective"])
    rows = []
    for (size, seed), group in results.groupby(["latent_size", "seed"]):
        members = {row["objective"]: row for row in group.to_dict("records")}
        cells = [str(size), *([str(seed)] if several else [])]
        if "keras-blog" in present:
            cells += _cells(members.get("keras-blog"), ("loss", "neg_elbo"))
        if "elbo" in present:
            cells += _cells(members.get("elbo"), ("neg_elbo", "reconstruction", "rate"))
        rows.append(tuple(cells))
    return rows


# No-break spaces, so that a narrow table breaks its headings where they can be read.
_BLOG = ("report's\xa0loss (not\xa0an\xa0ELBO)", "true\xa0−ELBO", "active")
_ELBO = ("−ELBO\xa0=", "reconstruction\xa0+", "KL", "active")


def _cells(member: Mapping[Any, Any] | None, quantities: Sequence[str]) -> list[str]:
    """A member's numbers and active units; what is not there is a dash, what failed says so."""
    if member is None:
        return [NO_NUMBER] * (len(quantities) + 1)
    if member["status"] == "failed":
        return ["failed", *[NO_NUMBER] * len(quantities)]
    active = f"{member['active_units']:.0f}/{member['latent_size']}"
    return [*(number(member[quantity]) for quantity in quantities), active]


def _finished(results: pd.DataFrame, objective: str) -> pd.DataFrame:
    members = finished(results)
    return members[members["objective"] == objective]


def _distances(others: pd.Series, most: int = 6) -> str:
    """How far the other sizes are from the lowest: "0.5 (size 32) and 3.1 (size 8)"."""
    shown = [f"{number(value)} (size {size})" for size, value in others.head(most).items()]
    rest = len(others) - most
    more = [f"{rest} more, up to {number(others.iloc[-1])}"] if rest > 0 else []
    return listed([*shown, *more])


def _below(gaps: pd.Series) -> str:
    """Where the report's loss stands against the true −ELBO: "4.7 to 71.0 below"."""
    low, high = gaps.min(), gaps.max()
    if low >= 0:
        words = {number(low): None, number(high): None}
        return f"{' to '.join(words)} below"
    if high <= 0:
        words = {number(-high): None, number(-low): None}
        return f"{' to '.join(words)} above"
    return f"between {number(-low)} above and {number(high)} below"
