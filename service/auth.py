"""Who may ask and who may administer.

With keys: `Authorization: Bearer KEY`; an admin key may chat too. Without any key only this machine is
served, and there no web page of another site that is open in its browser.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from core.settings import ServiceSettings
from service.errors import AuthenticationError, PermissionDeniedError


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    key_id: str = ""  # empty on loopback without keys
    groups: tuple[str, ...] = ()  # whose documents they may find


def require_chat(request: Request) -> Caller:
    """Raises AuthenticationError (401) or, without keys, PermissionDeniedError (403)."""
    settings: ServiceSettings = request.app.state.settings.service
    if has_keys(settings):
        _check_key(request, (*settings.api_keys, *settings.admin_keys), settings)
    else:
        _check_local(request)
    return Caller(groups=settings.groups)


def require_admin(request: Request) -> Caller:
    """As `require_chat`, but only an admin key will do."""
    settings: ServiceSettings = request.app.state.settings.service
    if has_keys(settings):
        _check_key(request, settings.admin_keys, settings)
    else:
        _check_local(request)
    return Caller(groups=settings.groups)


ChatCaller = Annotated[Caller, Depends(require_chat)]
AdminCaller = Annotated[Caller, Depends(require_admin)]


def has_keys(settings: ServiceSettings) -> bool:
    return bool(settings.api_keys or settings.admin_keys)


def is_loopback(host: str) -> bool:
    """Of a host name or address as it stands in a Host header or a peer's address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_key(request: Request, allowed: Iterable[str], settings: ServiceSettings) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise AuthenticationError(
            "An API key is needed: send `Authorization: Bearer KEY`.", code="missing_api_key"
        )
    if _is_one_of(key, allowed):
        return
    if _is_one_of(key, (*settings.api_keys, *settings.admin_keys)):
        raise PermissionDeniedError("This needs an admin key.")
    raise AuthenticationError("The API key is not valid.")


def _is_one_of(key: str, known: Iterable[str]) -> bool:
    """Compares with every key in constant time, whether or not one has matched."""
    matches = [hmac.compare_digest(key.encode(), other.encode()) for other in known]
    return any(matches)


def _check_local(request: Request) -> None:
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    origin = request.headers.get("origin")
    same_site = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    peer = request.client.host if request.client else "127.0.0.1"
    if not (is_loopback(peer) and is_loopback(host) and same_site):
        raise PermissionDeniedError(
            "Without API keys only this machine is served: set INHOUSE_SERVICE__API_KEYS.", code="local_only"
        )
