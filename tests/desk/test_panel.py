"""The panel: AppTest for what it says, headless Chromium for what a person sees and for what the browser asks for."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image
from streamlit.testing.v1 import AppTest

import desk.main
import hydro.report
import scenarios as sc
from desk.city_map import _rimmed, _title
from desk.levels import graded, levels_legend
from desk.own_marks import own_marks
from scenarios.case.hazards import sheet
from twin.blocks import Mark
from twin.city import City
from twin.sheet import COLOURS

PAGE = str(Path(desk.main.__file__))


def drawn(app: AppTest) -> list[str]:
    """Return the names of what is drawn on the map, the lowest first."""
    return [layer["id"] for layer in json.loads(app.get("deck_gl_json_chart")[0].proto.json)["layers"]]


def chooser(widgets: Any, key: str) -> Any:
    """Return the widget whose choice stands in the address under `key`."""
    return next(widget for widget in widgets if str(widget.key).startswith(f"{key}:"))


def said(app: AppTest) -> str:
    """Return what stands on the page beside the widgets and tables."""
    return "".join(str(part.proto.body) for part in (*app.markdown, *app.get("html")))


def test_an_empty_shelf_says_what_to_do() -> None:
    app = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not app.exception and "还没有运行结果" in app.info[0].value


def test_the_panel_opens_in_the_language_of_the_session(anlan_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANLAN_LANG", "en")
    app = AppTest.from_file(PAGE, default_timeout=60).run()
    assert chooser(app.radio, "language").value == "en" and app.title[0].value == "Anlan decision panel"


def test_the_panel_shows_map_places_plan_in_both_languages(storm: Path) -> None:
    run = sc.run(sc.load(storm))
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    assert not app.exception
    assert any(run.id[:6] in option for box in app.selectbox for option in box.options)
    tables = [frame.value for frame in app.dataframe]
    assert any("长街下穿" in str(table.values) for table in tables)
    chooser(app.radio, "language").set_value("en").run()
    assert not app.exception and app.title[0].value == "Anlan decision panel"
    assert any("Long Street underpass" in str(frame.value.values) for frame in app.dataframe)
    app.toggle(key="play").set_value(True).run()
    assert not app.exception


def test_the_chosen_run_stays_when_the_language_changes_and_when_another_run_ends(storm: Path) -> None:
    case = sc.load(storm)
    old = sc.run(case.with_setting("forcing.rain.return_period_years=2"))
    new = sc.run(case)
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    assert chooser(app.selectbox, "run").value == new.id == app.query_params["run"]
    chooser(app.selectbox, "run").set_value(old.id).run()
    assert chooser(app.selectbox, "run").value == old.id == app.query_params["run"]
    chooser(app.radio, "language").set_value("en").run()
    assert chooser(app.selectbox, "run").value == old.id and app.title[0].value == "Anlan decision panel"
    third = sc.run(case.with_setting("forcing.rain.return_period_years=5"))
    app.run()
    assert any(third.id[:6] in option for option in chooser(app.selectbox, "run").options)
    assert chooser(app.selectbox, "run").value == old.id, "another run ended"
    reloaded = AppTest.from_file(PAGE, default_timeout=120)
    reloaded.query_params.update(app.query_params)
    reloaded.run()
    assert chooser(reloaded.selectbox, "run").value == old.id and reloaded.title[0].value == "Anlan decision panel"


def test_a_deleted_run_is_a_sentence_and_no_other_is_shown_in_its_place(storm: Path) -> None:
    case = sc.load(storm)
    gone, _ = sc.run(case), sc.run(case.with_setting("forcing.rain.return_period_years=2"))
    app = AppTest.from_file(PAGE, default_timeout=120)
    app.query_params["run"] = gone.id
    assert not app.run().warning and chooser(app.selectbox, "run").value == gone.id
    shutil.rmtree(gone.folder)
    app.run()
    assert not app.exception and any(gone.id in box.value and "已删除" in box.value for box in app.warning)
    assert chooser(app.selectbox, "run").value is None and not app.tabs


def test_a_frame_of_the_map_is_small_because_pictures_and_shapes_are_fetched_once(storm: Path) -> None:
    sc.run(sc.load(storm))
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    chart = app.get("deck_gl_json_chart")[0].proto.json
    layers = {layer["id"]: layer for layer in json.loads(chart)["layers"]}
    fetched = [layer.get("image") or layer["data"] for layer in layers.values()]
    assert set(layers) == {"city", "flood-now", "areas", "marks"} and all("/media/" in at for at in fetched)
    assert len(chart) < 4000, "bytes that each step of the clock sends"
    app.toggle(key="play").set_value(True).run()
    again = {x["id"]: x for x in json.loads(app.get("deck_gl_json_chart")[0].proto.json)["layers"]}
    same = [name for name in layers if again[name] == layers[name]]
    assert {"city", "areas", "marks"} <= set(same), "what does not move keeps its address"


def test_what_a_hazard_marks_itself_stands_on_the_map_with_its_name(
    storm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sc.run(sc.load(storm).with_setting("forcing.rain.return_period_years=3"))
    west, south, east, north = run.case.city.grid.bounds
    marked = [Mark((west + east) / 2, (south + north) / 2, "the <dam>", 90.0), Mark(west - 9e3, south, "far off")]
    monkeypatch.setattr(hydro.report, "marks", lambda section, city: marked, raising=False)
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    assert not app.exception and drawn(app)[-1] == "own"
    assert "★" in said(app) and "the &lt;dam&gt;" in said(app) and "far off" not in said(app)
    own = own_marks(run.case.city, sc.sections(run), run.case.city.grid.bounds, "en")
    arrow, star = own.geometry
    assert (
        own["name"].tolist() == ["the <dam>"] * 2
        and star.centroid.distance(shapely.Point(marked[0].x, marked[0].y)) < 1e-6
    )
    assert arrow.bounds[2] > star.bounds[2] and arrow.bounds[0] >= star.bounds[0], "it points east"


def test_a_place_unknown_to_one_hazard_is_not_coloured_by_another_as_if_it_were_known(small_city: City) -> None:
    def section(hazard: str, known: bool, red: object) -> Any:
        row = {"id": ["h1", f"{hazard}1"], "name_en": ["Hospital", hazard], "known": [known, True]}
        row |= {"peak": [1.0, 1.0], "unit": ["m", "m"], **{f"first_{c}": [pd.NaT, pd.NaT] for c in COLOURS}}
        row["first_red"] = [red, pd.Timestamp("2026-06-20")]
        points = [small_city.facilities.geometry.iloc[1], small_city.facilities.geometry.iloc[2]]
        places = gpd.GeoDataFrame(row, geometry=points, crs=small_city.grid.crs)
        return SimpleNamespace(sheet=sheet(hazard), exposure=SimpleNamespace(places=places))

    levels = pd.DataFrame({"hazard": [], "place": [], "probability": []})
    run: Any = SimpleNamespace(
        id="twice", levels=levels, hazards=("flood", "crowd"), case=SimpleNamespace(city=small_city)
    )
    both = {"flood": section("flood", True, pd.Timestamp("2026-06-20")), "crowd": section("crowd", False, pd.NaT)}
    places = graded(run, both, small_city.grid.bounds, "en").set_index("name")
    assert places.loc["Hospital", "level"] == "red" and places.loc["Hospital", "partly"]
    assert "Crowd: unknown" in places.loc["Hospital", "told"] and not places.loc["flood", "partly"]
    assert "the colour is the least it may be" in levels_legend(places, "en")
    rims = _rimmed(places)
    assert rims.loc["Hospital", "rim"] == [0x8D, 0x8D, 0x8D] and rims.loc["flood", "rim"] == [255, 255, 255]


def test_the_map_shows_each_field_and_the_closures_have_times(storm: Path) -> None:
    run = sc.run(sc.load(storm))
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    chooser(app.radio, "language").set_value("en").run()
    key = f"fields-{run.id}-flood-en"
    first, *others = app.button_group(key=key).options
    assert (first, len(others)) == ("Water depth (m)", 3) and app.button_group(key=key).value == ["now"]
    for code, words in (("peak", "Highest water depth"), ("long", "0.27 m or deeper"), ("danger", "H4")):
        app.button_group(key=key).set_value([code]).run()
        assert not app.exception and words in said(app)
        assert not [t for t in app.toggle if t.key == "play"], "only a field in time can be played"
    app.button_group(key=key).set_value(["now", "peak"]).run()
    assert [t for t in app.toggle if t.key == "play"]
    assert "Highest water depth" in said(app) and "Water depth (m)" in said(app), "a legend for each"
    assert drawn(app) == ["city", "flood-now", "flood-peak", "areas", "marks"]
    app.button_group(key=key).set_value([]).run()
    assert not app.exception and drawn(app) == ["city", "areas", "marks"]
    closes = run.exposure["flood"].closures.set_index("id").loc["u1", "closes"]
    local = closes.tz_localize("UTC").tz_convert(run.case.city.tz).strftime("%H:%M")
    table = next(f.value for f in app.dataframe if "Reopens" in f.value.columns)
    assert local in table.loc[table["Place"] == "Long Street underpass", "Closes"].tolist()
    rules = next(f.value for f in app.dataframe if "Rule and threshold" in f.value.columns)["Rule and threshold"]
    assert (
        rules.str.startswith("Underpass: deepest cell, 0.27 m, rules of ").any() and not rules.str.contains("@").any()
    )
    tasks = next(f.value for f in app.dataframe if "Deadline" in f.value.columns)
    assert tasks["Deadline"].str.contains(" min of lead time missing").any()


def test_details_tell_scales_ledger_and_the_hazards_own_blocks(storm: Path) -> None:
    sc.run(sc.load(storm))
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    chooser(app.radio, "language").set_value("en").run()
    frames = [frame.value for frame in (*app.dataframe, *app.table)]
    assert any("Water depth" in f.columns and "Roads (km)" in f.columns for f in frames)
    assert any("What it means" in f.columns for f in frames) and any("m³" in f.columns for f in frames)
    assert any("manholes gave water back" in text.value for text in app.markdown), "what only the hazard can say"
    assert any("People are those who are there by day" in text.value for text in app.caption)
    assert any("One run" in text.value for text in app.markdown)


def test_runs_of_an_older_format_are_named_in_one_sentence(storm: Path, anlan_home: Path) -> None:
    run = sc.run(sc.load(storm))
    older = run.folder.with_name("0123456789abcdef")
    shutil.copytree(run.folder, older)
    manifest = json.loads((older / "manifest.json").read_text("utf-8"))
    (older / "manifest.json").write_text(json.dumps({k: v for k, v in manifest.items() if k != "format"}), "utf-8")
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    assert not app.exception
    assert any("1个运行结果以较早的格式保存" in box.value and "012345" in box.value for box in app.warning)
    for k in range(6):
        shutil.copytree(older, older.with_name(f"{k}" * 16))
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    (said,) = (box.value for box in app.warning if "7个运行结果以较早的格式保存" in box.value)
    assert said.count(run.folder.parent.name) == 5 and "…" in said, "so many that the page stays readable"


def test_the_map_of_an_ensemble_says_which_layers_are_those_of_member_0() -> None:
    flood = sheet("flood")
    section: Any = SimpleNamespace(sheet=flood)
    many, single = (cast(Any, SimpleNamespace(members=members)) for members in ([{}, {}], []))
    lead, median = flood.lead_layer, flood.spread_layers[1]
    assert _title(many, section, lead, "en") == "Water depth (m), member 0"
    assert _title(many, section, lead, "zh").endswith(",成员0")
    assert _title(single, section, lead, "en") == "Water depth (m)"
    assert "member 0" not in _title(many, section, median, "en")


def test_two_runs_stand_side_by_side_in_both_languages(storm: Path) -> None:
    case = sc.load(storm)
    app = AppTest.from_file(PAGE, default_timeout=120)
    sc.run(case)
    assert any("同一城市还没有另一次运行" in box.value for box in app.run().info)
    sc.run(case.with_setting("hazards.flood.inlet_open_share=0.1"))
    app.run()
    assert not app.exception and len(app.image) == 3
    assert any("雨水口过水率0.8→0.1" in text.value for text in app.text)
    assert any("棕色为加重" in text.value for text in app.markdown)
    chooser(app.radio, "language").set_value("en").run()
    chooser(app.selectbox, "beside-field").set_value("danger").run()
    assert not app.exception and any("brown: worse" in text.value for text in app.markdown)
    figures = next(f.value for f in app.dataframe if any("closed places" in str(k) for k in f.value.index))
    assert figures.shape[1] == 2
    coarse = case.with_setting("hazards.flood.cell_m=20")
    other = sc.run(coarse)
    app.run()
    chooser(app.selectbox, "other").set_value(other.id).run()
    assert not app.exception and any("cells of different size (20 m and 10 m)" in box.value for box in app.warning)


def test_the_difference_is_the_second_less_the_first(storm: Path) -> None:
    case = sc.load(storm)
    heavy, light = sc.run(case), sc.run(case.with_setting("forcing.rain.return_period_years=2"))
    layer = heavy.sheet("flood").peak_layer
    change = sc.difference(light, heavy, "flood", layer)
    assert float(change.max()) > 0.05 and float(change.sum()) > 0, "the heavier storm leaves more water"
    np.testing.assert_allclose(change, -sc.difference(heavy, light, "flood", layer))


def test_a_run_is_started_in_a_child_process(storm: Path, anlan_home: Path) -> None:
    folder = anlan_home / "scenarios"
    folder.mkdir(parents=True)
    shutil.copy(storm, folder / "a-small-storm.yaml")
    app = AppTest.from_file(PAGE, default_timeout=60).run()
    (folder / "damaged.yaml").write_text("schema: [", "utf-8")
    chooser = next(s for s in app.run().selectbox if "小城暴雨" in s.options)
    assert any("damaged.yaml" in option for option in chooser.options), "its fault stands where its title would"
    chooser.set_value("a-small-storm").run()
    app.button(key="go").click().run()
    assert not app.exception
    assert sc.jobs()[0].wait(240).manifest["city"] == "small"


@pytest.fixture
def served(storm: Path, anlan_home: Path) -> Iterator[str]:
    sc.run(sc.load(storm).with_setting("hazards.flood.drainage=none"))
    sc.run(sc.load(storm))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "ANLAN_HOME": str(anlan_home)}
    server = subprocess.Popen(
        [sys.executable, "-m", "scenarios.cli", "desk", "--port", str(port), "--no-browser"],
        env=env,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health")
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(server.pid, 15)
        server.wait(20)


@pytest.mark.browser
def test_a_person_sees_the_flood_and_the_browser_calls_nobody(served: str, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        assert not os.environ.get("ANLAN_REQUIRE_BROWSER"), "no Chromium, but the browser test is required"
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    outside: list[str] = []
    own = (served, served.replace("http", "ws"), "data:", "blob:")
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--use-gl=angle",
                "--use-angle=swiftshader",
                "--enable-unsafe-swiftshader",
            ],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1300})
        page.on("request", lambda r: outside.append(r.url) if not r.url.startswith(own) else None)
        older = sc.all_runs()[-1].id
        page.goto(f"{served}/?run={older}")
        page.get_by_role("tab").first.wait_for(timeout=60_000)
        page.locator("canvas").last.wait_for(state="attached", timeout=60_000)
        end = time.monotonic() + 60
        blue = 0.0
        while blue < 0.002 and time.monotonic() < end:
            time.sleep(1.0)
            shot = page.screenshot()
            pixels = np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(int)
            water = (pixels[..., 2] > 140) & (pixels[..., 2] - pixels[..., 0] > 60) & (pixels[..., 1] > pixels[..., 0])
            blue = float(water.mean())
        (tmp_path / "desk.png").write_bytes(shot)
        page.get_by_role("button", name="洪水危险等级").click()
        page.get_by_text("H5").last.wait_for(timeout=30_000)
        page.get_by_role("tab", name="并排比较").click()
        seen = "() => [...document.images].filter(i => i.naturalWidth > 500 && i.offsetWidth > 100).length"
        page.wait_for_function(f"({seen})() === 3", timeout=30_000)
        page.get_by_text("棕色为加重").wait_for(timeout=30_000)
        page.get_by_text("English").first.click()
        page.get_by_text("Anlan decision panel").wait_for(timeout=30_000)
        page.get_by_text("drainage swmm → none (“Storm on the small town”, changed)").first.wait_for(
            state="attached", timeout=30_000
        )
        stays = f"run={older}" in page.url and "language=en" in page.url
        letters = page.evaluate("document.fonts.check('16px Anlan', '安澜')")
        browser.close()
    assert not outside, outside
    assert stays, "the chosen run stays when the language changes"
    assert blue >= 0.002, "the flood is not on the map"
    assert letters, "the Chinese letters did not load"
