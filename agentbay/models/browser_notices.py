"""Notices between a browser and the program that drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("BrowserNotifyMessage",)

TAKEOVER_DONE: Final = 199


@frozen
class BrowserNotifyMessage:
    """A notice.

    Codes: 0 something to know; 101 captcha, 102 login, 103 payment that a human should take over
    (answer with ``send_takeover_done``); 201 and 202 the service begins and ends solving a
    captcha; 301 and 302 it begins and ends logging in.

    Attributes:
        type: ``call-for-user``.
        id: Identifies the notice; ``send_takeover_done`` takes it.
        code: What it is about.
        message: The same in words.
        action: What is expected: ``takeover``, ``takeoverdone``, ``pause``, ``resume``, ``none``.
        extra_params: More, for example ``max_wait_time``: the seconds after which the service goes
            on by itself.
    """

    type: str | None = None
    id: int | None = None
    code: int | None = None
    message: str | None = None
    action: str | None = None
    extra_params: dict[str, Any] | None = None

    @classmethod
    def takeover_done(cls, notify_id: int) -> BrowserNotifyMessage:
        """Return the notice that a human has done what notice *notify_id* asked for."""
        return cls("call-for-user", notify_id, TAKEOVER_DONE, "user handle done", "takeoverdone")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object for the service."""
        found = {
            "type": self.type,
            "id": self.id,
            "code": self.code,
            "message": self.message,
            "action": self.action,
            "extraParams": self.extra_params or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BrowserNotifyMessage:
        """Read what :meth:`to_dict` wrote; names that it does not know are ignored."""
        names = ("type", "id", "code", "message", "action")
        known = {name: values.get(name) for name in names}
        return cls(**known, extra_params=values.get("extraParams"))
