"""The panel: AppTest for what it says, headless Chromium for what a person sees and for what the browser asks for."""

from __future__ import annotations

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

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import desk.main
import scenarios as sc

PAGE = str(Path(desk.main.__file__))


def test_an_empty_shelf_says_what_to_do() -> None:
    app = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not app.exception and "还没有运行结果" in app.info[0].value


def test_the_panel_shows_map_places_plan_in_both_languages(storm: Path) -> None:
    run = sc.run(sc.load(storm))
    app = AppTest.from_file(PAGE, default_timeout=120).run()
    assert not app.exception
    assert any(run.id[:6] in option for box in app.selectbox for option in box.options)
    tables = [frame.value for frame in app.dataframe]
    assert any("长街下穿" in str(table.values) for table in tables)
    app.radio(key="language").set_value("English").run()
    assert not app.exception and app.title[0].value == "Anlan decision panel"
    assert any("Long Street underpass" in str(frame.value.values) for frame in app.dataframe)
    app.toggle(key="play").set_value(True).run()
    assert not app.exception


def test_a_run_is_started_in_a_child_process(storm: Path, anlan_home: Path) -> None:
    folder = anlan_home / "scenarios"
    folder.mkdir(parents=True)
    shutil.copy(storm, folder / "a-small-storm.yaml")
    app = AppTest.from_file(PAGE, default_timeout=60).run()
    chooser = next(s for s in app.selectbox if "小城暴雨" in s.options)
    chooser.set_value("a-small-storm").run()
    app.button(key="go").click().run()
    assert not app.exception
    assert sc.jobs()[0].wait(240).manifest["city"] == "small"


@pytest.fixture
def served(storm: Path, anlan_home: Path) -> Iterator[str]:
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
        page.goto(served)
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
        letters = page.evaluate("document.fonts.check('16px Anlan', '安澜')")
        browser.close()
    assert not outside, outside
    assert blue >= 0.002, "the flood is not on the map"
    assert letters, "the Chinese letters did not load"
