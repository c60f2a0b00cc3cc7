"""The answer to how many dimensions, in words: one for each status.

A sentence names no size that was not tried, and never a size without what it was compared with.
"""

from collections.abc import Callable, Mapping
from typing import Any

from latentsweep.language import _, marked, ngettext, printed
from latentsweep.show.words.numbers import PERCENT, amount, percent, rounded, sizes_listed, span

Found = Mapping[str, Any]
MEASURES = {
    "elbo": marked("held-out −ELBO"),
    "reconstruction": marked("held-out mean squared error"),
    "knn": marked("held-out share of examples that 10 nearest neighbours vote wrong on"),
    "loss": marked("held-out loss"),
}


def answer_words(found: Found) -> str:
    """The answer alone, without what it holds for."""
    return _WORDS[found["status"]](found)


def named(found: Found) -> dict[str, object]:
    """What every sentence may name: the measure, the sizes tried, the best, the set, and delta."""
    target = found["target"]
    return {
        "measure": measure_words(found),
        "tried": sizes_listed(_sizes(found)),
        "best": found["best"],
        "largest": _sizes(found)[-1],
        "delta": amount(found["delta"], found["unit"]),
        "target": "" if target is None else printed(target, "g"),
        "percent": PERCENT,
        "set": "" if found["set"] is None else span(found["set"]),
        "criterion": _criterion(found),
        "loss": amount(_row(found, found["best"])["loss"], found["unit"]),
    }


def measure_words(found: Found) -> str:
    """What the sizes are compared by."""
    criterion = found["criterion"]
    return _(MEASURES[criterion])


def _sizes(found: Found) -> list[int]:
    return [row["latent_size"] for row in found["rows"]]


def _row(found: Found, size: int) -> Mapping[str, Any]:
    return next(row for row in found["rows"] if row["latent_size"] == size)


def _criterion(found: Found) -> str:
    """What the measure of a size that is enough is or does."""
    if found["target"] is not None:
        return _("is at most {target}").format(target=printed(found["target"], "g"))
    words = _(
        "is within {delta} of the best size's, {share} of the gain of {gain} over the smallest size"
    )
    if found["gain_is_known"]:
        words = _("is within {delta} of the best size's, {share} of the attainable gain of {gain}")
    return words.format(
        delta=amount(found["delta"], found["unit"]),
        share=percent(found["share"]),
        gain=amount(found["gain"], found["unit"]),
    )


def _size_words(found: Found, size: int) -> str:
    """A size, with those just below it that were not tried."""
    smaller = [each for each in _sizes(found) if each < size]
    untried = range(max(smaller, default=0) + 1, size)
    if not untried:
        return str(size)
    words = _("{size} or fewer ({untried} not tried)")
    return words.format(size=size, untried=sizes_listed(untried))


def _ok(found: Found) -> str:
    high = found["set"][1]
    chances = {each["latent_size"]: each["p"] for each in found["cumulative"]}
    # Translators: {criterion} is such as "is at most 0.25", the subject being {measure}.
    words = ngettext(
        "{size} latent dimension ({percent} set {set}); the {measure} {criterion}. "
        "P(no more than {high} needed) = {chance}.",
        "{size} latent dimensions ({percent} set {set}); the {measure} {criterion}. "
        "P(no more than {high} needed) = {chance}.",
        found["latent_size"],
    )
    size, chance = _size_words(found, found["latent_size"]), printed(chances.get(high, 1.0), ".2f")
    return words.format(**named(found), size=size, high=high, chance=chance)


def _no_plateau(found: Found) -> str:
    words = _(
        "no plateau yet, try larger. Of {tried} all but the last are too small: {second} is "
        "{behind} behind {largest}, and {delta} would be allowed. Add {larger}."
    )
    return words.format(**named(found), **_second(found), larger=2 * _sizes(found)[-1])


def _keeps_helping(found: Found) -> str:
    words = _(
        "every size keeps helping, up to {largest}, beyond which none was to be tried: {second} is "
        "{behind} behind {largest}, and {delta} would be allowed. The {measure} names no size here."
    )
    return words.format(**named(found), **_second(found))


def _second(found: Found) -> dict[str, object]:
    """The second largest size, and how far it is behind the largest."""
    row = found["rows"][-2]
    return {"second": row["latent_size"], "behind": amount(row["behind"], found["unit"])}


