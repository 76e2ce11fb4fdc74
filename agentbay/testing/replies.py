"""Answers of a recording server as they travel."""

from __future__ import annotations

import uuid
from typing import Any

from aiohttp import web

from agentbay._wire.actions.tools import ToolPayload
from agentbay._wire.codec import lenient_converter
from agentbay._wire.envelope import Code, service_error, write_error
from agentbay.testing.answers import Answer, Data, Raw, Refusal, Text

__all__ = ("payload", "refused", "reply", "sent_as_is")


def reply(answer: Answer) -> web.Response:
    """Return the reply to an action, in its envelope."""
    if isinstance(answer, Text):
        answer = Data(payload(answer))
    if not isinstance(answer, Data):
        return sent_as_is(answer)
    body = {
        "RequestId": str(uuid.uuid4()).upper(),
        "HttpStatusCode": 200,
        "Code": Code.OK,
        "Success": True,
    }
    if answer.data is not None:
        body["Data"] = answer.data
    return web.json_response({**body, **answer.envelope})


def payload(answer: Text) -> dict[str, Any]:
    """Return what a tool answers, as it travels."""
    told: dict[str, Any] = lenient_converter.unstructure(
        ToolPayload.of_text(answer.text, is_error=answer.is_error)
    )
    return told


def sent_as_is(answer: Answer) -> web.Response:
    """Return an answer that is the same on all routes.

    Raises:
        TypeError: it is none.
    """
    if isinstance(answer, Raw):
        return web.Response(body=answer.body, status=answer.status, content_type="application/json")
    if isinstance(answer, Refusal):
        return refused(answer)
    raise TypeError(f"{answer!r} is no answer on this route")


def refused(answer: Refusal) -> web.Response:
    """Return a reply that says no."""
    error = service_error(answer.code, answer.message, http_status=answer.status)
    body = write_error(error, str(uuid.uuid4()).upper(), "recording")
    headers = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
    return web.json_response(body, status=answer.status, headers=headers)
