"""The stages of a run, and what Python users hold: a Run and its Models."""
