"""Around every request: an id, security headers, a limit on the body, one log line, a last net for faults.

Plain ASGI, because a middleware that wraps responses would hold streams back.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs
from service.errors import error_body

log = logging.getLogger("inhouse.access")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Permitted-Cross-Domain-Policies": "none",
}
OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}
_Pairs = tuple[tuple[bytes, bytes], ...]  # names in lower case, as ASGI has them


def _encoded(headers: Mapping[str, str]) -> _Pairs:
    return tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())


_OVER_HTTP, _OVER_TLS = _encoded(SECURITY_HEADERS), _encoded(SECURITY_HEADERS | OVER_TLS)
REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class RequestFrame:
    """`observe` is told route template, method, status and seconds of every request."""

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        observe: Callable[[str, str, int, float], None] | None = None,
    ) -> None:
        self.app = app
        self.observe = observe
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self.max_body_bytes)
        token = logs.request_id.set(exchange.request_id)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except Exception:
            log.exception("unhandled fault", extra={"request_id": exchange.request_id})
            await exchange.send_fault()
        finally:
            exchange.write_log_line()
            logs.request_id.reset(token)
            if self.observe is not None:
                self.observe(exchange.route, scope["method"], exchange.status, exchange.seconds)


class Exchange:
    """One request and its response, with the callables that the application sees."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_bytes: int) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        scope.setdefault("state", {})["request_id"] = self.request_id
        self._announced = headers.get("content-length", "")
        self._scope, self._receive, self._send = scope, receive, send
        self._security = _OVER_TLS if scope.get("scheme") == "https" else _OVER_HTTP
        self._max_body_bytes = max_body_bytes
        self._received = 0
        self._status = 0
        self._started = time.perf_counter()

    @property
    def route(self) -> str:
        """The template of the route that served it; `other` where none did."""
        return str(getattr(self._scope.get("route"), "path", "other"))

    @property
    def status(self) -> int:
        return self._status

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    async def receive(self) -> Message:
        """Raises HTTPException 413 as soon as the body is, or is announced to be, larger than the limit."""
        if self._announced.isdecimal() and int(self._announced) > self._max_body_bytes:
            self._refuse()
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._max_body_bytes:
            self._refuse()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": self._headers(message["headers"])}
        await self._send(message)

    def _headers(self, given: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """What the application has set, the headers of this exchange, and the security headers left open."""
        of_exchange = {"X-Request-ID": self.request_id, **self._scope["state"].get("response_headers", {})}
        set_here = dict(_encoded(of_exchange))
        headers = [pair for pair in given if pair[0].lower() not in set_here]
        headers.extend(set_here.items())
        named = {name.lower() for name, _ in headers}
        headers.extend(pair for pair in self._security if pair[0] not in named)
        return headers

    async def send_fault(self) -> None:
        """A 500 in the error shape, where no response has begun yet."""
        if self._status:
            return
        message = f"The server met a fault of its own. Report it with the request id {self.request_id}."
        body = json.dumps(error_body(message, status=500)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def write_log_line(self) -> None:
        fields = {
            "request_id": self.request_id,
            "method": self._scope["method"],
            "path": self._scope["path"],
            "status": self._status,
            "ms": round((time.perf_counter() - self._started) * 1000, 1),
        }
        log.info("request", extra=fields)

    def _refuse(self) -> None:
        raise HTTPException(
            413, f"The body is larger than {self._max_body_bytes} bytes.", {"Connection": "close"}
        )
