"""Sheets that contradict each other or themselves: one clear error before a second is simulated."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import scenarios as sc
from scenarios.case import hazards
from scenarios.case.build import check_any
from scenarios.case.shelf import runs_folder
from scenarios.runner.run import execute
from twin import words
from twin.city import City
from twin.errors import ContractError, ScenarioError, SourceError, TwinError
from twin.grid import Grid
from twin.readers.city_folder import open_folder

Change = Callable[[dict[str, Any]], None]

#: A package is imported once in a process, so each made here has a name of its own.
NUMBER = itertools.count()

MODEL = """from dataclasses import dataclass
from typing import ClassVar

from smoke.model import Smoke as Whole
from twin.variables import Variable


@dataclass(frozen=True)
class Smoke(Whole):
    needs: ClassVar = {needs}
    gives: ClassVar = (Variable("{name}_density", "1", ("time", "y", "x"), "浓", "density", tags=frozenset({tags})),)

    def simulate(self, *given, **named):
        raise AssertionError("a second is simulated")
"""


@pytest.fixture
def make(toys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what makes and registers a hazard: the smoke's sheet under another name, changed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    smoke = yaml.safe_load((Path(__file__).parent / "smoke" / "hazard.yaml").read_text("utf-8"))

    def one(change: Change = lambda raw: None, needs: tuple[Any, ...] = (), tags: tuple[str, ...] = ()) -> str:
        name = f"toy{next(NUMBER)}"
        raw = yaml.safe_load(yaml.safe_dump(smoke, allow_unicode=True))
        raw |= {"id": name, "model": f"{name}.model:Smoke", "measures": []}
        change(raw)
        (tmp_path / name).mkdir()
        (tmp_path / name / "hazard.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
        (tmp_path / name / "model.py").write_text(MODEL.format(needs=needs, name=name, tags=set(tags) or "()"), "utf-8")
        monkeypatch.setitem(hazards.HAZARDS, name, name)
        return name

    return one


def refused(four: Path, *names: str, **changes: Any) -> ScenarioError:
    """Return the error with which the check refuses a case with these hazards; it reads whole in both languages."""
    with pytest.raises(ScenarioError) as error:
        sc.load(four).with_changes(hazards=[{name: {}} for name in names], **changes).check()
    assert all("{" not in error.value.message(lang) for lang in words.LANGS)
    return error.value


def rule(kind: str, **changes: Any) -> Change:
    return lambda raw: raw["levels"]["rules"][kind].update(changes)


def measure(kind: str, zh: str, en: str) -> dict[str, Any]:
    return {"kind": kind, "name": {"zh": zh, "en": en}, "unit": "ward_staff"}


def test_an_unchanged_sheet_under_another_name_is_no_error(four: Path, make: Callable[..., str]) -> None:
    sc.load(four).with_changes(hazards=[{"smoke": {}}, {make(): {}}]).check()


def test_two_owners_of_one_kind_of_measure_are_refused(four: Path, make: Callable[..., str]) -> None:
    one, two = (make(lambda raw: raw.update(measures=[measure("fan", "风机", "Fan")])) for _ in range(2))
    error = refused(four, one, two)
    assert error.code == "measure_owners" and error.values == {"found": "fan", "owners": [one, two]}
    sc.load(four).with_changes(hazards=[{one: {}}]).check()
    city = refused(four, make(lambda raw: raw.update(measures=[measure("close_road", "封闭道路", "Road closed")])))
    assert city.code == "measure_owners" and city.values["owners"][0] == "city"


def test_two_meanings_of_one_word_are_refused(four: Path, make: Callable[..., str]) -> None:
    """A second "Barrier" silently became "Crowd barrier" everywhere."""
    hazards.sheet("flood")
    crowd = make(lambda raw: raw.update(measures=[measure("barrier", "人群隔离栏", "Crowd barrier")]))
    error = refused(four, "flood", crowd)
    assert error.code == "word_twice" and error.values["word"] == "measure.barrier"
    assert all(text in error.message("en") for text in ("Crowd barrier", "Barrier", "measure.barrier", crowd))
    assert (
        words.say("measure.barrier", lang="en") == "Barrier" and words.say("measure.barrier", lang="zh") == "临时挡水墙"
    )
    for key, family in (("crews", "unit.traffic_police"), ("kinds", "place.hospital")):
        word = {family.partition(".")[2]: {"zh": "别的", "en": "Something else"}}
        error = refused(four, make(lambda raw, key=key, word=word: raw.setdefault(key, {}).update(word)))
        assert (error.code, error.values["word"]) == ("word_twice", family)


def test_one_word_with_one_meaning_may_stand_in_two_sheets(four: Path, make: Callable[..., str]) -> None:
    kind = {"playground": {"zh": "游乐场", "en": "Playground"}}
    one, two = (make(lambda raw: raw.setdefault("kinds", {}).update(kind)) for _ in range(2))
    sc.load(four).with_changes(hazards=[{one: {}}, {two: {}}]).check()
    key = f"task.{one}.bolt_windows"
    assert key in words.keys("zh") and f"task.{two}.bolt_windows" in words.keys("zh"), "each under its own name"


def test_what_nobody_gives_is_refused_and_named(four: Path, make: Callable[..., str]) -> None:
    error = refused(four, make(needs=(("wind",), ("gas_leak", "cloud"))))
    assert error.code == "needs" and error.values["missing"] and "gas_leak" in error.message("zh")
    calm = sc.load(four).raw["forcing"].copy()
    calm.pop("wind")
    assert "wind" in refused(four, "smoke", forcing=calm).message("en").lower()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda grid: replace(grid, west=grid.west + 5000.0), "field_off_city"),
        (lambda grid: replace(grid, crs="EPSG:4548", west=grid.west + 1e6), "field_off_city"),
    ],
)
def test_a_field_off_the_city_ends_the_run_and_leaves_nothing(
    fault: Callable[[Grid], Grid], code: str, four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = hazards.model_class("smoke")
    grid = kind.grid
    monkeypatch.setattr(kind, "grid", lambda self, city: fault(grid(self, city)))
    with pytest.raises(ContractError) as error:
        execute(sc.load(four).with_changes(hazards=[{"smoke": {}}]))
    assert error.value.code == code and "smoke_density" in error.value.message("zh")
    assert not [path for path in runs_folder().rglob("*") if path.is_file()]


def test_a_gap_in_what_a_hazard_gives_ends_the_run_and_leaves_nothing(
    four: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = hazards.model_class("smoke")
    simulate = kind.simulate
    monkeypatch.setattr(kind, "simulate", lambda self, *given: simulate(replace(self, rate_g_s=np.nan), *given))
    with pytest.raises(TwinError) as error:
        execute(sc.load(four).with_changes(hazards=[{"smoke": {}}]))
    assert error.value.code == "variable_nan" and "smoke_density" in error.value.message("en")
    assert not [path for path in runs_folder().rglob("*") if path.is_file()]


def test_only_one_hazard_may_move_people(four: Path, make: Callable[..., str]) -> None:
    mover = make(tags=("people_at_home", "people_on_edge"))
    error = refused(four, "walk", mover)
    assert (
        error.code == "moves_twice" and "步行疏散" in error.message("zh") and "Leaving on foot" in error.message("en")
    )
    sc.load(four).with_changes(hazards=[{"walk": {}}]).check()


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (rule("hospital", sense="under"), "sheet_value", "levels.hospital.sense"),
        (rule("hospital", statistic="mean"), "sheet_value", "levels.hospital.statistic"),
        (rule("hospital", closes_at="purple"), "sheet_value", "levels.hospital.closes_at"),
        (rule("hospital", orange=0.1), "sheet_bounds", "0.1"),
        (rule("road", red=500.0), "sheet_bounds", "below"),
        (rule("road", blue="high"), "sheet_bounds", "high"),
        (rule("road", closes_at=None), "sheet_value", "levels.road.closes_at"),
        (lambda raw: raw["layers"][0].update(sense="under"), "sheet_value", "layers.peak.sense"),
        (lambda raw: raw.update(reaches=["bridge"]), "sheet_value", "bridges"),
        (lambda raw: raw["scales"][0].update(of=["people", "cars"]), "sheet_value", "cars"),
        (lambda raw: raw["scales"][0].update(classes=[2, 0.5]), "sheet_value", "scales.density.classes"),
        (lambda raw: raw["scales"][0].update(when="always"), "sheet_value", "always"),
        (lambda raw: raw["scales"][1].update(harms_from=61), "sheet_value", "scales.dose.harms_from"),
        (lambda raw: raw["tasks"][0].update(place="castle"), "sheet_value", "castle"),
        (lambda raw: raw["tasks"][0].update(at="pink"), "sheet_value", "pink"),
        (lambda raw: raw["tasks"][2]["near"].update(place="castle"), "sheet_value", "castle"),
    ],
)
def test_a_sheet_that_contradicts_itself_is_refused(
    change: Change, code: str, told: str, four: Path, make: Callable[..., str]
) -> None:
    error = refused(four, make(change))
    assert error.code == code and all(told in error.message(lang) for lang in words.LANGS)
    assert "Smoke" in error.message("en") and "烟雾" in error.message("zh")


@pytest.mark.parametrize(
    ("levels", "code", "told"),
    [
        ({"smoke": {"castle": {"blue": 1}}}, "sheet_value", "castle"),
        ({"smoke": {"hospital": {"blu": 1}}}, "sheet_value", "blu"),
        ({"smoke": {"hospital": {"blue": "deep"}}}, "sheet_bounds", "deep"),
        ({"smoke": {"hospital": {"blue": 9}}}, "sheet_bounds", "9"),
        ({"smoke": {"hospital": {"red": float("nan")}}}, "sheet_bounds", "nan"),
        ({"smoke": {"hospital": {"blue": True}}}, "sheet_bounds", "True"),
        ({"smoke": {"hospital": {"blue": -0.5}}}, "level_low", "-0.5"),
        ({"smoke": {"hospital": {"blue": 0}}}, "level_low", "blue"),
        ({"smoke": {"road": {"red": -1}}}, "level_low", "road"),
        ({"smoke": {"hospital": {"sense": "below"}}}, "sheet_value", "sense"),
        ({"smoke": {"hospital": {"variable": "visibility"}}}, "sheet_value", "variable"),
        ({"smoke": {"hospital": 0.3}}, "sheet_value", "0.3"),
        ({"smoke": ["hospital"]}, "yaml_malformed", "levels"),
        (["smoke"], "yaml_malformed", "levels"),
        ({"smok": {"hospital": {"blue": 0.3}}}, "unknown_hazard", "smok"),
    ],
)
def test_a_citys_threshold_for_what_is_not_there_is_refused(
    levels: Any, code: str, told: str, four: Path, town_folder: Path, tmp_path: Path
) -> None:
    city = with_levels(town_folder, tmp_path / "own", levels)
    for look in (
        lambda: sc.load(four).with_changes(hazards=[{"smoke": {}}], city=str(city)).check(),
        lambda: check_any(str(city)),
    ):
        with pytest.raises(TwinError) as error:
            look()
        assert error.value.code == code and all(told in error.value.message(lang) for lang in words.LANGS)
        assert isinstance(error.value, ScenarioError | SourceError)


def test_a_citys_own_threshold_holds(four: Path, town_folder: Path, tmp_path: Path) -> None:
    city = with_levels(town_folder, tmp_path / "own", {"smoke": {"hospital": {"blue": 0.25, "closes_at": "red"}}})
    case = sc.load(four).with_changes(hazards=[{"smoke": {}}], city=str(city)).check()
    assert (
        case.sheet("smoke").rules["hospital"].closing == 8.0 and hazards.sheet("smoke").rules["hospital"].closing == 3.0
    )
    opened: City = open_folder(city)
    assert opened.level_overrides["smoke"]["hospital"]["blue"] == 0.25


def with_levels(town_folder: Path, folder: Path, levels: Any) -> Path:
    """Return the town's folder with other thresholds in its head; its layers are linked."""
    folder.mkdir()
    for path in town_folder.iterdir():
        if path.name != "city.yaml":
            (folder / path.name).symlink_to(path)
    head = yaml.safe_load((town_folder / "city.yaml").read_text("utf-8")) | {"levels": levels}
    (folder / "city.yaml").write_text(yaml.safe_dump(head, allow_unicode=True), "utf-8")
    return folder
