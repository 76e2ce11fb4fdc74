"""Replies: the envelope around ``Data``, error bodies, and which exception a code means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from agentbay._wire.codec import JsonText, dump_json, lenient_converter, load_json, structure
from agentbay._wire.request import Request, SuccessRule
from agentbay.errors import (
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ServerFaultError,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = (
    "SESSION_NOT_FOUND",
    "Code",
    "Reply",
    "malformed_part",
    "read_error",
    "read_reply",
    "service_error",
    "write_error",
    "write_reply",
)

DataT = TypeVar("DataT")


class Code:
    """The error codes that are known by name; the local runtime sends no others."""

    OK = "ok"
    SESSION_NOT_FOUND = "InvalidMcpSession.NotFound"
    ACTION_NOT_FOUND = "InvalidAction.NotFound"
    MISSING_PARAMETER = "MissingParameter"
    INVALID_PARAMETER = "InvalidParameter"
    INVALID_BODY = "InvalidRequestBody"
    INVALID_IMAGE = "InvalidImageId"
    INVALID_KEY = "InvalidApiKey"
    INVALID_TOKEN = "InvalidToken"  # noqa: S105 - the name of a code
    HOST_REFUSED = "HostNotAllowed"
    TOO_LARGE = "RequestTooLarge"
    WRONG_STATE = "InvalidSessionState"
    PORT_UNREACHABLE = "PortUnreachable"
    THROTTLED = "Throttling"
    UNAVAILABLE = "ServiceUnavailable"
    INTERNAL = "InternalError"
    CONTEXT_NOT_FOUND = "InvalidContext.NotFound"
    CONTEXT_IN_USE = "ContextInUse"
    CONTEXT_FILE_NOT_FOUND = "InvalidContextFile.NotFound"
    PATH_ALREADY_BOUND = "PathAlreadyBound"
    FILE_TOO_LARGE = "FileTooLarge"
    INVALID_SIGNATURE = "InvalidSignature"
    SIGNATURE_EXPIRED = "SignatureExpired"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    INVALID_RANGE = "InvalidRange"
    STORAGE_FULL = "InsufficientStorage"


SESSION_NOT_FOUND = "Resource [McpSession] is not found."
"""The service's message for a session that is gone."""

