"""The plan as JSON, and back; its schema is `plan.schema.json` beside this file."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from twin.bridge.dossier import Dossier
from twin.errors import ScenarioError
from twin.plan import Alert, Conflict, Event, Plan, Task

_TIMES = ("start", "end", "deadline", "known", "arrives", "onset", "expires", "made", "valid_until")


def to_dict(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON values: times as ISO 8601 with offset."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(plan), ensure_ascii=False, default=_iso))
    return plain


def from_dict(raw: dict[str, Any]) -> Plan:
    """Return the plan that `to_dict` wrote; raise ScenarioError for one of an earlier version, which says less."""
    if not {"event", "conflicts", "revision"} <= set(raw):
        raise ScenarioError("plan_older", plan=raw["id"])
    tasks = tuple(Task(**_timed(t) | {"also": tuple(t.get("also", ()))}) for t in raw["tasks"])
    alerts = tuple(Alert(**_timed(a)) for a in raw["alerts"])
    notes = tuple((code, values) for code, values in raw["notes"])
    return Plan(
        **{
            **_timed(raw),
            "tasks": tasks,
            "alerts": alerts,
            "conflicts": tuple(_conflict(c) for c in raw["conflicts"]),
            "event": Event(**{**raw["event"], "blocks": tuple(raw["event"]["blocks"])}),
            "notes": notes,
            "unconfirmed": tuple(raw["unconfirmed"]),
        }
    )


def _conflict(raw: dict[str, Any]) -> Conflict:
    return Conflict(**{**_timed(raw), "tasks": tuple(raw["tasks"]), "hazards": tuple(raw["hazards"])})


def write(dossier: Dossier, folder: Path) -> list[Path]:
    """Write `plan.json`."""
    path = folder / "plan.json"
    path.write_text(json.dumps(to_dict(dossier.plan), ensure_ascii=False, indent=1), "utf-8")
    return [path]


def _timed(raw: dict[str, Any]) -> dict[str, Any]:
    return {k: datetime.fromisoformat(v) if k in _TIMES and v is not None else v for k, v in raw.items()}


def _iso(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
