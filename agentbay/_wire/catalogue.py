"""Every action and every tool, for those who serve them.

Clients import the ones that they use: each class costs time when it is made.
"""

from __future__ import annotations

import agentbay._wire.actions.browser
import agentbay._wire.actions.contexts
import agentbay._wire.actions.links
import agentbay._wire.actions.networks
import agentbay._wire.actions.sessions
import agentbay._wire.actions.skills
import agentbay._wire.actions.tools
import agentbay._wire.tools.agent
import agentbay._wire.tools.answers
import agentbay._wire.tools.applications
import agentbay._wire.tools.base
import agentbay._wire.tools.browser
import agentbay._wire.tools.browser_answers
import agentbay._wire.tools.capture
import agentbay._wire.tools.code
import agentbay._wire.tools.desktop
import agentbay._wire.tools.files
import agentbay._wire.tools.mobile
import agentbay._wire.tools.oss
import agentbay._wire.tools.shell
import agentbay._wire.tools.system
import agentbay._wire.tools.windows
from agentbay._wire.request import REQUESTS
from agentbay._wire.tools.base import TOOLS

__all__ = ("REQUESTS", "TOOLS")
