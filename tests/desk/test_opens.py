"""The panel opens on a machine that has never seen it: no question asked, the browser called when there is something to see."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from matplotlib import get_configdir
from typer.testing import CliRunner

from scenarios.cli import app
from scenarios.panel import SETTINGS
from twin.errors import ScenarioError

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_first_start_asks_nothing_and_opens_the_browser_once_the_page_answers(tmp_path: Path) -> None:
    opened, port = tmp_path / "opened", free_port()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', "utf-8")
    browser.chmod(0o755)
    env = os.environ | {
        "HOME": str(tmp_path / "newcomer"),
        "MPLCONFIGDIR": get_configdir(),
        "BROWSER": f"{browser} %s",
        "DISPLAY": ":0",
        "ANLAN_LANG": "en",
    }
    with (tmp_path / "told").open("w") as told:
        panel = subprocess.Popen(
            [sys.executable, "-m", "scenarios.cli", "desk", "--port", str(port)],
            env=env, stdin=subprocess.PIPE, stdout=told, stderr=told, start_new_session=True, cwd=tmp_path,
        )  # fmt: skip
        try:
            end = time.monotonic() + 300
            while not opened.exists() and panel.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
            said = (tmp_path / "told").read_text("utf-8")
        finally:
            os.killpg(panel.pid, signal.SIGTERM)
            panel.wait(20)
    assert opened.read_text("utf-8").strip() == f"http://127.0.0.1:{port}"
    assert said.splitlines() == [f"The decision panel is open at http://127.0.0.1:{port}; Ctrl-C ends it."]


def test_a_port_that_is_taken_is_one_sentence_with_another_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANLAN_LANG", "en")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ScenarioError, match=f"{port} is taken. Choose another with --port, e.g. --port {port + 1}"):
            CliRunner().invoke(app, ["desk", "--port", str(port)], catch_exceptions=False)


def test_streamlit_run_has_the_settings_of_the_command() -> None:
    written = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    settings = {f"{part}.{key}": value for part, keys in written.items() for key, value in keys.items()}
    assert {key: str(v).lower() if isinstance(v, bool) else v for key, v in settings.items()} == SETTINGS
