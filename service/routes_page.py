"""GET /: the chat page, and the few files of it under /page/.

They are served as they stand in `service/page`: no build, nothing from elsewhere. The content security policy
lets only these files run, and takes from scripts every way to turn a text into markup.
"""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from core.settings import AssistantSettings
from service.deps import SettingsDep
from service.errors import NotFoundError

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).with_name("page")
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class PageFile:
    content: bytes
    media_type: str
    tag: str  # changes with the content: a browser asks whether its copy is the newest, once a visit


@router.get("/")
def page(settings: SettingsDep) -> HTMLResponse:
    text = (FOLDER / "index.html").read_text(encoding="utf-8")
    return HTMLResponse(_filled(text, settings.assistant), headers={"Content-Security-Policy": POLICY})


@router.get("/page/{name}")
def page_file(name: str, request: Request) -> Response:
    file = _files().get(name)
    if file is None:
        raise NotFoundError(f"The page has no file {name!r}.")
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _filled(text: str, assistant: AssistantSettings) -> str:
    examples = "".join(
        f'<li><button type="button">{html.escape(question)}</button></li>' for question in assistant.examples
    )
    return text.replace("{{purpose}}", html.escape(assistant.purpose)).replace("{{examples}}", examples)


@cache
def _files() -> dict[str, PageFile]:
    found = {}
    for path in FOLDER.iterdir():
        if media_type := MEDIA_TYPES.get(path.suffix):
            content = path.read_bytes()
            found[path.name] = PageFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:16]}"')
    return found