def _nothing(found: Found) -> str:
    words = _(
        "nothing to encode. Trained so, no network is reliably better than the model without a "
        "latent: the gain is {gain}, its lower bound {low}."
    )
    return words.format(gain=amount(found["gain"], found["unit"]), low=rounded(found["gain_low"]))


def _undecided(found: Found) -> str:
    likeliest = max(found["rows"], key=lambda row: row["probability"])
    words = _("undecided, {percent} set {set} (likeliest {likeliest}, P = {chance}).")
    untried = [size for size in range(*found["set"]) if size not in _sizes(found)]
    if untried:
        words = _(
            "undecided, {percent} set {set} (likeliest {likeliest}, P = {chance}; {untried} not "
            "tried)."
        )
    head = words.format(
        **named(found),
        likeliest=likeliest["latent_size"],
        chance=printed(likeliest["probability"], ".2f"),
        untried=sizes_listed(untried),
    )
    open_rows = [row for row in found["rows"] if row["verdict"] == "undecided"]
    seeds = any(row["seeds_would_decide"] for row in open_rows)
    noise = (_seeds_would_tell if seeds else _examples_would_tell)(len(open_rows)).format(
        **named(found), sizes=sizes_listed(row["latent_size"] for row in open_rows)
    )
    largest = found["best"] == _sizes(found)[-1] and not found["exhausted"]
    return " ".join([head, noise, *([_("Larger sizes may be better still.")] if largest else [])])


def _seeds_would_tell(sizes: int) -> str:
    return ngettext(
        "Noise hides whether {sizes} is within {delta} of the best size, {best} as it seems: more "
        "seeds would tell.",
        "Noise hides whether {sizes} are within {delta} of the best size, {best} as it seems: more "
        "seeds would tell.",
        sizes,
    )


def _examples_would_tell(sizes: int) -> str:
    return ngettext(
        "Noise hides whether {sizes} is within {delta} of the best size, {best} as it seems: more "
        "held-out examples would tell.",
        "Noise hides whether {sizes} are within {delta} of the best size, {best} as it seems: more "
        "held-out examples would tell.",
        sizes,
    )


def _no_gain(found: Found) -> str:
    return _(
        "no gain known. The smallest size, {best}, has the lowest {measure}, and without the "
        "losses of a model without a latent nothing says what there was to gain. Add those, or "
        "smaller sizes, and check that a lower loss is a better one."
    ).format(**named(found))


def _few_seeds(found: Found) -> str:
    words = _(
        "too few seeds. With so few trainings their noise is not known, so nothing is judged. "
        "Seen: the {measure} is lowest at size {best}, with {loss}, and {first}. Three seeds of "
        "each size would judge it."
    )
    return words.format(**named(found), first=_first(found))


def _first(found: Found) -> str:
    """The first size that looks enough."""
    within = [row["latent_size"] for row in found["rows"] if row["behind"] <= found["delta"]]
    words = _("size {size} is the first that is within {delta} of that")
    if found["target"] is not None:
        words = _("size {size} is the first that is at most {target}")
        if not within:
            words = _("no size is at most {target}")
    return words.format(**named(found), size=within[0] if within else "")


def _one_size(found: Found) -> str:
    words = _("one size, {size}, can't be compared with itself; train at least two more.")
    if _sizes(found) == [1] and found["exhausted"]:
        words = _("size 1, there being no other to choose from: the data has one feature.")
    return words.format(size=_sizes(found)[0])


def _not_reached(found: Found) -> str:
    words = _(
        "target not reached. No size's {measure} is reliably at most {target}: the best of {tried} "
        "is size {best}, with {loss}."
    ).format(**named(found))
    undecided = [row for row in found["rows"] if row["verdict"] == "undecided"]
    more = _("Try larger sizes, or a larger target.")
    if any(row["seeds_would_decide"] for row in undecided):
        more = _("Try more seeds, larger sizes, or a larger target.")
    return f"{words} {more}"


_WORDS: dict[str, Callable[[Found], str]] = {
    "ok": _ok,
    "no plateau yet": _no_plateau,
    "every size keeps helping": _keeps_helping,
    "nothing to encode": _nothing,
    "undecided": _undecided,
    "no gain known": _no_gain,
    "too few seeds": _few_seeds,
    "one size": _one_size,
    "target not reached": _not_reached,
}
