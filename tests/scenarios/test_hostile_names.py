"""Names come from files: whatever is in one, terminal, desk and messages show it letter by letter and call nobody."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

import desk.main
import scenarios as sc
from desk.blocks import cell, plain
from scenarios.cli import app
from scenarios.planning.dossier import dossier
from twin.bridge import EXPORTERS
from twin.bridge.cap import check
from twin.city import City
from twin.errors import ScenarioError
from twin.readers.city_folder import open_folder, save_folder

NAME = "=1+1 [/red] :smile: `x` ![p](http://example.invalid/p.png) <b> $y$"
PLACE = "Long\x1b[31m Street\x07 ![q](http://example.invalid/q.png)"


@pytest.fixture
def storms(storm: Path, small_city: City, tmp_path: Path) -> list[sc.Run]:
    """Two short storms with a hostile name on a city with a hostile place."""
    facilities = small_city.facilities.assign(name_zh=PLACE, name_en=PLACE)
    save_folder(replace(small_city, facilities=facilities), tmp_path / "town")
    case = sc.load(storm).with_changes(name={"zh": NAME, "en": NAME}, city=str(tmp_path / "town"), hours=0.5)
    case = case.with_setting("hazards.flood.drainage=none")
    return [sc.run(case), sc.run(case.with_setting("forcing.rain.return_period_years=20"))]


def marked(body: str) -> list[str]:
    """Return the pictures and links that Markdown would make of a text: brackets that no backslash stands before."""
    return re.findall(r"!?\[[^\]]*\]\(", re.sub(r"\\.", "", body))


def test_a_hostile_name_is_shown_letter_by_letter(
    storms: list[sc.Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    for line in (["runs"], ["compare", *(run.id for run in storms)], ["plan", "draft"]):
        told = CliRunner().invoke(app, line, prog_name="anlan")
        assert told.exit_code == 0 and "\x1b" not in told.stdout
        assert (NAME if line[0] != "plan" else "![q](http") in " ".join(told.stdout.split())
    page = AppTest.from_file(str(Path(desk.main.__file__)), default_timeout=120).run()
    next(r for r in page.radio if str(r.key).startswith("language:")).set_value("en").run()
    assert not page.exception and len(page.get("image") or page.get("imgs")) == 3, "two runs and their difference"
    parts = [*page.markdown, *page.caption, *page.warning, *page.info, *page.error, *page.subheader, *page.title]
    bodies = [str(part.value) for part in parts]
    assert any("example.invalid" in body for body in bodies), "the name is on the page"
    assert not [body for body in bodies if marked(body)]
    cells = [str(value) for frame in page.dataframe for value in frame.value.to_numpy().ravel()]
    assert f"'{NAME}" in cells and not [c for c in cells if re.match(r"=|\+[^\d]|@", c)]


def test_letters_of_control_break_no_message_and_no_terminal(storms: list[sc.Run], tmp_path: Path) -> None:
    places = open_folder(tmp_path / "town").facilities["name_en"]
    assert set(places) == {"Long [31m Street  ![q](http://example.invalid/q.png)"}
    plan = replace(sc.draft_plan(storms[0]), mode="drill", scenario={"zh": "演\x0b练\ufffe", "en": "drill\x00"})
    about = dossier(storms[0], plan)
    files = [path for form in ("cap", "json", "geojson") for path in EXPORTERS[form](about, tmp_path)]
    messages = [etree.parse(path).getroot() for path in files if path.suffix == ".xml"]
    assert messages
    for message in messages:
        check(message)
        assert message.findtext("{*}note") == "drill: 演 练  drill "
    assert all(json.loads(path.read_text("utf-8")) for path in files if path.suffix == ".json")


@pytest.mark.parametrize("name", ["a\x1b[2J", "a\nb", "a\x00", "a\u2028b", "x" * 201, ""])
def test_a_name_of_control_letters_or_without_end_is_refused(name: str, storm: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        sc.load(storm).with_changes(name={"zh": name, "en": "storm"})
    assert error.value.code == "field" and error.value.values["field"] == "name.zh"
    for lang in ("zh", "en"):
        assert error.value.message(lang).isprintable() and len(error.value.message(lang)) < 500


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("-0.30", "-0.30"),
        ("-0.3 m", "-0.3 m"),
        ("+1,200 m³/s", "+1,200 m³/s"),
        ("18:00", "18:00"),
        ("–", "–"),
    ],
)
def test_a_cell_is_no_formula_and_a_figure_stays_a_figure(said: str, shown: str) -> None:
    assert cell(said) == shown


def test_plain_text_has_no_marks() -> None:
    assert plain("![a](b) `c` *d* <e> $f$ ~g~ \\h") == r"!\[a\](b) \`c\` \*d\* \<e> \$f\$ \~g\~ \\h"
    assert not marked(plain("![a](b)")) and marked("![a](b)")
