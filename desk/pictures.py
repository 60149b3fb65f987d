"""Pictures for the map of the desk: the city as one image, a field at one time as another, both as data URLs."""

from __future__ import annotations

import base64
from io import BytesIO

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

from twin.bridge.maps import draw_city
from twin.city import City
from twin.sheet import Sheet


def base_image(city: City, pixels: int = 1100) -> str:
    """Return the city without frame or labels."""
    west, south, east, north = city.grid.bounds
    wide = pixels / 100 * min(1.0, (east - west) / (north - south))
    figure = Figure(figsize=(wide, wide * (north - south) / (east - west)), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_city(axes, city, furniture=False)
    axes.set_axis_off()
    out = BytesIO()
    figure.savefig(out, format="jpeg", pil_kwargs={"quality": 82})
    return _url(out.getvalue(), "jpeg")


def field_image(field: xr.DataArray, sheet: Sheet) -> str:
    """Return a field (y, x) in the colours of its sheet, clear below the lowest class."""
    stops = sheet.style["colormap"]
    palette = np.array(
        [(0, 0, 0, 0)] + [tuple(round(255 * c) for c in mpl.colors.to_rgba(colour, 0.82)) for _, colour in stops],
        dtype=np.uint8,
    )
    classes = np.digitize(field.values, [bound for bound, _ in stops])
    out = BytesIO()
    Image.fromarray(palette[classes], "RGBA").save(out, format="png", optimize=True)
    return _url(out.getvalue(), "png")


def corners(city: City, field: xr.DataArray | None = None) -> list[list[float]]:
    """Return the four corners (south-west, north-west, north-east, south-east) as [lon, lat] for an image of the city or field."""
    west, south, east, north = city.grid.bounds
    if field is not None:
        half = abs(float(field["x"][1] - field["x"][0])) / 2
        west, east = float(field["x"][0]) - half, float(field["x"][-1]) + half
        south, north = float(field["y"][-1]) - half, float(field["y"][0]) + half
    x, y = [west, west, east, east], [south, north, north, south]
    lon, lat = city.grid.lonlat(x, y)
    return [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]


def _url(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
