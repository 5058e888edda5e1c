"""GET /: the chat page, one file without anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from service.deps import SettingsDep

router = APIRouter()

PAGE = Path(__file__).with_name("chat.html")


@router.get("/", include_in_schema=False)
def page(settings: SettingsDep) -> HTMLResponse:
    text, policy = _page()
    purpose = html.escape(settings.assistant.purpose)
    return HTMLResponse(text.replace("{{purpose}}", purpose), headers={"Content-Security-Policy": policy})


@cache
def _page() -> tuple[str, str]:
    """The page and a content security policy that lets only its own script and style run."""
    text = PAGE.read_text(encoding="utf-8")
    script, style = (_sha256(text, tag) for tag in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def _sha256(text: str, tag: str) -> str:
    match = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    assert match is not None
    return "sha256-" + base64.b64encode(hashlib.sha256(match[1].encode()).digest()).decode()
