"""Where this package puts something else on the wire than the public client, and why.

Each difference names its steps in ``script.py`` and says how the public client's requests become
ours. One that no longer exists fails the test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import evolve, field, frozen

from agentbay._async._file_contents import DIRECT_BYTES
from agentbay.testing import Recorded, Route

Requests: TypeAlias = list[Recorded]


@frozen
class Difference:
    """One intended difference.

    Attributes:
        steps: Where it shows.
        change: Turns the requests of the public client into ours.
        routes: The ways to tools with which it shows.
    """

    reason: str
    steps: tuple[str, ...]
    change: Callable[[Requests], Requests]
    routes: tuple[Route, ...] = field(default=(Route.API, Route.LINK))


def _without_description(requests: Requests) -> Requests:
    def strip(request: Recorded) -> Recorded:
        if request.name != "browser_use_execute_task":
            return request
        schema: dict[str, Any] = json.loads(request.arguments["output_schema"])
        del schema["description"]
        return evolve(request, arguments={**request.arguments, "output_schema": json.dumps(schema)})

    return [strip(request) for request in requests]


def _bound(_: Requests) -> Requests:
    items = '[{"ContextId":"SdkCtx-1","SkillIds":["sk_1"],"Path":"/skills"}]'
    sent = {"ContextSkillBindItems": items, "LoginRegionId": "cn-hangzhou"}
    return [Recorded(route=Route.API, name="BindContextSkillAsync", arguments=sent)]


DIFFERENCES = (
    Difference(
        "The blocking public client never sends this: it forgets to wait for its own coroutine.",
        ("skills bind",),
        _bound,
    ),
    Difference(
        "Large files come in parts, so that what is held in memory does not grow with the file.",
        ("fs read", "fs read bytes"),
        lambda requests: [
            evolve(request, arguments={**request.arguments, "length": DIRECT_BYTES})
            for request in requests
        ],
        (Route.LINK,),
    ),
    Difference(
        "The default schema of a result describes itself there; that is no part of the contract.",
        ("agent browser", "agent browser vision", "agent browser wait"),
        _without_description,
    ),
)
