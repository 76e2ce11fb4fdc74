"""One call of an action: a request in, its reply out."""

from __future__ import annotations

import logging
import time
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

import attrs
from attrs import field, frozen

from agentbay._masking import mask_sensitive_data
from agentbay._transport.deadline import Deadline
from agentbay._transport.retry import repeated, retry_after
from agentbay._version import __version__
from agentbay._wire.codec import lenient_converter, wire_name
from agentbay._wire.envelope import Code, Reply, read_error, read_reply
from agentbay._wire.request import API_VERSION, EncodedRequest, Request
from agentbay.errors import AgentBayError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentbay._transport.http import HttpPool
    from agentbay.config import RetryPolicy

__all__ = ("Rpc", "Target")

logger = logging.getLogger("agentbay.api")

DataT = TypeVar("DataT")

_FIRST_ERROR_STATUS = 400


@frozen
class Target:
    """Where requests go, and the key that they carry."""

    base_url: str
    api_key: str = field(repr=False)


class Rpc:
    """The API of one service.

    Args:
        http: Connections.
        target: Finds out where the service is; called for each request, so it must be cheap.
        timeout: Seconds that a call may take unless it says otherwise.
        retry: How often what failed is sent again.
    """

    def __init__(
        self,
        http: HttpPool,
        target: Callable[[], Awaitable[Target]],
        timeout: float,
        retry: RetryPolicy,
    ) -> None:
        self._http = http
        self._target = target
        self.timeout = timeout
        self.retry = retry

    async def call(
        self,
        request: Request[DataT],
        *,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> Reply[DataT]:
        """Send *request* and return the reply, which may be a refusal.

        Args:
            request: The action and its parameters.
            timeout: Seconds for the whole call, all attempts; the client's timeout by default.
            connect_timeout: Seconds for making a connection.
            retry: How often it is sent again; as often as the client does by default.

        Raises:
            TransportError: no usable answer arrived.
            ServiceError: the service answered with HTTP 4xx or 5xx.
            ProtocolError: the answer cannot be understood.
        """
        target = await self._target()
        encoded = _encode(request, target.api_key)
        _log_call(request)

        async def attempt(number: int, deadline: Deadline) -> Reply[DataT]:
            return await self._send(request, encoded, target, number, deadline, connect_timeout)

        return await repeated(
            attempt,
            retry or self.retry,
            Deadline.after(self.timeout if timeout is None else timeout),
            what=encoded.action,
            idempotent=request.idempotent,
            problem_of=lambda reply: reply.refusal,
        )

    async def _send(
        self,
        request: Request[DataT],
        encoded: EncodedRequest,
        target: Target,
        number: int,
        deadline: Deadline,
        connect_timeout: float | None,
    ) -> Reply[DataT]:
        started = time.monotonic()
        try:
            response = await self._http.request(
                "POST",
                f"{target.base_url}/",
                deadline=deadline,
                connect_timeout=connect_timeout,
                headers=_headers(encoded.action, number),
                query=_common_query(encoded.action) | encoded.query,
                body=_form_body(encoded),
            )
            if response.status >= _FIRST_ERROR_STATUS:
                raise read_error(response.text, response.status, retry_after(response))
            reply = read_reply(type(request), response.text, response.status)
            if reply.refusal is not None:
                reply.refusal.retry_after = retry_after(response)
        except AgentBayError as exc:
            seconds = time.monotonic() - started
            logger.info("API Response: %s failed after %.3f s: %s", encoded.action, seconds, exc)
            raise
        logger.info(
            "API Response: %s, RequestId=%s, Code=%s, %.3f s",
            encoded.action,
            reply.request_id,
            reply.code or Code.OK,
            time.monotonic() - started,
        )
        return reply


def _headers(action: str, number: int) -> dict[str, str]:
    again = {"x-acs-retry-attempts": str(number - 1)} if number > 1 else {}
    return {
        "x-acs-version": API_VERSION,
        "x-acs-action": action,
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": f"agentbay-sdk/{__version__} (Python)",
        **again,
    }


def _log_call(request: Request[DataT]) -> None:
    if not logger.isEnabledFor(logging.DEBUG):
        return
    # Fields left out of repr are secret, or the user's own data.
    shown = {
        wire_name(type(request), field.name): getattr(request, field.name)
        for field in attrs.fields(type(request))
        if field.repr and getattr(request, field.name) is not None
    }
    values = mask_sensitive_data(lenient_converter.unstructure(shown))
    logger.debug("API Call: %s, %s", request.action(), values)


def _encode(request: Request[DataT], api_key: str) -> EncodedRequest:
    try:
        return request.encode(api_key)
    except (TypeError, ValueError) as exc:
        raise AgentBayError(f"A parameter of {request.action()} cannot be sent: {exc}") from exc


def _form_body(encoded: EncodedRequest) -> bytes:
    try:
        return urlencode(encoded.form).encode("ascii")
    except UnicodeEncodeError as exc:
        raise AgentBayError(
            f"A parameter of {encoded.action} is not text that can be sent: {exc}"
        ) from exc


def _common_query(action: str) -> dict[str, str]:
    return {
        "Action": action,
        "Format": "json",
        "Version": API_VERSION,
        "Timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SignatureNonce": uuid.uuid4().hex,
    }
