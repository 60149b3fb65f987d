"""Kernels of movement: arrays only."""
