"""Code execution: what one run of code leaves behind."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from agentbay.errors import CodeFailedError, RemoteOperationError
from agentbay.models.results import ApiResponse, Outcome

__all__ = (
    "CodeExecutionResult",
    "EnhancedCodeExecutionResult",
    "ExecutionError",
    "ExecutionLogs",
)

MIME_TYPES = {
    "text": "text/plain",
    "html": "text/html",
    "markdown": "text/markdown",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "svg": "image/svg+xml",
    "json": "application/json",
    "latex": "text/latex",
    "chart": "application/vnd.vegalite.v5+json",
}
"""The forms in which a result can be shown, and the MIME type of each."""

VEGALITE_4 = "application/vnd.vegalite.v4+json"


@define
class CodeExecutionResult:
    """One thing that the code showed, in every form it has.

    Attributes:
        text: Plain text.
        html: HTML.
        markdown: Markdown.
        png: A PNG image in base64.
        jpeg: A JPEG image in base64.
        svg: An SVG image.
        json: A JSON value, mostly an object.
        latex: LaTeX.
        chart: A Vega-Lite chart.
        is_main_result: Whether it is the value of the last expression, not displayed on the way.
    """

    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    png: str | None = field(default=None, repr=False)
    jpeg: str | None = field(default=None, repr=False)
    svg: str | None = field(default=None, repr=False)
    json: Any | None = None
    latex: str | None = None
    chart: dict[str, Any] | None = None
    is_main_result: bool = False

    def formats(self) -> list[str]:
        """Return the names of the forms it has."""
        return [name for name in MIME_TYPES if getattr(self, name) is not None]

    def mime_bundle(self) -> dict[str, Any]:
        """Return its forms by MIME type."""
        bundle = {MIME_TYPES[name]: getattr(self, name) for name in self.formats()}
        schema = str((self.chart or {}).get("$schema", ""))
        if "/vega-lite/v4" in schema:
            bundle[VEGALITE_4] = bundle.pop(MIME_TYPES["chart"])
        return bundle

    def _repr_mimebundle_(self, include: object, exclude: object) -> dict[str, Any]:  # noqa: ARG002
        """Show it in a notebook, which chooses among the forms, as the kernel would."""
        return self.mime_bundle() or {"text/plain": repr(self)}


@define
class ExecutionLogs:
    """What the code wrote, in the pieces in which it arrived.

    Attributes:
        stdout: Pieces of standard output.
        stderr: Pieces of standard error.
    """

    stdout: list[str] = field(factory=list)
    stderr: list[str] = field(factory=list)


@define
class ExecutionError:
    """Why the code failed.

    Attributes:
        name: The class of the exception, such as ``ValueError``.
        value: Its message.
        traceback: Where it happened; empty when that is not known.
    """

    name: str
    value: str
    traceback: str = ""


@define
class EnhancedCodeExecutionResult(ApiResponse, Outcome):
    """The outcome of one run of code.

    Attributes:
        success: Whether the code ran to its end without an exception.
        execution_count: The how-manieth run of this kernel it was, where kernels count.
        execution_time: Seconds that it took.
        logs: What it wrote.
        results: What it displayed, in that order, and the value of its last expression.
        error: The exception, if there was one.
        timed_out: Whether its time limit stopped it.
        state_lost: Whether the kernel had to be given up: variables of earlier runs are gone.
    """

    error_class = RemoteOperationError

    success: bool = False
    execution_count: int | None = None
    execution_time: float = 0.0
    logs: ExecutionLogs = field(factory=ExecutionLogs)
    results: list[CodeExecutionResult] = field(factory=list)
    error: ExecutionError | None = None
    error_message: str = ""
    timed_out: bool = field(default=False, kw_only=True)
    state_lost: bool = field(default=False, kw_only=True)

    @property
    def result(self) -> str:
        """The main result as text, else that of the first result, else standard output."""
        for item in self.results:
            if item.is_main_result and item.text:
                return item.text
        if self.results and self.results[0].text:
            return self.results[0].text
        return "".join(self.logs.stdout)

    def unwrap(self) -> EnhancedCodeExecutionResult:
        """Return this result, or raise the error of a failed one.

        Raises:
            CodeFailedError: the code was run, and failed or was stopped.
            AgentBayError: it could not be run.
        """
        if not self.success and self.exception is None and self.error is not None:
            raise CodeFailedError(
                self.error_message or f"{self.error.name}: {self.error.value}",
                name=self.error.name,
                value=self.error.value,
                traceback=self.error.traceback,
            )
        self.raise_for_error()
        return self

    def _repr_mimebundle_(self, include: object, exclude: object) -> dict[str, Any]:
        """Show the main result in a notebook, else the last one, else what was written."""
        if not self.success:
            traceback = self.error.traceback if self.error else ""
            return {"text/plain": traceback or self.error_message or repr(self)}
        if not self.results:
            return {"text/plain": self.result}
        shown = next((item for item in self.results if item.is_main_result), self.results[-1])
        return shown._repr_mimebundle_(include, exclude)
