"""Kernels of the release: arrays only."""
