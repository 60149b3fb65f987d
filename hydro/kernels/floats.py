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


def inverse_seven_thirds(x):
    """Return x^(-7/3) for x > 0, the shape of Manning's friction (relative error 1e-5 for float32, 2e-9 for float64).

    float32: y = x^(-1/3) (1 + e) from the bit pattern gives r = 1 - x y^3, at most GUESSED in size, and x^(-7/3) =
    y^7 (1 - r)^(-7/3), whose last factor is a polynomial fitted by Chebyshev: two products fewer than Newton steps.
    """
    return x ** (-7 / 3)


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


GUESSED = 0.1022  # how far 1 - x y^3 of the guess lies from nothing, over all float32


def _fitted(degree):
    """Return coefficients, constant first, of (1 - r)^(-7/3) for |r| <= GUESSED."""
    fit = np.polynomial.Chebyshev.interpolate(lambda r: (1.0 - r) ** (-7.0 / 3.0), degree, [-GUESSED, GUESSED])
    return tuple(np.float32(c) for c in fit.convert(kind=np.polynomial.Polynomial).coef)


C0, C1, C2, C3, C4 = _fitted(4)


@overload(inverse_seven_thirds, inline="always")
def _inverse_seven_thirds(x):
    if x == types.float32:

        def narrow(x):
            guess = np.int32(np.float32(1.4199e9) - np.float32(np.float32(x).view(np.int32)) * np.float32(1.0 / 3.0))
            y = np.int32(guess).view(np.float32)
            y2 = y * y
            y3 = y2 * y
            r = np.float32(1.0) - x * y3
            return (y2 * y2) * y3 * (C0 + r * (C1 + r * (C2 + r * (C3 + r * C4))))

        return narrow

    def wide(x):
        y = inverse_cube_root(x)
        y2 = y * y
        return y2 * y2 * y2 * y

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
