"""Common code knows no hazard and no kind of place: what it must know of them stands in sheets, words and rooms."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from scenarios.case import hazards

ROOT = Path(__file__).parents[2]
TOYS = ROOT / "tests" / "contract"

#: Where common code is looked for, and what there is none, each with the reason.
COMMON = ("twin", "scenarios", "desk", "app.py")
NOT_COMMON = {
    "twin/words": "words",
    "twin/readers": "doors for city data, which name what a city has",
    "twin/city.py": "the tables and kinds of a city",
    "twin/landcover.py": "the ground of a city",
    "twin/inp.py": "the drains of a city as text",
    "scenarios/library": "scenarios name the hazards they run",
    "scenarios/chain": "verification cases of the links between hazards, which they must name",
    "scenarios/case/build.py": "makes a city",
    "scenarios/case/build_file.py": "makes a city",
    "scenarios/case/forcings/rain.py": "rain, whose design storms are a room's",
}

#: Lines that may say a word all the same: the file, the word, the reason.
ALLOWED = {
    ("scenarios/case/hazards.py", "flood"): "the registry line",
    ("scenarios/case/hazards.py", "hydro"): "the registry line",
    ("scenarios/case/hazards.py", "movement"): "the registry line",
    ("scenarios/case/hazards.py", "evacuation"): "the registry line",
    ("twin/exposure/people.py", "people_on_edge"): "the tag by which a model says that it moves people",
    ("scenarios/case/hazards.py", "crowd"): "the registry line",
    ("scenarios/case/hazards.py", "release"): "the registry line",
    ("twin/bridge/cap.py", "shelter"): "a response of CAP 1.2",
    ("twin/variables.py", "water"): "the CF name of a river's stage, which is forcing",
}

#: Rooms that are not made yet, and what is talked of in them.
ROOMS = {"hydro", "evacuation", "release", "movement", "crowd"}
WATER = {"water", "flooded", "flooding", "swmm", "manhole", "manholes", "inlet", "inlets", "sewer", "submerged"}
WATER_ZH = ("积水", "水深", "退水", "水量", "内涝", "洪水", "淹", "管网", "检查井", "雨水口")

#: Kinds of place that a sheet grades but common code may name: what a network of streets is made of.
STREETS = {"road", "street"}


def common_files() -> list[Path]:
    """Return the files of the common code: Python, templates, styles and plain data."""
    found = [p for name in COMMON for p in ([ROOT / name] if (ROOT / name).is_file() else (ROOT / name).rglob("*"))]
    kept = [p for p in found if p.suffix in (".py", ".j2", ".css", ".yaml") and not _not_common(p)]
    return sorted(kept)


def _not_common(path: Path) -> bool:
    place = path.relative_to(ROOT).as_posix()
    return any(place == part or place.startswith(f"{part}/") for part in NOT_COMMON)


def sheets() -> dict[str, dict]:
    """Return the sheets of the hazards that there are, and of the toys, as they are written."""
    packages = {name: ROOT / package.replace(".", "/") for name, package in hazards.HAZARDS.items()}
    packages |= {path.parent.name: path.parent for path in TOYS.glob("*/hazard.yaml")}
    return {n: yaml.safe_load((folder / "hazard.yaml").read_text("utf-8")) for n, folder in packages.items()}


def hazard_words() -> set[str]:
    """Return the names of hazards, rooms and variables; a toy that is called like a kind of place is told as one."""
    found = ROOMS | {package.split(".")[0] for package in hazards.HAZARDS.values()}
    for name, raw in sheets().items():
        found |= {name} - place_kinds()
        found |= {
            raw["lead"],
            *raw.get("kept", {}).values(),
            *(s["variable"] for s in raw["scales"] if "variable" in s),
        }
        found |= {rule["variable"] for rule in raw["levels"]["rules"].values() if "variable" in rule}
    return found


def place_kinds() -> set[str]:
    """Return the kinds of place that a sheet grades or that have a word."""
    english = json.loads((ROOT / "twin" / "words" / "en.json").read_text("utf-8"))
    worded = {key.removeprefix("place.") for key in english if key.startswith("place.")}
    return (worded | {kind for raw in sheets().values() for kind in raw["levels"]["rules"]} | {"levee"}) - STREETS


def said(text: str, wanted: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield line and word where a text says one of the words, alone or as a part of a name with underscores or capitals."""
    parts = "|".join(sorted((re.escape(word) for word in wanted), key=len, reverse=True))
    pattern = re.compile(rf"(?<![a-z])({parts})(?![a-z])")
    for k, line in enumerate(text.splitlines()):
        apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", line).lower()
        yield from ((k + 1, hit) for hit in pattern.findall(apart))


def tell(text: str) -> None:
    """Say where was looked; pytest shows it with -rP, and where the test fails."""
    print(text)  # noqa: T201


def hits(wanted: set[str]) -> list[str]:
    """Return where common code says one of the words, and print where it was looked."""
    files = common_files()
    rooms = sorted({p.relative_to(ROOT).parts[0] for p in files})
    tell(f"looked into {len(files)} files of {', '.join(rooms)} for {len(wanted)} words: {', '.join(sorted(wanted))}")
    tell("not into " + "; ".join(f"{place} ({why})" for place, why in NOT_COMMON.items()))
    found = []
    for path in files:
        place = path.relative_to(ROOT).as_posix()
        for line, word in said(path.read_text("utf-8"), wanted):
            if (place, word) not in ALLOWED:
                found.append(f"{place}:{line}: {word}")
    return found


