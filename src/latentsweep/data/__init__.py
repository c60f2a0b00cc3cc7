"""Data sets: known ones and a user's own array files, as one immutable value. Knows no model."""
