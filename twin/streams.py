"""Randomness by name: the same name and seed give the same draws, whatever else is drawn."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str, member: int = 0) -> np.random.Generator:
    """Return the generator for one named purpose of one ensemble member."""
    return np.random.default_rng([seed, zlib.crc32(name.encode("utf-8")), member])
