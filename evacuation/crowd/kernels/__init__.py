"""Kernels of the crowd: arrays in, arrays out; lengths in m, times in s, x to the right and w down from the corner of the venue."""
