"""The identity of a question: the same question to the same program has the same run id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scenarios.case.case import Case
from scenarios.case.hazards import HAZARDS, sheet
from scenarios.case.schema import build_hazards
from twin.sheet import kind_of

#: Keys of a scenario that change nothing computed (`mode` changes the plan: a drill must never answer for a plan).
NAMES = ("name", "schema", "about_minutes", "continues")


def inputs(case: Case) -> dict[str, str]:
    """Return the content hash of every input of a case; a file is known by the place where the scenario names it."""
    found = {"city": case.city.content_hash}
    for field, path in case.files.items():
        with path.open("rb") as file:
            found[field] = hashlib.file_digest(file, "sha256").hexdigest()
    if case.earlier is not None:
        found["continues"] = case.earlier.content_hash
    return found


#: What computes besides the hazards: the nouns, forcing and what varies, the order of events.
COMMON = ("twin", "scenarios.case", "scenarios.runner")


def versions(hazards: Iterable[str]) -> dict[str, str]:
    """Return the versions that a result of these hazards depends on, those of the engines that they call among them."""
    kinds = sorted(set(map(kind_of, hazards)))
    engines = [engine for kind in kinds for engine in sheet(kind).engines]
    return {name: version(name) for name in ("anlan", "numpy", "numba", "scipy", "xarray", *engines)} | {
        "models": model_fingerprint((*COMMON, *sorted({HAZARDS[kind] for kind in kinds})))
    }


@cache
def model_fingerprint(packages: tuple[str, ...]) -> str:
    """Return a hash of the installed sources of the models."""
    digest = hashlib.sha256()
    for package in packages:
        spec = find_spec(package)
        for root in (spec.submodule_search_locations or []) if spec else []:
            for path in sorted(p for p in Path(root).rglob("*") if p.suffix in (".py", ".yaml", ".csv")):
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def run_id(case: Case) -> str:
    """Return the hash of the canonical scenario without names, every input's content, the seed and the versions."""
    scenario = case.scenario.model_dump(mode="json", by_alias=True)
    question: dict[str, Any] = {
        "scenario": {k: v for k, v in scenario.items() if k not in (*NAMES, "city", "hazards")},
        "hazards": [[name, repr(model)] for name, model in build_hazards(case.scenario, case.where).items()],
        "start": case.scenario.start.timestamp(),
        "inputs": inputs(case),
        "versions": versions(case.models),
    }
    question["scenario"].pop("start")
    return hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()[:16]
