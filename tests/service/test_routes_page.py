"""The chat page as files: what is served, and under which policy."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from core.settings import AssistantSettings, Settings
from service.routes_page import FOLDER
from tests.service.conftest import Standing

FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".html")


def test_the_page_runs_only_its_own_files(standing: Standing) -> None:
    response = standing.client.get("/")
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"].split("; ")
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert rule in policy
    for rule in ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "trusted-types 'none'"):
        assert rule in policy
    assert "unsafe" not in " ".join(policy)
    linked = re.findall(r'(?:src|href)="([^"#]+)"', response.text)
    assert {link.removeprefix("page/") for link in linked} <= set(FILES)
    assert not re.search(r"<style|<script>|\sstyle=|\son\w+=", response.text)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_page_is_served_and_kept_by_browsers(standing: Standing, name: str) -> None:
    response = standing.client.get(f"/page/{name}")
    assert response.content == (FOLDER / name).read_bytes()
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert response.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])
    assert response.headers["x-content-type-options"] == "nosniff"
    again = standing.client.get(f"/page/{name}", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2Froutes_page.py", "%2e%2e/app.py"])
def test_nothing_else_is_served(standing: Standing, name: str) -> None:
    response = standing.client.get(f"/page/{name}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_scripts_have_no_way_to_turn_text_into_markup(name: str) -> None:
    script = (FOLDER / name).read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|eval\(|Function\(|https?:(?!//www\.w3\.org/2000/svg)",
        script,
    )
    imported = re.findall(r'(?:from |import\()"([^"]+)"', script)
    assert {path.removeprefix("./") for path in imported} <= set(FILES)


def test_the_page_says_what_the_assistant_is_for_without_running_it(
    stand: Callable[..., Standing], settings: Settings
) -> None:
    assistant = AssistantSettings(
        purpose="<script>alert(1)</script> benefits", examples=("Is 1 < 2 & 3?", "Who am I?")
    )
    page = stand(settings.model_copy(update={"assistant": assistant})).client.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; benefits" in page
    assert '<li><button type="button">Is 1 &lt; 2 &amp; 3?</button></li>' in page
    assert "{{" not in page
