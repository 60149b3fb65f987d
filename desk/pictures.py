"""Pictures for the map of the desk: the city as one image, a field at one time as another, both as data URLs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

from twin.bridge.maps import draw_city
from twin.city import City
from twin.sheet import MapLayer

#: Colours of a difference, weakest first, and the one that is not drawn.
LESS, MORE, CLEAR = ("#a8d5b5", "#4fa36f", "#14663a"), ("#e6c29a", "#c9803e", "#8a4310"), "#ffffff"


def base_image(city: City) -> str:
    """Return the city without frame or labels, as a data URL."""
    return _url(base_picture(city), "jpeg")


def base_picture(city: City, pixels: int = 1100) -> bytes:
    """Return the city without frame or labels, as a JPEG."""
    west, south, east, north = city.grid.bounds
    wide = pixels / 100 * min(1.0, (east - west) / (north - south))
    figure = Figure(figsize=(wide, wide * (north - south) / (east - west)), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_city(axes, city, furniture=False)
    axes.set_axis_off()
    out = BytesIO()
    figure.savefig(out, format="jpeg", pil_kwargs={"quality": 82})
    return out.getvalue()


def field_image(field: xr.DataArray, layer: MapLayer) -> str:
    """Return a field (y, x) in the colours of its layer, clear below the lowest bound, as a data URL."""
    out = BytesIO()
    _coloured(field, layer.colormap).save(out, format="png", optimize=True)
    return _url(out.getvalue(), "png")


def over_city(base: bytes, city: City, field: xr.DataArray, colormap: Sequence[tuple[float, str]]) -> bytes:
    """Return a field in its colours over the picture of the city, as a JPEG."""
    picture = Image.open(BytesIO(base)).convert("RGBA")
    west, south, east, north = city.grid.bounds
    cell = abs(float(field["x"][1] - field["x"][0]))
    per_x, per_y = picture.width / (east - west), picture.height / (north - south)
    left, top = float(field["x"][0]) - cell / 2 - west, north - float(field["y"][0]) - cell / 2
    size = round(field.sizes["x"] * cell * per_x), round(field.sizes["y"] * cell * per_y)
    sheet = Image.new("RGBA", picture.size)
    sheet.paste(
        _coloured(field, colormap).resize(size, Image.Resampling.NEAREST), (round(left * per_x), round(top * per_y))
    )
    out = BytesIO()
    Image.alpha_composite(picture, sheet).convert("RGB").save(out, format="jpeg", quality=84)
    return out.getvalue()


def change_colormap(layer: MapLayer) -> list[tuple[float, str]]:
    """Return lower bounds and colours of a difference: more than before in browns, less in greens, clear about nothing."""
    down = [(-np.inf, LESS[2]), (-layer.steps[2], LESS[1]), (-layer.steps[1], LESS[0]), (-layer.steps[0], CLEAR)]
    return down + list(zip(layer.steps, MORE, strict=True))


def change_steps(layer: MapLayer) -> list[tuple[str, str]]:
    """Return the colours of a difference with what they stand for, least first."""
    less = [(colour, f"≤ −{bound:g}") for bound, colour in zip(layer.steps, LESS, strict=True)]
    return less[::-1] + [(colour, f"≥ +{bound:g}") for bound, colour in zip(layer.steps, MORE, strict=True)]


def _coloured(field: xr.DataArray, colormap: Sequence[tuple[float, str]]) -> Image.Image:
    """Return a field (y, x) in colours, clear below the lowest bound (in its hue: a map that blends cells shows no rim)."""
    colours = [(colormap[0][1], 0.0), *((colour, 0.0 if colour == CLEAR else 0.82) for _, colour in colormap)]
    palette = np.round(255 * np.array([mpl.colors.to_rgba(colour, alpha) for colour, alpha in colours])).astype(
        np.uint8
    )
    return Image.fromarray(palette[np.digitize(field.values, [bound for bound, _ in colormap])], "RGBA")


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
