"""GCJ-02 and BD-09, the shifted coordinates of Chinese web maps, to WGS 84; and the suspicion that a layer uses them.

The formulae are the public ones of the open `eviltransform` and `coordtransform` projects (MIT); the inverse is by
iteration and good to 1 cm.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

Array = NDArray[np.float64]

_A, _EE = 6378245.0, 0.006693421622965943  # Krasovsky 1940 semi-major axis (m) and first eccentricity squared

#: Bounds of the region where shifted coordinates are in use: lon, lat.
CHINA = (73.66, 3.86, 135.05, 53.55)

SHIFTED = ("GCJ-02", "BD-09")


def to_wgs84(lon: Array, lat: Array, shifted: str) -> tuple[Array, Array]:
    """Return WGS 84 longitude and latitude of GCJ-02 or BD-09 ones (degrees)."""
    if shifted == "BD-09":
        lon, lat = _bd09_to_gcj02(lon, lat)
    guess_lon, guess_lat = lon.copy(), lat.copy()
    for _ in range(6):  # the shift is smooth: each round gains about two digits
        there_lon, there_lat = _wgs84_to_gcj02(guess_lon, guess_lat)
        guess_lon, guess_lat = guess_lon + (lon - there_lon), guess_lat + (lat - there_lat)
    return guess_lon, guess_lat


def suspect(lon: Array, lat: Array, anchor: shapely.Geometry, crs: str) -> tuple[str, float, float] | None:
    """Return (system, median distance as given, median distance converted), m, if a conversion fits much better.

    `anchor` is what the points should lie near (roads, buildings) in `crs`. None when the points fit as given, lie
    outside China, or are fewer than 5.
    """
    if len(lon) < 5 or not (CHINA[0] <= np.median(lon) <= CHINA[2] and CHINA[1] <= np.median(lat) <= CHINA[3]):
        return None
    move = Transformer.from_crs("EPSG:4326", crs, always_xy=True)

    def away(x: Array, y: Array) -> float:
        return float(np.median(shapely.distance(shapely.points(*move.transform(x, y)), anchor)))

    given = away(lon, lat)
    best = min(((away(*to_wgs84(lon, lat, name)), name) for name in SHIFTED), default=(np.inf, ""))
    return (best[1], given, best[0]) if given > 30.0 and best[0] < 0.4 * given else None


def _wgs84_to_gcj02(lon: Array, lat: Array) -> tuple[Array, Array]:
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    wave = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (
        (
            wave
            + 20.0 * np.sin(np.pi * y)
            + 40.0 * np.sin(np.pi * y / 3.0)
            + 160.0 * np.sin(np.pi * y / 12.0)
            + 320.0 * np.sin(np.pi * y / 30.0)
        )
        * 2.0
        / 3.0
    )
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (
        (
            wave
            + 20.0 * np.sin(np.pi * x)
            + 40.0 * np.sin(np.pi * x / 3.0)
            + 150.0 * np.sin(np.pi * x / 12.0)
            + 300.0 * np.sin(np.pi * x / 30.0)
        )
        * 2.0
        / 3.0
    )
    phi = np.radians(lat)
    magic = 1.0 - _EE * np.sin(phi) ** 2
    dlat = north * 180.0 / (_A * (1.0 - _EE) / magic**1.5 * np.pi)
    dlon = east * 180.0 / (_A / np.sqrt(magic) * np.cos(phi) * np.pi)
    return lon + dlon, lat + dlat


def _bd09_to_gcj02(lon: Array, lat: Array) -> tuple[Array, Array]:
    k = np.pi * 3000.0 / 180.0
    x, y = lon - 0.0065, lat - 0.006
    z = np.hypot(x, y) - 2e-5 * np.sin(y * k)
    theta = np.arctan2(y, x) - 3e-6 * np.cos(x * k)
    return z * np.cos(theta), z * np.sin(theta)
