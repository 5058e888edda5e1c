"""`inhouse serve`: address checks, the listening socket, uvicorn."""

from __future__ import annotations

import errno
import json
import signal
import socket
import sys
from contextlib import closing, nullcontext
from types import FrameType
from typing import TYPE_CHECKING

from core.errors import ConfigurationError, ServiceError

if TYPE_CHECKING:
    from core.settings import Settings

GRACE_S = 20  # running answers may take this long after a stop signal


def serve(settings: Settings, *, host: str | None, port: int | None, as_json: bool) -> None:
    """Blocks until stopped.

    Raises ConfigurationError for an address that others can reach while there are no keys, ServiceError for a
    port in use.
    """
    host = settings.service.host if host is None else host
    port = settings.service.port if port is None else port
    with listen(settings, host, port) as listener:
        import uvicorn

        from core.models.heaps import share_few_heaps
        from service import logs
        from service.app import create_app
        from service.jobs.beside import WorkerBeside

        logs.configure()
        share_few_heaps()
        app = create_app(settings)
        announce(host, listener.getsockname()[1], as_json)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_S
        )
        stopped_by: list[int] = []

        def leave(number: int, _frame: FrameType | None) -> None:
            """Ends as the signal would, but by way of what has to be closed."""
            stopped_by.append(number)
            raise SystemExit(128 + number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, leave)  # uvicorn raises the signal again when it has shut down
        live = app.state.live
        with WorkerBeside(settings, lambda: live.warmed_up) if settings.service.worker else nullcontext():
            uvicorn.Server(config).run(sockets=[listener])
    if stopped_by:  # uvicorn's loop may swallow what a handler raises
        raise SystemExit(128 + stopped_by[-1])


def listen(settings: Settings, host: str, port: int) -> socket.socket:
    """A socket that listens before anything heavy is loaded, so that a port in use is told at once."""
    if not 0 <= port <= 65535:
        raise ConfigurationError(f"The port {port} is not between 0 and 65535.")
    family, address = resolve(host, port)
    _check_address(settings, host, address[0])
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _address_fault(error, host, port) from error
    return listener


def _check_address(settings: Settings, host: str, address: str) -> None:
    from service.auth import has_keys, is_loopback

    if is_loopback(address) or has_keys(settings.service):
        return
    from service.database import Database
    from service.keys import KeyStore

    with closing(Database.of(settings)) as database:
        if KeyStore(database).all():
            return
    raise ConfigurationError(
        f"Without API keys only this machine is served, not {host or 'every address'}: make one with "
        "`inhouse keys create NAME` or set INHOUSE_SERVICE__API_KEYS, or serve on 127.0.0.1.",
        code="keys_required",
    )


def resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Raises ServiceError for a host name that this machine does not know."""
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServiceError(
            f"There is no host named {host!r} to serve on.", code="address_unavailable"
        ) from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), port)


def announce(host: str, port: int, as_json: bool) -> None:
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}"
    if as_json:
        print(json.dumps({"url": url, "host": host, "port": port}), flush=True)
    print(f"Inhouse listens on {url} (Ctrl-C stops it)", file=sys.stderr, flush=True)


def _address_fault(error: OSError, host: str, port: int) -> ServiceError:
    if error.errno == errno.EADDRINUSE:
        return ServiceError(
            f"Port {port} on {host} is in use: stop the other server or choose another port with --port.",
            code="port_in_use",
        )
    return ServiceError(f"Cannot listen on {host}:{port}: {error.strerror}.", code="address_unavailable")
