"""The recommended latent size and its set, marked on a chart of a loss against the latent size."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from latentsweep.language import _
from latentsweep.record.folder import RunFolder
from latentsweep.show import sentences, style

_BAND = "#eef1f4"
_MARGIN = 1.12  # of the band, as a factor of the sizes at its ends


def named(run: RunFolder) -> dict[str, Any]:
    """What the answers of a run name: the size, its set, that set's confidence, the criterion.

    Zeros and "" where they name none.
    """
    found = (run.answers() or {}).get("recommendation", {})
    if not found.get("latent_size") or not found.get("set"):
        return {"recommended": 0, "least": 0, "most": 0, "confidence": 0.0, "criterion": ""}
    least, most = found["set"]
    return {
        "recommended": found["latent_size"],
        "least": least,
        "most": most,
        "confidence": found["confidence"],
        "criterion": found["criterion"],
    }


def mark(axes: Axes, point: pd.DataFrame) -> None:
    """A band over the set, a ring at the size's point, and words above them.

    Args:
        axes: have the sizes along x, to their final limits.
        point: the rows of a line at the recommended size, with `value` and what `named` gives;
            nothing is drawn where there are none.
    """
    if point.empty:
        return
    least, most = point["least"].iloc[0] / _MARGIN, point["most"].iloc[0] * _MARGIN
    axes.axvspan(least, most, color=_BAND, linewidth=0, zorder=0)
    axes.plot(
        point["recommended"].iloc[:1],
        [point["value"].mean()],
        marker="o",
        markersize=9,
        fillstyle="none",
        color=style.INK,
        markeredgewidth=0.8,
    )
    left, right = axes.get_xlim()
    on_the_right = least * most > left * right
    axes.annotate(
        _("recommended: {size} ({share} set {sizes})").format(**_facts(point)),
        xy=(most if on_the_right else least, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        fontsize=style.SMALL,
    )


def words(point: pd.DataFrame) -> str:
    """What is marked, "" where nothing is."""
    if point.empty:
        return ""
    alone = _("The recommended latent size, {size}, is marked; its {share} set holds no other.")
    several = _(
        "The recommended latent size, {size}, is marked; the shaded band is its {share} set, "
        "{sizes}."
    )
    other = _("What was compared for it is not this chart's loss.")
    first = point.iloc[0]
    said = (alone if first["least"] == first["most"] else several).format(**_facts(point))
    return said if first["criterion"] == "elbo" else f"{said} {other}"


def _facts(point: pd.DataFrame) -> dict[str, Any]:
    first = point.iloc[0]
    return {
        "size": first["recommended"],
        "share": sentences.share(first["confidence"]),
        "sizes": sentences.ranged(first["least"], first["most"]),
    }
