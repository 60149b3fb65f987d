"""The panel of these tests opens in Chinese, whatever the locale is."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANLAN_LANG", "zh")
