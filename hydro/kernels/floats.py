"""Constants of the kernels, and what float32 and float64 do in their own way: bit patterns and a fast cube root."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic, overload

GRAVITY = 9.80665  # m s-2, CODATA standard acceleration
DRY_M = 1e-5  # a face carries no flow below this depth, m

#: Flow without advection is held at critical flow, or at v^2 = g DROP fall where the level falls by more than depth / DROP
#: from one cell to the next: a thin sheet on a slope, which friction rules, may be faster than critical. DROP = 2 would be
#: a free fall; an explicit step bears less than 0.78 (docs/decisions/0012-films.md).
DROP = 0.75


def inverse_cube_root(x):
    """Return x^(-1/3) for x > 0 (relative error 2.5e-6 for float32, 1e-10 for float64).

    `x ** (-1 / 3)` would call a scalar `pow` per face and stop vectorisation. y = x^(-1/3) (1 + e) from the bit pattern of
    float32 gives r = 1 - x y^3, at most GUESSED in size, and x^(-1/3) = y (1 - r)^(-1/3), whose last factor is a polynomial
    fitted by Chebyshev; float64 takes one Newton step more.
    """
    return x ** (-1 / 3)


def inverse_seven_thirds(x):
    """Return x^(-7/3) for x > 0, the shape of Manning's friction (seven times the error of `inverse_cube_root`)."""
    return x ** (-7 / 3)


def inverse_fifth_root(x):
    """Return x^(-1/5) for x > 0, made as `inverse_cube_root` is (relative error 1e-6 for float32, 1e-9 for float64)."""
    return x ** (-1 / 5)


def bits(x):
    """Return the bit pattern of a float >= 0 as an integer: both order alike, and LLVM vectorises only integer maxima."""
    return x


def _fused(typingctx, a, b, c):
    """Return a b + c, rounded once.

    Of a sum of two products LLVM fuses the one or the other, and in the last faces of a row not always the one that it fuses
    in its vectors: the last digit would depend on where a row begins. Here it is said which.
    """
    return a(a, a, a), lambda context, builder, signature, values: builder.fma(*values)


fused: Any = intrinsic(_fused)


GUESSED = {3: 0.1022, 5: 0.1562}  # how far 1 - x y^p of the guess lies from nothing, over all float32


def _fitted(p):
    """Return coefficients, constant first, of (1 - r)^(-1/p) for |r| <= GUESSED."""
    fit = np.polynomial.Chebyshev.interpolate(lambda r: (1.0 - r) ** (-1.0 / p), 3, [-GUESSED[p], GUESSED[p]])
    return tuple(np.float32(c) for c in fit.convert(kind=np.polynomial.Polynomial).coef)


C0, C1, C2, C3 = _fitted(3)
F0, F1, F2, F3 = _fitted(5)


@overload(inverse_cube_root, inline="always")
def _inverse_cube_root(x):
    if x == types.float32:

        def narrow(x):
            guess = np.int32(np.float32(1.4199e9) - np.float32(np.float32(x).view(np.int32)) * np.float32(1.0 / 3.0))
            y = np.int32(guess).view(np.float32)
            r = np.float32(1.0) - x * (y * y * y)
            return y * (C0 + r * (C1 + r * (C2 + r * C3)))

        return narrow

    def wide(x):
        guess = np.int32(np.float32(1.4199e9) - np.float32(np.float32(x).view(np.int32)) * np.float32(1.0 / 3.0))
        y = np.float64(np.int32(guess).view(np.float32))
        r = 1.0 - x * (y * y * y)
        y = y * (C0 + r * (C1 + r * (C2 + r * C3)))
        return y * (4.0 / 3.0 - x * (1.0 / 3.0) * (y * y * y))

    return wide


@overload(inverse_seven_thirds, inline="always")
def _inverse_seven_thirds(x):
    def both(x):
        y = inverse_cube_root(x)
        y2 = y * y
        return y2 * y2 * y2 * y

    return both


@overload(inverse_fifth_root, inline="always")
def _inverse_fifth_root(x):
    real = np.float32 if x == types.float32 else np.float64

    def both(x):
        guess = np.int32(np.float32(1.2779e9) - np.float32(np.float32(x).view(np.int32)) * np.float32(1.0 / 5.0))
        y = real(np.int32(guess).view(np.float32))
        y2 = y * y
        r = real(1.0) - x * (y2 * y2 * y)
        y = y * (F0 + r * (F1 + r * (F2 + r * F3)))
        y2 = y * y
        return y * (real(6.0 / 5.0) - x * real(1.0 / 5.0) * (y2 * y2 * y))

    return both


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
