"""A real Chromium for the tests that look at pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# [what, ratio, wanted] of each visible text, field border and placeholder; WCAG 2.2, 1.4.3 and 1.4.11
CONTRAST = Path(__file__).with_name("contrast.js").read_text()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("INHOUSE_REQUIRE_CHROMIUM") == "1":
            pytest.fail("INHOUSE_REQUIRE_CHROMIUM is 1, but no Chromium is installed")
        pytest.skip("pages are tested in Chromium, which is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()
