"""Opens the decision panel: its server in a child process, and the browser as soon as that answers."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import webbrowser
from http.client import HTTPConnection, HTTPException

from scenarios.terminal import talk
from twin.errors import ScenarioError
from twin.words import say

HOST = "127.0.0.1"

#: Settings of the server. Headless: otherwise its first start waits for somebody to type an e-mail address.
SETTINGS = {
    "server.address": HOST,
    "server.headless": "true",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": "true",
    "logger.level": "warning",
    "theme.base": "light",
    "theme.font": "Anlan, Noto Sans CJK SC, Microsoft YaHei, sans-serif",
    "theme.primaryColor": "#2a6db3",
}


def open_panel(port: int, *, browser: bool) -> int:
    """Serve the panel on this machine until it is stopped, and return the exit code of its server.

    Raises ScenarioError where the panel is not installed and where something else listens on `port`.
    """
    page = importlib.util.find_spec("desk.main")
    if page is None or page.origin is None:
        raise ScenarioError("no_desk")
    if _taken(port):
        raise ScenarioError("port_taken", found=port, near=port + 1)
    settings = [part for key, value in SETTINGS.items() for part in (f"--{key}", value)]
    command = [sys.executable, "-m", "streamlit", "run", page.origin, "--server.port", str(port), *settings]
    with subprocess.Popen(command) as server:
        while server.poll() is None and not _answers(port):
            time.sleep(0.2)
        if server.poll() is None:
            address = f"http://{HOST}:{port}"
            talk.print(say("cli.desk_open", address=address), soft_wrap=True)
            if browser and _has_screen():
                webbrowser.open(address)
        return server.wait()


def _taken(port: int) -> bool:
    """Return whether something listens on a port of this machine."""
    with socket.socket() as found:
        return found.connect_ex((HOST, port)) == 0


def _answers(port: int) -> bool:
    """Return whether the server is ready to serve pages."""
    try:
        connection = HTTPConnection(HOST, port, timeout=1.0)
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False


def _has_screen() -> bool:
    """Return whether a browser can be opened: on a server without a screen a text browser would take the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