_BY_STATUS: Mapping[int, type[ServiceError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}

# With these something may have been done, so a time to wait is no word of having refused.
_MAY_BE_DONE = frozenset({500, 502, 504})

_BY_CODE: tuple[tuple[str, type[ServiceError]], ...] = (
    ("NotFound", NotFoundError),
    ("Throttling", RateLimitError),
    ("ApiKey", AuthenticationError),
    ("InvalidToken", AuthenticationError),
    ("NOT_LOGIN", AuthenticationError),
    ("InvalidSessionState", ConflictError),
)
"""Part of a code -> exception. A code says more than the status, with which 400 is common."""


def service_error(
    code: str,
    message: str,
    *,
    http_status: int | None = None,
    request_id: str = "",
    retry_after: float | None = None,
) -> ServiceError:
    """Return the exception that a code and a status mean."""
    kind = next((kind for part, kind in _BY_CODE if part in code), None)
    if kind is None and http_status is not None:
        kind = ServerFaultError if http_status >= 500 else _BY_STATUS.get(http_status)
    facts = [f"HTTP {http_status}"] if http_status else []
    facts += [f"request id {request_id}"] if request_id else []
    text = ": ".join(part for part in (code, message or "Unknown error") if part)
    return (kind or ServiceError)(
        f"{text} ({', '.join(facts)})" if facts else text,
        http_status,
        code=code,
        detail=message,
        request_id=request_id,
        retry_after=retry_after,
    )


@attrs.frozen(kw_only=True)
class Reply(Generic[DataT]):
    """A reply whose body could be read.

    Attributes:
        data: The payload, structured; ``None`` when absent.
        refusal: The error, when the action's rule says that this reply is one.
    """

    request_id: str = ""
    success: bool | None = None
    code: str = ""
    message: str = ""
    http_status: int = 200
    next_token: str = ""
    max_results: int = 0
    total_count: int = 0
    count: int | None = None
    data: DataT | None = None
    refusal: ServiceError | None = None


@attrs.frozen
class _Envelope:
    """The fields around ``Data``, in the spelling of the wire."""

    RequestId: str = ""
    Success: bool | None = None
    Code: str = ""
    Message: str = ""
    HttpStatusCode: int = 200
    NextToken: str = ""
    MaxResults: int = 0
    TotalCount: int = 0
    Count: int | None = None


def parse_body(text: str, http_status: int) -> dict[str, Any]:
    """Return the JSON object in *text*.

    Raises:
        ProtocolError: it is not a JSON object; the message shows how it begins.
    """
    try:
        body = load_json(text)
    except ValueError as exc:
        begin = " ".join(text[:80].split())
        raise ProtocolError(
            f"The service answered HTTP {http_status} with something that is not JSON "
            f"(it begins with {begin!r}). Check that the endpoint is an AgentBay service.",
            path=(f"not JSON: {exc} @ $",),
        ) from exc
    if not isinstance(body, dict):
        raise ProtocolError(
            f"The service answered HTTP {http_status} with JSON that is not an object",
            path=(f"expected an object, got {type(body).__name__} @ $",),
        )
    return body


def read_reply(request: type[Request[DataT]], text: str, http_status: int) -> Reply[DataT]:
    """Read the reply to *request* from the body of an HTTP answer below 400.

    Raises:
        ProtocolError: the body is not JSON, or not of the expected form.
    """
    body = parse_body(text, http_status)
    present = {key: value for key, value in body.items() if value is not None}
    what = f"The reply to {request.action()}"
    outer: _Envelope = structure(lenient_converter, present, _Envelope, what)
    refusal = _refusal(request.success_rule, outer)
    data = None
    # A refusal's Data means nothing, and services put odd things there.
    if refusal is None and request.data_type is not None:
        data = _read_data(request, present.get("Data"), what, outer.RequestId)
    return Reply(
        request_id=outer.RequestId,
        success=outer.Success,
        code=outer.Code,
        message=outer.Message,
        http_status=outer.HttpStatusCode,
        next_token=outer.NextToken,
        max_results=outer.MaxResults,
        total_count=outer.TotalCount,
        count=outer.Count,
        data=data,
        refusal=refusal,
    )


def _read_data(request: type[Request[DataT]], data: Any, what: str, request_id: str) -> Any:
    if isinstance(data, str) and request.data_type is not str:
        if not data.strip():
            return None
        try:
            data = load_json(data)
        except ValueError as exc:
            raise ProtocolError(
                f"{what} cannot be read: Data is not JSON: {exc}",
                path=(f"not JSON: {exc} @ $.Data",),
                request_id=request_id,
            ) from exc
    if data is None:
        return None
    try:
        return structure(lenient_converter, data, request.data_type, f"{what} (Data)")
    except ProtocolError as exc:
        exc.path = tuple(problem.replace(" @ $", " @ $.Data", 1) for problem in exc.path)
        exc.request_id = request_id
        raise


def malformed_part(error: BaseException) -> str:
    """Return which part of an answer is no object: ``body``, ``Data``, or none."""
    problems = error.path if isinstance(error, ProtocolError) else ()
    for problem in problems:
        if problem.endswith(" @ $.Data"):
            return "Data"
        if problem.startswith("expected an object") and problem.endswith(" @ $"):
            return "body"
    return ""


def _refusal(rule: SuccessRule, outer: _Envelope) -> ServiceError | None:
    failed = {
        SuccessRule.REFUSED_IF_FALSE_WITH_CODE: outer.Success is False and bool(outer.Code),
        SuccessRule.NEEDS_TRUE_OR_NO_CODE: outer.Success is not True and bool(outer.Code),
        SuccessRule.ABSENT_IS_TRUE: outer.Success is False,
        SuccessRule.NEEDS_TRUE: outer.Success is not True,
        SuccessRule.IGNORED: False,
    }[rule]
    if not failed:
        return None
    return service_error(
        outer.Code,
        outer.Message,
        http_status=outer.HttpStatusCode,
        request_id=outer.RequestId,
    )


def read_error(text: str, http_status: int, retry_after: float | None) -> ServiceError:
    """Read the error body of an HTTP answer of 400 and above.

    Either casing of the names is read, capitalised first. Proxies answer with pages of their
    own; then the status is all that is known.
    """
    try:
        body = parse_body(text, http_status)
    except ProtocolError as exc:
        return service_error("", str(exc), http_status=http_status, retry_after=retry_after)

    def read(name: str) -> str:
        value = body.get(name) or body.get(name[0].lower() + name[1:]) or ""
        return value if isinstance(value, str) else json.dumps(value)

    code, message, request_id = read("Code"), read("Message"), read("RequestId")
    if retry_after is not None and not code and http_status not in _MAY_BE_DONE:
        code = Code.THROTTLED
    return service_error(
        code,
        message,
        http_status=http_status,
        request_id=request_id,
        retry_after=retry_after,
    )


def write_reply(request: type[Request[DataT]], reply: Reply[DataT]) -> dict[str, Any]:
    """Return the body of a successful reply; the reverse of :func:`read_reply`."""
    body: dict[str, Any] = {
        "RequestId": reply.request_id,
        "HttpStatusCode": reply.http_status,
        "Code": reply.code or Code.OK,
        "Success": True if reply.success is None else reply.success,
    }
    if reply.message:
        body["Message"] = reply.message
    if reply.data is not None:
        data = lenient_converter.unstructure(reply.data)
        body["Data"] = dump_json(data, JsonText.COMPACT) if request.data_is_text else data
    if reply.max_results:
        body |= {
            "NextToken": reply.next_token,
            "MaxResults": reply.max_results,
            "TotalCount": reply.total_count,
        }
    if reply.count is not None:
        body["Count"] = reply.count
    return body


def write_error(error: ServiceError, request_id: str, host_id: str) -> dict[str, Any]:
    """Return the body of an error; the reverse of :func:`read_error`."""
    return {
        "RequestId": request_id,
        "HostId": host_id,
        "Code": error.code,
        "Message": error.detail,
        "Success": False,
        "HttpStatusCode": error.http_status,
    }
