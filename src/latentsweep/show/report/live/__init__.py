"""The plots of the report that answer to the pointer, as one Bokeh document for its page."""

from latentsweep.show.report.live.document import Live, Place, live

__all__ = ["Live", "Place", "live"]
