"""Answers of the runtime's own, as opposed to those of servers inside sessions."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from aiohttp import web

from agentbay._wire.envelope import write_error

if TYPE_CHECKING:
    from agentbay.errors import ServiceError

__all__ = ("error_answer", "json_answer")

_HOST_ID = "agentbay.local"
_CONTENT_TYPE = "application/json;charset=utf-8"


def error_answer(error: ServiceError, request_id: str) -> web.Response:
    """Return *error* in an envelope of the protocol."""
    status = error.http_status or 400
    answer = json_answer(write_error(error, request_id, _HOST_ID), status=status)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(max(math.ceil(error.retry_after), 1))
    return answer


def json_answer(value: dict[str, Any], status: int = 200) -> web.Response:
    """Return *value* as JSON."""
    try:
        body = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Names of files that are not UTF-8 hold lone surrogates, which only escapes can carry.
        body = json.dumps(value).encode()
    return web.Response(body=body, status=status, headers={"Content-Type": _CONTENT_TYPE})
