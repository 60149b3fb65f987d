"""Pictures for the desk: the city as one image, a field on cells as another, both laid over each other or on the map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from twin.bridge.maps import draw_city
from twin.bridge.shapes import FIELD_LINE, UNKNOWN, Bounds, draw_shapes, extent, shapes
from twin.city import City
from twin.grid import on_cells
from twin.sheet import MapLayer

#: Colours of a difference, weakest first, and the one that is not drawn.
LESS, MORE, CLEAR = ("#a8d5b5", "#4fa36f", "#14663a"), ("#e6c29a", "#c9803e", "#8a4310"), "#ffffff"

#: Lower bounds and their colours.
Colours = Sequence[tuple[float, str]]


def base_picture(city: City, window: Bounds, pixels: int = 1100) -> bytes:
    """Return what a window (west, south, east, north) shows of the city, without frame or labels, as a JPEG."""
    figure, axes = _figure(window, pixels)
    draw_city(axes, city, window, furniture=False)
    axes.set_axis_off()
    out = BytesIO()
    figure.savefig(out, format="jpeg", pil_kwargs={"quality": 82})
    return out.getvalue()


def over_city(
    base: bytes, city: City, window: Bounds, field: xr.DataArray, colours: Colours, own: gpd.GeoDataFrame | None
) -> bytes:
    """Return a field in its colours over the picture of the city in the same window, as a JPEG."""
    picture = Image.open(BytesIO(base)).convert("RGBA")
    figure, axes = _figure(window, max(picture.size))
    if on_cells(field):
        west, south, east, north = extent(field)
        axes.imshow(coloured(field.values, colours), extent=(west, east, south, north), interpolation="nearest")
    else:
        draw_shapes(axes, shapes(city, field, own), list(coloured(field.values, colours) / 255.0), width=FIELD_LINE)
    axes.set(xlim=(window[0], window[2]), ylim=(window[1], window[3]), aspect="auto")
    axes.set_axis_off()
    drawn, out = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", transparent=True)
    sheet = Image.open(drawn).convert("RGBA").resize(picture.size)
    Image.alpha_composite(picture, sheet).convert("RGB").save(out, format="jpeg", quality=84)
    return out.getvalue()


def field_image(field: xr.DataArray, layer: MapLayer) -> bytes:
    """Return a field (y, x) in the colours of its layer, clear below the lowest bound, as a PNG with a palette."""
    palette, step = _steps(field.values, layer.colormap)
    image, out = Image.fromarray(step.astype(np.uint8), "P"), BytesIO()
    image.putpalette(palette.tobytes(), "RGBA")
    image.save(out, format="png", optimize=True)
    return out.getvalue()


def change_colormap(layer: MapLayer) -> list[tuple[float, str]]:
    """Return lower bounds and colours of a difference: more than before in browns, less in greens, clear about nothing."""
    down = [(-np.inf, LESS[2]), (-layer.steps[2], LESS[1]), (-layer.steps[1], LESS[0]), (-layer.steps[0], CLEAR)]
    return down + list(zip(layer.steps, MORE, strict=True))


def change_steps(layer: MapLayer) -> list[tuple[str, str]]:
    """Return the colours of a difference with what they stand for, least first."""
    less = [(colour, f"≤ −{bound:g}") for bound, colour in zip(layer.steps, LESS, strict=True)]
    return less[::-1] + [(colour, f"≥ +{bound:g}") for bound, colour in zip(layer.steps, MORE, strict=True)]


def swatches(steps: Iterable[tuple[str, str]]) -> str:
    """Return patches of colour, each with what it stands for."""
    return " ".join(
        f"<span style='white-space:nowrap'><span style='background:{colour};padding:2px 12px;margin:0 4px 0 10px'></span>"
        f"{name}</span>"
        for colour, name in steps
    )


def coloured(values: NDArray[np.floating], colours: Colours) -> NDArray[np.uint8]:
    """Return red, green, blue and alpha (0..255, on a last axis) of values; grey where nothing is known.

    Below the lowest bound it is clear, in the hue of the lowest colour: a map that blends cells then shows no rim.
    """
    palette, step = _steps(values, colours)
    return palette[step]


def _steps(values: NDArray[np.floating], colours: Colours) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    """Return a palette (colours, 4) of red, green, blue and alpha, and the place of each value in it."""
    steps = [(colours[0][1], 0.0), *((colour, 0.0 if colour == CLEAR else 0.82) for _, colour in colours)]
    palette = np.round([255 * np.array(mpl.colors.to_rgba(c, a)) for c, a in [*steps, (UNKNOWN, 0.4)]])
    step = np.where(np.isnan(values), len(steps), np.digitize(values, [bound for bound, _ in colours]))
    return palette.astype(np.uint8), step


def corners(city: City, bounds: Bounds) -> list[list[float]]:
    """Return the four corners (south-west, north-west, north-east, south-east) of bounds as [lon, lat] for an image."""
    west, south, east, north = bounds
    lon, lat = city.grid.lonlat([west, west, east, east], [south, north, north, south])
    return [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]


def _figure(window: Bounds, pixels: int) -> tuple[Figure, mpl.axes.Axes]:
    """Return a figure of a window whose longer side has so many pixels, and axes that fill it."""
    wide, high = window[2] - window[0], window[3] - window[1]
    scale = pixels / 100 / max(wide, high)
    figure = Figure(figsize=(wide * scale, high * scale), dpi=100)
    return figure, figure.add_axes((0, 0, 1, 1))
