"""The panel of these tests opens in Chinese."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def opens_in_chinese(chinese: None) -> None:
    pass
