"""The lines of several latent sizes in one plot: their colours and their legend."""

from collections.abc import Mapping, Sequence

from bokeh.models import GlyphRenderer
from bokeh.plotting import figure
from matplotlib.colors import to_hex

from latentsweep.language import _
from latentsweep.show import style
from latentsweep.show.report.live import plots as made

COLUMNS = 5  # of the legend, which fits a phone


def colours(sizes: Sequence[int]) -> dict[int, str]:
    """The colour of each latent size, the smallest the lightest."""
    last = max(len(sizes) - 1, 1)
    return {size: to_hex(style.size_colour(place / last)) for place, size in enumerate(sizes)}


def legend(plot: figure, marks: Mapping[int, Sequence[GlyphRenderer]]) -> None:
    """A legend with an entry a latent size."""
    entries = {str(size): drawn for size, drawn in marks.items()}
    made.legend(plot, entries, title=_("latent size"), columns=COLUMNS)
