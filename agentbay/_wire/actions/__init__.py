"""The actions of the API; each class is one, see :class:`agentbay._wire.request.Request`.

Parameters and data that the current services ignore are listed all the same: other clients
send them, and the local runtime must understand them.
"""

from __future__ import annotations

from agentbay._wire.actions.browser import *
from agentbay._wire.actions.contexts import *
from agentbay._wire.actions.links import *
from agentbay._wire.actions.networks import *
from agentbay._wire.actions.sessions import *
from agentbay._wire.actions.skills import *
from agentbay._wire.actions.tools import *
