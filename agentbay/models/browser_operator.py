"""What the operator of a browser's pages is asked, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from attrs import frozen

from agentbay.errors import BrowserError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = (
    "ActOptions",
    "ActResult",
    "ExtractOptions",
    "ModelClass",
    "ObserveOptions",
    "ObserveResult",
)


class ModelClass(Protocol):
    """What is needed of a class of structured data: models of pydantic have it."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Return the JSON schema of the class."""
        ...

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Return *obj*, what JSON can say, as an instance; raise if it does not fit."""
        ...


ModelT = TypeVar("ModelT", bound=ModelClass)


@frozen
class ActOptions:
    """Something to do on a page.

    Args:
        action: What, in words.
        variables: Values that *action* refers to by name.
        use_vision: Let the operator look at pictures of the page.
        timeout: Seconds it may take; 300 by default.
    """

    action: str
    variables: dict[str, str] | None = None
    use_vision: bool | None = None
    timeout: int | None = None


@frozen
class ObserveOptions:
    """Elements to look for on a page.

    Args:
        instruction: Which, in words.
        use_vision: Let the operator look at pictures of the page.
        selector: Look only inside the element that this finds.
        timeout: Seconds it may take; 300 by default.
    """

    instruction: str
    use_vision: bool | None = None
    selector: str | None = None
    timeout: int | None = None


@frozen
class ExtractOptions(Generic[ModelT]):
    """Data to read off a page.

    Args:
        instruction: Which, in words.
        schema: The form that the data shall have: a model class of pydantic.
        use_text_extract: Let the operator read the text instead of the structure of the page.
        use_vision: Let the operator look at pictures of the page.
        selector: Look only inside the element that this finds.
        timeout: Seconds it may take; 300 by default.
        max_page: How many pages of a list to walk through.
    """

    instruction: str
    schema: type[ModelT]
    use_text_extract: bool | None = None
    use_vision: bool | None = None
    selector: str | None = None
    timeout: int | None = None
    max_page: int | None = 1


@frozen
class ActResult:
    """What became of something to do on a page; true when it was done.

    Attributes:
        success: Whether it was done.
        message: What was done, or why it was not.
    """

    success: bool
    message: str

    def __bool__(self) -> bool:
        return self.success

    def unwrap(self) -> str:
        """Return the message, or raise it.

        Raises:
            BrowserError: it was not done.
        """
        if not self.success:
            raise BrowserError(self.message or None)
        return self.message


@frozen
class ObserveResult:
    """An element of a page, and what can be done with it; give it to ``act`` to do so.

    Attributes:
        selector: Finds the element.
        description: What it is, in words.
        method: What can be done, for example ``click``.
        arguments: With what; text where the service did not say it as JSON.
    """

    selector: str
    description: str
    method: str
    arguments: dict[str, Any] | str
