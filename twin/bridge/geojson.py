"""Places with their colours and tasks with their places as GeoJSON (RFC 7946: WGS 84, longitude first)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import shapely

from twin import phrases
from twin.bridge.dossier import Dossier


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `levels.geojson` and `tasks.geojson`."""
    places = dossier.places().to_crs("EPSG:4326")
    rules = {s.sheet.id: s.sheet.rules for s in dossier.sections}
    levels = [
        {
            "id": a.place,
            "kind": a.place_kind,
            "name_zh": a.place_name["zh"],
            "name_en": a.place_name["en"],
            "hazard": a.hazard,
            "level": a.level,
            "onset": a.onset.isoformat(),
            "expires": a.expires.isoformat(),
            "rule": a.rule,
            "threshold": a.threshold,
            "peak": a.peak,
            "unit": rules[a.hazard][a.place_kind].unit,
            "probability": a.probability,
        }
        for a in dossier.plan.alerts
    ]
    tasks = [
        {
            "id": t.id,
            "code": t.code,
            "place": t.place,
            "also": list(t.also),
            "level": t.level,
            "unit": t.unit,
            "crew": t.crew,
            "no_crew": t.no_crew,
            "late_min": t.late_min,
            "deadline": t.deadline.isoformat(),
            "short_min": t.short_min,
            "start": t.start.isoformat(),
            "end": t.end.isoformat(),
            "open_end": bool(t.evidence.get("open_end")),
            "hazard": t.hazard,
            "probability": t.probability,
            "text_zh": phrases.task(t, "zh"),
            "text_en": phrases.task(t, "en"),
        }
        for t in dossier.plan.tasks
    ]
    return [
        _write(folder / "levels.geojson", [places.geometry[a.place] for a in dossier.plan.alerts], levels),
        _write(folder / "tasks.geojson", [dossier.shape(t, places) for t in dossier.plan.tasks], tasks),
    ]


def _write(path: Path, shapes: Sequence[shapely.Geometry], rows: Sequence[Mapping[str, object]]) -> Path:
    features = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(_six(shape)),
            "properties": row,
        }
        for shape, row in zip(shapes, rows, strict=True)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8")
    return path


def _six(geometry: shapely.Geometry) -> shapely.Geometry:
    """Round to six decimals, about 0.1 m; a degenerate result keeps the exact shape."""
    rounded = shapely.set_precision(geometry, 1e-6)
    return geometry if rounded.is_empty else rounded
