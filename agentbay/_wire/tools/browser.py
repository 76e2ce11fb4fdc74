"""The tools of a browser and of the operator of its pages."""

from __future__ import annotations

from attrs import field, frozen

from agentbay._wire.tools.base import Tool

__all__ = (
    "BROWSER_SERVER",
    "PageUseAct",
    "PageUseActAsync",
    "PageUseCloseSession",
    "PageUseExtract",
    "PageUseExtractAsync",
    "PageUseGetActResult",
    "PageUseGetExtractResult",
    "PageUseGetObserveResult",
    "PageUseLogin",
    "PageUseNavigate",
    "PageUseObserve",
    "PageUseObserveAsync",
    "PageUseScreenshot",
    "StopChrome",
)

BROWSER_SERVER = "wuying_cdp_mcp_server"
"""Owns the browser, and sends its notices over the WebSocket."""


@frozen(kw_only=True)
class StopChrome(Tool):
    """Stop the browser; it can be started again."""

    tool_name = "stopChrome"
    server = BROWSER_SERVER


@frozen(kw_only=True)
class OperatorTool(Tool):
    """Base of the tools of the page operator."""

    server = "wuying_browseruse"


@frozen(kw_only=True)
class PageTool(OperatorTool):
    """Base of the tools that work on one page.

    Attributes:
        context_id: Index of the browser context.
        page_id: The page's CDP target; the current one when absent.
    """

    context_id: int = 0
    page_id: str | None = None


@frozen(kw_only=True)
class PageUseNavigate(OperatorTool):
    """Open a URL in the current page."""

    tool_name = "page_use_navigate"

    url: str


@frozen(kw_only=True)
class PageUseScreenshot(PageTool):
    """Take a picture of a page and return it as a data URL."""

    tool_name = "page_use_screenshot"

    full_page: bool = True
    quality: int = 80
    clip: dict[str, float] | None = None
    timeout: int | None = None


@frozen(kw_only=True)
class PageUseCloseSession(OperatorTool):
    """End the work of the operator."""

    tool_name = "page_use_close_session"


@frozen(kw_only=True)
class ActTool(PageTool):
    """Base of the two forms of acting on a page."""

    action: str
    variables: dict[str, str] | None = None
    use_vision: bool | None = None
    timeout: int | None = None
    """Seconds."""
    timeout_ms: int | None = None
    iframes: bool | None = None
    dom_settle_timeout_ms: int | None = None
    trace_id: str | None = None


@frozen(kw_only=True)
class PageUseActAsync(ActTool):
    """Start to do something on a page and return the task's id, in a JSON object."""

    tool_name = "page_use_act_async"


@frozen(kw_only=True)
class PageUseAct(ActTool):
    """Do something on a page and say what was done."""

    tool_name = "page_use_act"


@frozen(kw_only=True)
class TaskTool(OperatorTool):
    """Base of the tools that ask for the outcome of a task."""

    task_id: str


@frozen(kw_only=True)
class PageUseGetActResult(TaskTool):
    """Return how acting on a page stands, as a JSON object."""

    tool_name = "page_use_get_act_result"


@frozen(kw_only=True)
class ObserveTool(PageTool):
    """Base of the two forms of looking for elements of a page."""

    instruction: str
    use_vision: bool | None = None
    selector: str | None = None
    iframes: bool | None = None
    dom_settle_timeout_ms: int | None = None
    trace_id: str | None = None


@frozen(kw_only=True)
class PageUseObserveAsync(ObserveTool):
    """Start to look for elements of a page and return the task's id, in a JSON object."""

    tool_name = "page_use_observe_async"


@frozen(kw_only=True)
class PageUseObserve(ObserveTool):
    """Look for elements of a page and return them, as a JSON array."""

    tool_name = "page_use_observe"


@frozen(kw_only=True)
class PageUseGetObserveResult(TaskTool):
    """Return the elements that were found, as a JSON array; nothing while looking."""

    tool_name = "page_use_get_observe_result"


@frozen(kw_only=True)
class ExtractTool(PageTool):
    """Base of the two forms of reading data off a page.

    Attributes:
        field_schema: ``schema: `` and the JSON schema of the data.
    """

    instruction: str
    field_schema: str
    use_text_extract: bool | None = None
    use_vision: bool | None = None
    selector: str | None = None
    max_page: int | None = None
    iframe: bool | None = None
    dom_settle_timeout_ms: int | None = None
    trace_id: str | None = None


@frozen(kw_only=True)
class PageUseExtractAsync(ExtractTool):
    """Start to read data off a page and return the task's id, in a JSON object."""

    tool_name = "page_use_extract_async"


@frozen(kw_only=True)
class PageUseExtract(ExtractTool):
    """Read data off a page and return it, as a JSON object."""

    tool_name = "page_use_extract"


@frozen(kw_only=True)
class PageUseGetExtractResult(TaskTool):
    """Return the data that was read, as a JSON object; nothing while reading."""

    tool_name = "page_use_get_extract_result"


@frozen(kw_only=True)
class PageUseLogin(PageTool):
    """Log in to a site."""

    tool_name = "page_use_login"

    login_config: str = field(repr=False)
    """JSON text."""
    use_vision: bool = False
