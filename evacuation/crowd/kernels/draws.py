"""Numbers drawn by counting: the same person always draws the same."""

from __future__ import annotations

import numpy as np

from twin.jit import kernel


@kernel
def uniform(out, key, number, purpose):
    """Write one number in (0, 1) for each person: splitmix64 of key, number and purpose (uint64; numbers as they are kept)."""
    for i in range(number.size):
        z = np.uint64(number[i]) * np.uint64(8) + purpose + key
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        out[i] = (np.float64(z >> np.uint64(11)) + 0.5) / 2.0**53
