"""Figures and the report, from a run folder alone: no JAX, no model."""
