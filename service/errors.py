"""How each fault looks from outside: HTTP status, error type and the one shape of an error body.

Standard library and `core.errors` only, because the command line uses the types too.
"""

from __future__ import annotations

import math
from typing import Any

from core.errors import (
    AbandonedError,
    AdapterMismatchError,
    ConfigurationError,
    EmptyQuestionError,
    IndexLockedError,
    IndexUnavailableError,
    InhouseError,
    InvalidInputError,
    ModelError,
    ServiceError,
    SourceError,
    StageTimeoutError,
    UnknownModelError,
)


class AuthenticationError(InhouseError):
    code = "invalid_api_key"


class PermissionDeniedError(InhouseError):
    code = "permission_denied"


class NotFoundError(InhouseError):
    code = "not_found"


class TooManyRequestsError(InhouseError):
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, code: str | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class ConflictError(InhouseError):
    code = "conflict"


class LogDisabledError(ServiceError):
    """A setting turns the log off: to ask again later does not help."""

    code = "log_disabled"


# The first class that fits decides, so subclasses come before their parents.
STATUS_OF: tuple[tuple[type[InhouseError], int], ...] = (
    (AuthenticationError, 401),
    (PermissionDeniedError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (EmptyQuestionError, 400),
    (InvalidInputError, 422),
    (SourceError, 422),
    (IndexLockedError, 409),
    (IndexUnavailableError, 503),
    (UnknownModelError, 404),
    (AdapterMismatchError, 409),
    (ModelError, 503),
    (TooManyRequestsError, 429),
    (AbandonedError, 499),
    (ServiceError, 503),
    (StageTimeoutError, 504),
    (ConfigurationError, 500),
)

TYPE_OF_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
    504: "timeout_error",
}

CODE_OF_STATUS = {
    400: "bad_request",
    401: "invalid_api_key",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "body_too_large",
    422: "invalid_request",
    500: "internal_error",
}


def status_of(error: InhouseError) -> int:
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), 500)


def type_of(status: int) -> str:
    return TYPE_OF_STATUS.get(status, "invalid_request_error" if status < 500 else "server_error")


def error_body(message: str, *, status: int, code: str | None = None) -> dict[str, Any]:
    """The error shape of every route and of `--json` on the command line."""
    code = code or CODE_OF_STATUS.get(status, f"http_{status}")
    return {"error": {"message": message, "type": type_of(status), "code": code}}


def headers_of(error: InhouseError) -> dict[str, str]:
    """What a client needs beside the body: how to authenticate, when to try again."""
    if isinstance(error, TooManyRequestsError):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
    if isinstance(error, LogDisabledError):
        return {}
    by_status = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
    return by_status.get(status_of(error), {})


def body_of(error: InhouseError) -> dict[str, Any]:
    return error_body(error.message, status=status_of(error), code=error.code)
