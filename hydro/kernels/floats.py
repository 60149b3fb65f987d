"""Constants of the kernels, and what float32 and float64 do in their own way: bit patterns and a fast cube root."""

from __future__ import annotations

import numpy as np
from numba.core import types
from numba.extending import overload

GRAVITY = 9.80665  # m s-2, CODATA standard acceleration
DRY_M = 1e-5  # a face carries no flow below this depth, m


def inverse_cube_root(x):
    """Return x^(-1/3) for x > 0: a guess from the bit pattern, then Newton steps.

    Two for float32 (relative error 1.2e-5), three for float64 (3e-10). `x ** (7 / 3)` would call a scalar `pow` per face
    and stop vectorisation.
    """
    return x ** (-1 / 3)


def bits(x):
    """Return the bit pattern of a float >= 0 as an integer: both order alike, and LLVM vectorises only integer maxima."""
    return x


@overload(inverse_cube_root, inline="always")
def _inverse_cube_root(x):
    if x == types.float32:

        def narrow(x):
            third, start = np.float32(1.0 / 3.0), np.float32(4.0 / 3.0)
            guess = np.int32(np.float32(1.4199e9) - np.float32(np.float32(x).view(np.int32)) * third)
            y = np.int32(guess).view(np.float32)
            part = x * third
            y = y * (start - part * y * (y * y))
            return y * (start - part * y * (y * y))

        return narrow

    def wide(x):
        third = np.float32(1.0 / 3.0)
        guess = np.int32(np.float32(1.4199e9) - np.float32(np.float32(x).view(np.int32)) * third)
        y = np.float64(np.int32(guess).view(np.float32))
        part = x * (1.0 / 3.0)
        y = y * (4.0 / 3.0 - part * y * (y * y))
        y = y * (4.0 / 3.0 - part * y * (y * y))
        return y * (4.0 / 3.0 - part * y * (y * y))

    return wide


@overload(bits, inline="always")
def _bits(x):
    if x == types.float32:
        return lambda x: np.float32(x).view(np.int32)
    return lambda x: np.float64(x).view(np.int64)


def float_of(pattern, like):
    """Return the float whose bit pattern is `pattern`, of the type of the array `like`."""
    return pattern


@overload(float_of, inline="always")
def _float_of(pattern, like):
    if like.dtype == types.float32:
        return lambda pattern, like: np.float64(np.int32(pattern).view(np.float32))
    return lambda pattern, like: np.int64(pattern).view(np.float64)
