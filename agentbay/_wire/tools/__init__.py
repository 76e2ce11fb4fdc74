"""The tools of a session.

Each class is one tool; its fields are the arguments. The client builds calls and reads answers
with it, the local runtime checks arguments and writes answers with it, and the tool list that
sessions announce is derived from it. Adding a tool is adding a class.
"""

from __future__ import annotations

from agentbay._wire.tools.agent import *
from agentbay._wire.tools.applications import *
from agentbay._wire.tools.base import *
from agentbay._wire.tools.browser import *
from agentbay._wire.tools.browser_answers import *
from agentbay._wire.tools.capture import *
from agentbay._wire.tools.code import *
from agentbay._wire.tools.desktop import *
from agentbay._wire.tools.files import *
from agentbay._wire.tools.mobile import *
from agentbay._wire.tools.oss import *
from agentbay._wire.tools.shell import *
from agentbay._wire.tools.system import *
from agentbay._wire.tools.windows import *
