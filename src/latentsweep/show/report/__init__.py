"""The report of a run: one HTML file that needs no network, no script and no other file."""

from latentsweep.show.report.page import write_report

__all__ = ["write_report"]
