"""The house rules that a linter does not know."""

from __future__ import annotations

import ast
import json
import re
import string
import subprocess
from pathlib import Path

import jsonschema
import pytest
from pydantic import TypeAdapter

from scenarios.case import hazards
from scenarios.case.schema import json_schema
from twin import words
from twin.plan import MODES, Plan

ROOT = Path(__file__).parents[2]
ROOMS = ("twin", "scenarios", "hydro", "evacuation", "desk")
SOURCES = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")]


def test_both_languages_have_the_same_words_and_the_same_places_for_values() -> None:
    for name in hazards.HAZARDS:
        hazards.sheet(name)
    assert words.keys("zh") == words.keys("en")
    for key in words.keys("zh"):
        fields = [
            {f for _, f, _, _ in string.Formatter().parse(words.template(key, lang)) if f} for lang in words.LANGS
        ]
        assert fields[0] == fields[1], key


def test_every_error_raised_has_its_sentence() -> None:
    pattern = re.compile(r'(?:Source|Scenario|Record|Contract|Numerics|Twin)Error\(\s*"([a-z0-9_]+)"')
    codes = {code for path in SOURCES for code in pattern.findall(path.read_text("utf-8"))}
    assert len(codes) > 50
    assert {f"error.{code}" for code in codes} <= words.keys("en")


#: Families whose keys are put together from data: `level.<colour>`, `note.<code>` and the like.
BUILT = (
    "compass",
    "error",
    "level",
    "place",
    "unit",
    "ledger",
    "task",
    "note",
    "note.formula_unconfirmed",
    "hazard",
    "finding",
    "assumed",
    "doctor.cost",
    "conflict.says",
    "front.basis",
    "front.level",
    "front.people",
    "report.ledger",
    "report.no_crew",
    "report.people_are",
    "report.stamp",
    "schema",
    "setting",
    "setting.forcing",
    "setting.forcing.rain",
    "setting.forcing.wind",
    "setting.label.forcing",
    "wanted",
    "compare",
    "compare.unlike",
    "drive",
    "drive.unit",
    "drive.where",
    "need",
)


def test_every_word_is_used() -> None:
    text = "".join(
        p.read_text("utf-8") for room in ROOMS for p in (ROOT / room).rglob("*") if p.suffix in (".py", ".j2")
    )
    keys = json.loads((ROOT / "twin" / "words" / "en.json").read_text("utf-8"))
    assert not [
        key for key in keys if key.rpartition(".")[0] not in BUILT and f'"{key}"' not in text and f"'{key}'" not in text
    ]


def test_no_assert_and_no_print_outside_the_command_line() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            assert not isinstance(node, ast.Assert), path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                assert path.name == "cli.py", path


def test_files_stay_readable() -> None:
    long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := len(p.read_text("utf-8").splitlines())) > 420}
    assert not long


def test_there_is_no_way_to_write_actual() -> None:
    plan = Plan.message_status.fget
    assert plan is not None
    for path in SOURCES:
        assert '"Actual"' not in path.read_text("utf-8"), path
    assert set(MODES) == {"planning", "forecast", "drill"}


def test_published_schemas_are_the_generated_ones() -> None:
    published = json.loads((ROOT / "docs" / "scenario.schema.json").read_text("utf-8"))
    assert published == json.loads(json.dumps(json_schema()))
    plan = json.loads((ROOT / "twin" / "bridge" / "plan.schema.json").read_text("utf-8"))
    plan.pop("$schema")
    assert plan == json.loads(json.dumps(TypeAdapter(Plan).json_schema(mode="serialization")))


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios" / "library").glob("*.yaml")), ids=lambda p: p.stem)
def test_library_scenarios_obey_the_published_schema(path: Path) -> None:
    import yaml

    raw = yaml.safe_load(path.read_text("utf-8"))
    raw["start"] = raw["start"].isoformat() if not isinstance(raw["start"], str) else raw["start"]
    jsonschema.validate(raw, json.loads((ROOT / "docs" / "scenario.schema.json").read_text("utf-8")))


def test_the_readme_names_exactly_two_commands_first() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    block = text.split("```")[1]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == ["make demo", "make test"]


def test_nothing_tracked_is_large_or_names_a_download_address() -> None:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    files = [ROOT / f for f in listed.split("\0") if f and (ROOT / f).exists()]
    assert sum(p.stat().st_size for p in files if "data/linjiang" in str(p)) < 15e6
    assert "http" not in (ROOT / "constraints.txt").read_text("utf-8")
