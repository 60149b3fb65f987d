"""Pictures and shapes that the browser fetches once by their address, so that a redraw of the map does not send them again."""

from __future__ import annotations

import base64
import json
from typing import Any

from streamlit import runtime


def picture(data: bytes, kind: str, place: str) -> str:
    """Return the address of a picture, which stays until another is given for the same `place` of the page."""
    return _address(data, f"image/{kind}", place)


def collection(found: dict[str, Any] | list[dict[str, Any]], place: str) -> str:
    """Return the address of a GeoJSON collection, or of a list of rows; see `picture`."""
    return _address(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode(), "application/json", place)


def _address(data: bytes, mime: str, place: str) -> str:
    """Return where the server of the page gives data out; without a server, the data themselves as an address."""
    if not runtime.exists():
        return f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return runtime.get_instance().media_file_mgr.add(data, mime, f"anlan-{place}")
