"""A whole district: people as a density on a grid, and the hand-over to single people where it is dense."""
