"""Who may ask and who may administer.

With keys, of the settings or of the database: `Authorization: Bearer KEY`; an admin key may chat too. Without
any key only this machine is served, and there no web page of another site that is open in its browser.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from core.settings import ServiceSettings
from service.errors import AuthenticationError, PermissionDeniedError, TooManyRequestsError
from service.key_ring import KeyRing
from service.keys import digest_of
from service.limiting import FailedTries, RateLimit


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    key_id: str = ""  # empty on loopback without keys
    groups: tuple[str, ...] = ()  # whose documents they may find


async def require_chat(request: Request) -> Caller:
    """Counts the request too.

    Raises AuthenticationError (401), PermissionDeniedError (403), TooManyRequestsError (429), and
    ServiceError (503) where the keys cannot be read.
    """
    caller = await _identify(request, "chat")
    rate_limit: RateLimit = request.app.state.rate_limit
    standing = await rate_limit.count(caller.key_id or address_of(request))
    if standing is not None:
        request.state.response_headers = standing.headers
        if standing.made > standing.allowed:
            raise TooManyRequestsError(
                f"More than {standing.allowed} requests came in too short a time; wait a little.",
                retry_after_s=standing.reset_s,
            )
    return caller


async def require_admin(request: Request) -> Caller:
    """As `require_chat`, but only an admin key will do, and nothing is counted."""
    return await _identify(request, "admin")


ChatCaller = Annotated[Caller, Depends(require_chat)]
AdminCaller = Annotated[Caller, Depends(require_admin)]


def has_keys(settings: ServiceSettings) -> bool:
    return bool(settings.api_keys or settings.admin_keys)


def is_loopback(host: str) -> bool:
    """Of a host name or address as it stands in a Host header or a peer's address."""
    if host in ("localhost", "127.0.0.1", "::1"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(netloc: str) -> str:
    """The name or address in a `Host` header or an origin, without its port; empty where it holds none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:  # brackets that hold no address
        return ""


def address_of(request: Request) -> str:
    """What limits by address count: of IPv6 the network, since one machine has all of its addresses."""
    return _network(request.client.host if request.client else "127.0.0.1")


async def _identify(request: Request, scope: str) -> Caller:
    settings: ServiceSettings = request.app.state.settings.service
    ring: KeyRing = request.app.state.key_ring
    failed: FailedTries = request.app.state.failed_tries
    key = _bearer(request)
    await failed.check(address_of(request))
    if key and _is_one_of(key, settings.admin_keys if scope == "admin" else _all_keys(settings)):
        return Caller(f"settings-{digest_of(key)[:16]}", settings.groups)
    await ring.freshen()
    if ring.is_empty and not has_keys(settings):
        _check_local(request, settings)
        return Caller(groups=settings.groups)
    if not key:
        raise AuthenticationError(
            "An API key is needed: send `Authorization: Bearer KEY`.", code="missing_api_key"
        )
    if (found := ring.find(key)) is not None and found.allows(scope):
        return Caller(found.id, tuple(sorted({*settings.groups, *found.groups})))
    if found is not None or _is_one_of(key, _all_keys(settings)):
        raise PermissionDeniedError(f"This needs a key of scope {scope!r}.")
    await failed.note(address_of(request), digest_of(key))
    raise AuthenticationError("The API key is not valid.")


def _bearer(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _all_keys(settings: ServiceSettings) -> tuple[str, ...]:
    return (*settings.api_keys, *settings.admin_keys)


def _is_one_of(key: str, known: Iterable[str]) -> bool:
    """Compares with every key in constant time, whether or not one has matched."""
    matches = [hmac.compare_digest(key.encode(), other.encode()) for other in known]
    return any(matches)


def _check_local(request: Request, settings: ServiceSettings) -> None:
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    same_site = origin is None or origin.partition("://")[2] == host != "" or origin in settings.cors_origins
    peer = request.client.host if request.client else "127.0.0.1"
    if not (is_loopback(peer) and is_loopback(host_of(host)) and same_site):
        raise PermissionDeniedError(
            "Without API keys only this machine is served: make one with `inhouse keys create NAME`.",
            code="local_only",
        )


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False))
