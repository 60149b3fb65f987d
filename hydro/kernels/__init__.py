"""Kernels of the flood: arrays in, arrays out; no labels, no files, no allocation inside loops."""
