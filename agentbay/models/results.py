"""What every result has: success or failure, a request id, and :meth:`Outcome.unwrap`.

Failures of the service or the network are returned, not raised, wherever the reference says so.
A result is truthy exactly when it succeeded, and carries in :attr:`ApiResponse.exception` what
its ``unwrap()`` raises. Treat results as immutable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar

from attrs import define, field

from agentbay.errors import AgentBayError, ProtocolError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = (
    "ApiResponse",
    "BaseResult",
    "BoolResult",
    "OperationResult",
    "Outcome",
    "Response",
    "extract_request_id",
)

ResultT = TypeVar("ResultT", bound="Outcome")
T = TypeVar("T")


def _shown(data: object) -> str:
    """Return ``repr(data)``; of a URL only its origin, for the rest may let anybody in."""
    if isinstance(data, str) and "://" in data:
        scheme, _, rest = data.partition("://")
        host = rest.split("/")[0].split("?")[0].rpartition("@")[2]
        return repr(f"{scheme}://{host}/...")
    return repr(data)


@define
class ApiResponse:
    """Base of all results.

    Attributes:
        request_id: Identifies the request in the service's logs; empty when none was answered.
        exception: What ``unwrap()`` raises for a failed result, when an error caused the failure.
    """

    request_id: str = ""
    exception: AgentBayError | None = field(default=None, kw_only=True, eq=False, repr=False)

    def get_request_id(self) -> str:
        """Return the id of the request that this answers."""
        return self.request_id


Response = ApiResponse
"""Another name of the base of all results."""


class Outcome:
    """Success or failure of one call; mixed into every result class."""

    __slots__ = ()

    error_class: ClassVar[type[AgentBayError]] = AgentBayError

    # Fields of the result classes, which each declare them in their documented order.
    success: bool
    error_message: str
    request_id: str
    exception: AgentBayError | None

    def __bool__(self) -> bool:
        return self.success

    def raise_for_error(self) -> None:
        """Raise the error of a failed result; do nothing for a successful one.

        Raises:
            AgentBayError: the subclass that fits what went wrong.
        """
        if not self.success:
            self._raise()

    def _raise(self) -> NoReturn:
        if self.exception is not None:
            raise self.exception
        raise self.error_class(self.error_message or None)

    @classmethod
    def failure(
        cls: type[ResultT], message: str, cause: BaseException | None = None, **fields: Any
    ) -> ResultT:
        """Return the failed result for *message*, keeping what caused it.

        ``code``, ``message`` and ``http_status_code`` are filled where the class has them and
        the service gave them.
        """
        known = {attribute.name for attribute in getattr(cls, "__attrs_attrs__", ())}
        given: dict[str, Any] = {}
        if isinstance(cause, ProtocolError | ServiceError):
            given["request_id"] = cause.request_id
        if isinstance(cause, ServiceError):
            given["code"] = cause.code
            given["message"] = cause.detail
            given["http_status_code"] = cause.http_status or 0
        fields = {name: value for name, value in given.items() if name in known} | fields
        error = cause if isinstance(cause, AgentBayError) else cls.error_class(message)
        made: Callable[..., ResultT] = cls  # each subclass has its own field order
        return made(success=False, error_message=message, exception=error, **fields)


@define
class BaseResult(ApiResponse, Outcome):
    """A result that is only a success or a failure."""

    success: bool = False
    error_message: str = ""

    def unwrap(self) -> None:
        """Return nothing, or raise the error of a failed result."""
        self.raise_for_error()


@define
class OperationResult(ApiResponse, Outcome, Generic[T]):
    """The outcome of an operation that gives back *data*."""

    success: bool = False
    data: T | None = field(default=None, repr=_shown)
    error_message: str = ""
    code: str = ""
    message: str = ""
    http_status_code: int = 0

    def unwrap(self) -> T | None:
        """Return the data, or raise the error of a failed result."""
        self.raise_for_error()
        return self.data


@define
class BoolResult(ApiResponse, Outcome):
    """The outcome of an operation that answers yes."""

    success: bool = False
    data: bool | None = None
    error_message: str = ""

    def unwrap(self) -> bool | None:
        """Return the answer, or raise the error of a failed result."""
        self.raise_for_error()
        return self.data


def extract_request_id(response: object) -> str:
    """Return the request id in the body of a raw *response* of the service; never raise.

    Args:
        response: Anything whose ``to_map()`` returns ``{"body": {"RequestId": ...}}``.

    Returns:
        The id, or nothing where there is none.
    """
    to_map = getattr(response, "to_map", None)
    try:
        answer = to_map() if callable(to_map) else None
    except Exception:  # noqa: BLE001 - a foreign object; without an answer there is no id
        return ""
    body = answer.get("body") if isinstance(answer, dict) else None
    found = body.get("RequestId") if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""
