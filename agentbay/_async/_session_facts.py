"""What is known of a session: what the service told when it was made or looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from agentbay._async import _session_calls as calls
from agentbay._async._deprecation import warn_deprecated
from agentbay._wire.actions.sessions import SessionData

if TYPE_CHECKING:
    from agentbay._wire.actions.sessions import CreatedSession
    from agentbay.models.session import McpTool
    from agentbay.models.session_params import CreateSessionParams


class SessionFacts:
    """The part of a session that tells about it; nothing here does I/O."""

    def __init__(self, session_id: str) -> None:
        self._facts: CreatedSession | SessionData = SessionData(session_id=session_id)
        self._image_id = ""
        self._is_vpc = False
        self._enable_browser_replay: bool | None = None
        self._tools: list[McpTool] = []

    def _learn(
        self, facts: CreatedSession | SessionData, params: CreateSessionParams | None = None
    ) -> None:
        # Not every service repeats the id of the session it was asked for.
        self._facts = attrs.evolve(facts, session_id=facts.session_id or self.session_id)
        self._tools[:] = calls.mcp_tools(facts.tool_list)
        self._is_vpc = facts.vpc_resource
        if params is not None:
            self._image_id = params.image_id or ""
            self._is_vpc = facts.vpc_resource or params.is_vpc
            self._enable_browser_replay = params.enable_browser_replay

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._facts.session_id

    @property
    def image_id(self) -> str:
        """The image that was asked for; empty when the service chose."""
        return self._image_id

    @property
    def app_instance_id(self) -> str:
        """Id of the instance that runs the session."""
        return self._facts.app_instance_id

    @property
    def resource_url(self) -> str:
        """Where the session can be viewed; a secret, since it authorises whoever has it."""
        return self._facts.resource_url

    @property
    def token(self) -> str:
        """What authorises direct calls to the session; a secret."""
        return self._facts.token

    @property
    def link_url(self) -> str:
        """Base URL of direct tool calls; empty when the session offers none."""
        return self._facts.link_url

    @property
    def ws_url(self) -> str:
        """URL of the session's WebSocket; empty when it has none."""
        return self._facts.ws_url

    @property
    def mcp_tools(self) -> list[McpTool]:
        """The tools that the session announced, or the last ``list_mcp_tools`` found."""
        return self._tools

    @property
    def mcpTools(self) -> list[McpTool]:  # noqa: N802 - a spelling of other releases
        """The same as :attr:`mcp_tools`."""
        return self._tools

    @property
    def is_vpc(self) -> bool:
        """Whether the session runs inside a VPC."""
        return self._is_vpc

    @property
    def network_interface_ip(self) -> str:
        """Address of the session inside its VPC."""
        return self._facts.network_interface_ip

    @property
    def http_port(self) -> str:
        """Port of the session inside its VPC."""
        return self._facts.http_port

    @property
    def vpc_ip(self) -> str:
        """Address of the session in a network of your own."""
        return self._facts.vpc_ip

    @property
    def vpc_id(self) -> str:
        """Id of the network of your own in which the session runs."""
        return self._facts.vpc_id

    @property
    def enable_browser_replay(self) -> bool | None:
        """Whether recording the browser was asked for; ``None`` when the service chose."""
        return self._enable_browser_replay

    @property
    def enableBrowserReplay(self) -> bool | None:  # noqa: N802 - a spelling of other releases
        """The same as :attr:`enable_browser_replay`."""
        return self._enable_browser_replay

    @property
    def file_transfer_context_id(self) -> str | None:
        """Id of the context for file transfers, where the service named exactly one."""
        return self._context_id("file-transfer-context-")

    @property
    def record_context_id(self) -> str | None:
        """Id of the context for browser recordings, where the service named exactly one."""
        return self._context_id("browserreplay-")

    def _context_id(self, prefix: str) -> str | None:
        contexts = self._facts.contexts if isinstance(self._facts, SessionData) else ()
        found = [
            context.get("id") for context in contexts if context.get("name", "").startswith(prefix)
        ]
        return found[0] if len(found) == 1 else None

    def get_token(self) -> str:
        """Return :attr:`token`; deprecated."""
        warn_deprecated("get_token")
        return self.token

    def get_link_url(self) -> str:
        """Return :attr:`link_url`; deprecated."""
        warn_deprecated("get_link_url")
        return self.link_url

    def getToken(self) -> str:  # noqa: N802 - a spelling of other releases
        """Return :attr:`token`; deprecated."""
        warn_deprecated("getToken")
        return self.token

    def getLinkUrl(self) -> str:  # noqa: N802 - a spelling of other releases
        """Return :attr:`link_url`; deprecated."""
        warn_deprecated("getLinkUrl")
        return self.link_url
