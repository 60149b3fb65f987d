"""The files that a case reads beside its city: each is part of the question that a run answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scenarios.case.home import there
from twin.errors import SourceError
from twin.hazard import Hazard


def named(value: Any, where: str) -> dict[str, Path]:
    """Return every path in a part of a scenario or in a model's parameters, by the place where it is named.

    The place is written with dots, as in `forcing.rain.gauge`.
    """
    if isinstance(value, Path):
        return {where: value}
    if isinstance(value, BaseModel):
        inside = {name: getattr(value, name) for name in type(value).model_fields}
    elif dataclasses.is_dataclass(value):
        inside = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, Mapping):
        inside = {str(key): item for key, item in value.items()}
    elif isinstance(value, (list, tuple)):
        inside = {str(k): item for k, item in enumerate(value)}
    else:
        return {}
    return {key: path for name, item in inside.items() for key, path in named(item, f"{where}.{name}").items()}


def check(files: Mapping[str, Path], where: str) -> None:
    """Raise SourceError that names the first file which is not there, and where it is named."""
    for field, path in files.items():
        if not (there(path) and path.is_file()):
            raise SourceError("file_missing", where=where, field=field, found=str(path))


def at_home(model: Hazard, base: Path) -> Hazard:
    """Return a model whose parameters that are paths stand in the scenario's folder `base`."""
    parameters: Any = model
    paths = {
        field.name: base / path
        for field in dataclasses.fields(parameters)
        if isinstance(path := getattr(parameters, field.name), Path)
    }
    changed: Hazard = dataclasses.replace(parameters, **paths)
    return changed
