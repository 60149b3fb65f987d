"""Pieces of a cloud that have grown wider than the wind is even: each is split, so that its parts go where their own air goes.

A normal distribution of variance s^2 is one of variance s^2 / 2 about three places, the middle and sqrt(3 / 2) s to either side, of
which the middle has two thirds (the Gauss-Hermite rule of three points): mass, centre and moments to the fifth stay. A line of gas is
split so across its length; a round puff into five, its middle with a third and four about it. Near its middle the gas is up to 5 %
denser then (a puff 4 % thinner).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evacuation.release.kernels import growth
from evacuation.release.weather import CALM_M_S, Air

Array = NDArray[np.float64]

#: A piece is split where the wind at one of its parts' places differs from that at its middle by this share of it.
DIFFERS = 0.03
#: A lighter share of its member's cloud is not split: so the number of pieces stays within some hundreds.
LEAST_SHARE = 0.005
#: Neighbours on a line are joined until they are about as long as wide; a shorter line waits, in standard deviations.
LEAST_LENGTH = 0.5
#: Variance that the parts keep, and how far from the middle they lie, in standard deviations of the whole.
KEPT, OFF = 0.5, np.sqrt(1.5)
#: Share of each part beside the middle.
BESIDE = 1.0 / 6.0


def too_wide(
    ends: Array, mass: Array, round_: NDArray[np.bool_], member: NDArray[np.int64], air: Air
) -> NDArray[np.bool_]:
    """Return which pieces (of `kernels.growth`) lie in winds that differ across them.

    Wider than half a square of the wind, and spread by turbulence more than by their own weight: what holds a dense cloud together
    is not split.
    """
    if air.blown is None or not len(mass):
        return np.zeros(len(mass), dtype=bool)
    box, turb = ends[growth.BOX, 1], ends[growth.TURB, 1]
    sigma, (dx, dy) = np.hypot(box, turb), ends[[growth.X, growth.Y], 1] - ends[[growth.X, growth.Y], 0]
    wide: NDArray[np.bool_] = (
        (sigma > 0.5 * air.tile_m) & (turb >= box) & (round_ | (np.hypot(dx, dy) > LEAST_LENGTH * sigma))
    )
    wide &= mass >= LEAST_SHARE * np.bincount(member, mass)[member]
    if wide.any():
        _, places = _parts(ends[:, :, wide], round_[wide])
        rows = np.clip(((air.north - places[1]) / air.tile_m).astype(int), 0, air.z0.shape[0] - 1)
        cols = np.clip(((places[0] - air.west) / air.tile_m).astype(int), 0, air.z0.shape[1] - 1)
        winds = air.blown[rows, cols]  # (part, piece, 2)
        apart = np.hypot(*np.moveaxis(winds - winds[0], -1, 0)).max(axis=0)
        wide[wide] = apart > DIFFERS * np.maximum(np.hypot(winds[0, :, 0], winds[0, :, 1]), CALM_M_S)
    return wide


def split(ends: Array, mass: Array, round_: NDArray[np.bool_]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return the ends and masses of the parts of pieces, one piece's after the other's, and whose parts they are."""
    shares, _ = _parts(ends, round_)
    part, whole = np.nonzero(shares.T > 0.0)[::-1]
    found = np.ascontiguousarray(ends[:, :, whole])
    for end in (0, 1):
        _, places = _parts(ends, round_, end)
        found[growth.X, end], found[growth.Y, end] = places[:, part, whole]
    found[[growth.BOX, growth.TURB]] *= np.sqrt(KEPT)
    found[growth.SOURCE] *= shares[part, whole]
    return found, mass[whole] * shares[part, whole], whole


def _parts(ends: Array, round_: NDArray[np.bool_], end: int = 1) -> tuple[Array, Array]:
    """Return the shares (5, piece) and places (2, 5, piece) of the parts about an end; a line has no share in the last two."""
    x, y = ends[growth.X], ends[growth.Y]
    along = np.stack([x[1] - x[0], y[1] - y[0]])
    length = np.hypot(*along)
    along = np.where(length > 0.0, along / np.where(length > 0.0, length, 1.0), np.array([[1.0], [0.0]]))
    across = np.stack([-along[1], along[0]])
    off = OFF * np.hypot(ends[growth.BOX, end], ends[growth.TURB, end])
    ahead = np.where(round_, off, 0.0)
    steps = np.stack([0.0 * across, off * across, -off * across, ahead * along, -ahead * along], axis=1)
    beside = np.where(round_, BESIDE, 0.0)
    sides = np.full(len(off), BESIDE)
    shares = np.stack([1.0 - 2.0 * (sides + beside), sides, sides, beside, beside])
    return shares, np.stack([x[end], y[end]])[:, None] + steps