def test_common_code_is_found_where_it_is() -> None:
    files = [p.relative_to(ROOT).as_posix() for p in common_files()]
    assert len(files) > 80
    for path in ("twin/exposure/cells.py", "twin/variables.py", "twin/bridge/report.html.j2", "desk/main.py",
                 "scenarios/runner/simulate.py", "scenarios/planning/draft.py", "scenarios/cli.py", "app.py"):  # fmt: skip
        assert path in files, path
    for part in NOT_COMMON:
        assert (ROOT / part).exists(), f"{part} is no longer there"
    for place, word in ALLOWED:
        assert list(said((ROOT / place).read_text("utf-8"), {word})), f"{place} no longer says {word}"


def test_the_words_looked_for_are_those_of_the_sheets() -> None:
    assert {"flood", "hydro", "smoke", "walk", "water_depth", "smoke_density", "people_per_m"} <= hazard_words()
    assert {"hospital", "school", "underpass", "metro_entrance", "shelter", "care_home", "pump_station", "levee", "block",
            "hazardous_site", "venue", "hall_zone"} <= place_kinds()  # fmt: skip


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("from hydro.flood import Model", "flood"),
        ('if hazard == "smoke":', "smoke"),
        ("def crowdDensity():", "crowd"),
        ("max_water_depth = fields", "water_depth"),
        ("# the depth of water here", "water"),
        ('{% if kind == "metro_entrance" %}', "metro_entrance"),
    ],
)
def test_a_line_that_names_a_hazard_or_a_place_is_found(line: str, word: str) -> None:
    assert word in hazard_words() | WATER | place_kinds() and list(said(line, {word})) == [(1, word)]
    assert not list(
        said("smoked flooded_out waterway blocks venues deepcopy", {"smoke", "flood", "water", "venue", "deep"})
    )


def test_no_hazard_is_named_in_common_code() -> None:
    assert not hits(hazard_words())


def test_no_word_of_water_is_in_common_code() -> None:
    assert not hits(WATER | set(WATER_ZH))


def test_no_kind_of_place_is_named_in_common_code() -> None:
    """ "block" is also a piece of a report, so it is looked for where it is a text of its own."""
    found = hits(place_kinds() - {"block"})
    for path in (p for p in common_files() if p.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value == "block":
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: block")
    assert not found


def raised_in_common_code() -> set[str]:
    """Return the codes of the errors that common code raises."""
    pattern = re.compile(r'(?:Source|Scenario|Contract|Numerics|Twin)Error\(\s*"([a-z0-9_.]+)"')
    return {
        code for path in common_files() if path.suffix == ".py" for code in pattern.findall(path.read_text("utf-8"))
    }


def test_common_text_says_nothing_of_water() -> None:
    """What readers find in city data, what is assumed of it and what a room or a reader refuses may speak of drains."""
    zh, en = (json.loads((ROOT / "twin" / "words" / f"{lang}.json").read_text("utf-8")) for lang in ("zh", "en"))
    common = raised_in_common_code()
    own = [
        key
        for key in en
        if key.split(".")[0] not in ("finding", "assumed", "wanted")
        and (not key.startswith("error.") or key.removeprefix("error.") in common)
    ]
    tell(f"looked at {len(own)} of {len(en)} words")
    assert len(own) > 300
    found = [
        key
        for key in own
        if any(word in zh[key] for word in WATER_ZH) or list(said(en[key], WATER | {"flood", "depth", "deep"}))
    ]
    rain = {"note.design_storm", "note.pattern_storm", "note.rain_counter"}  # the depth of a storm
    assert not set(found) - rain
    for phrase in ("duration and danger", "balance of water", "water balance", "历时与危险"):
        assert not [key for key in own if phrase in en[key].lower() or phrase in zh[key]], phrase


def test_nothing_outside_its_folder_knows_a_toy() -> None:
    """What a toy brings (variables, measures, crews, tasks, kinds) is named in its folder and in tests; nowhere else."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    others = [p for f in listed.stdout.split("\0") if f and not f.startswith("tests/") and (p := ROOT / f).exists()]
    texts = {p: p.read_text("utf-8") for p in others if p.suffix in (".py", ".j2", ".css", ".yaml", ".json", ".toml")}
    known = hazards.HAZARDS.keys()
    brought: set[str] = set()
    for name, raw in sheets().items():
        if name not in known:
            rows = [*raw.get("measures", []), *raw["tasks"]]
            brought |= {row.get("kind", row.get("code")) for row in rows} | {
                *raw.get("crews", {}),
                *raw.get("kinds", {}),
            }
            brought |= {raw["lead"], *raw.get("kept", {}).values()}
    tell(f"looked into {len(texts)} files for {', '.join(sorted(brought))}")
    assert len(texts) > 150 and len(brought) > 20
    found = [f"{p.relative_to(ROOT)}: {word}" for p, text in texts.items() for word in brought if word in text]
    assert not found
