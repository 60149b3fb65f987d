"""Chinese text on a machine without Chinese fonts: Noto Sans CJK (SIL Open Font License), carried by `mplfonts`."""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib import font_manager


def font_path() -> Path:
    """Return the font file."""
    return Path(str(files("mplfonts").joinpath("fonts/NotoSansCJKsc-Regular.otf")))


@cache
def family() -> str:
    """Register the font with matplotlib and return its family name."""
    font_manager.fontManager.addfont(str(font_path()))
    return str(font_manager.FontProperties(fname=str(font_path())).get_name())


def embedded(text: str) -> str:
    """Return the font cut down to the characters of `text` as a base64 WOFF, for a page that asks nobody for fonts."""
    options = subset.Options(
        flavor="woff",
        layout_features=["kern"],
        hinting=False,
        desubroutinize=True,
        name_IDs=[],
        notdef_outline=True,
    )
    font = TTFont(
        font_path(), lazy=True, recalcBBoxes=False
    )  # a page lays lines out by ascent and descent, not by the box
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes={*map(ord, set(text)), *range(32, 127)})
    cutter.subset(font)
    out = BytesIO()
    font.flavor = "woff"
    font.save(out)
    return base64.b64encode(out.getvalue()).decode()
