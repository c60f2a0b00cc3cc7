"""The explorer: one offline page in which a run's networks can be played with."""

from latentsweep.show.explorer.page import write_explorer

__all__ = ["write_explorer"]
