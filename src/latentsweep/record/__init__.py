"""The run folder: tables, arrays, atomic files and the lock. Knows no model and no picture."""
