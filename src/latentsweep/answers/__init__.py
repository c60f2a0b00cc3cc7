"""The answers: each claim judged, a latent size recommended, from tables and arrays alone."""
