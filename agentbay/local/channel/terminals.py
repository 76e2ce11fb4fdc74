"""The methods of target ``PTY_SERVER``: each terminal belongs to its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from agentbay._wire.channel import PTY_SERVER, decode_bytes
from agentbay._wire.codec import WireObject
from agentbay.errors import ProtocolError
from agentbay.local.channel.programs import open_program
from agentbay.local.channel.registry import ChannelFailedError, Exchange, Kind, serves
from agentbay.local.channel.terminal import Terminal
from agentbay.local.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TERMINALS = 64
"""Of one session at once."""
MAX_UNSEEN = 16
"""Terminals that ended while nobody watched, which are kept for somebody to hear of it."""
_SIZES = range(1, 501)


@frozen(kw_only=True)
class CreateTerminal(WireObject):
    """The parameters of ``pty.create``."""

    pascal_case = False

    cols: int = 80
    rows: int = 24
    cwd: str | None = None
    envs: dict[str, str] = field(factory=dict, repr=False)
    shell: str | None = None


@define(eq=False)
class _Terminals:
    """The terminals of one session, by id."""

    by_id: dict[str, Terminal] = field(factory=dict)

    @classmethod
    def of(cls, exchange: Exchange) -> _Terminals:
        found: _Terminals = exchange.channel.kept.setdefault(PTY_SERVER, cls())
        return found

    @classmethod
    def named(cls, exchange: Exchange) -> Terminal:
        """Return the terminal that the parameters name.

        Raises:
            ChannelFailedError: There is none.
        """
        identity = exchange.params.get("ptySessionId")
        terminals = cls.of(exchange).by_id
        if not isinstance(identity, str) or identity not in terminals:
            raise ChannelFailedError(f"There is no terminal {identity!r:.100}", "not_found")
        return terminals[identity]

    def running(self) -> list[str]:
        return [terminal.id for terminal in self.by_id.values() if not terminal.is_over]

    def forget(self, terminal: Terminal) -> None:
        del self.by_id[terminal.id]

    def make_room(self) -> None:
        """Refuse more than there may be, and forget what nobody has asked for.

        Raises:
            ChannelFailedError: There are as many as there may be.
        """
        if len(self.running()) >= MAX_TERMINALS:
            raise ChannelFailedError(f"There are {MAX_TERMINALS} terminals already", "too_many")
        unseen = [terminal for terminal in self.by_id.values() if terminal.is_over]
        for terminal in unseen[: max(len(unseen) - MAX_UNSEEN, 0)]:
            terminal.give_up()


@serves(PTY_SERVER, "pty.create", Kind.CALL)
async def create(exchange: Exchange) -> Mapping[str, Any]:
    """Open a terminal, watched by the connection that asks."""
    wanted: CreateTerminal = exchange.read_params(CreateTerminal)
    columns, rows = _checked_size(wanted.cols, wanted.rows)
    terminals = _Terminals.of(exchange)
    terminals.make_room()
    params = {
        "columns": columns,
        "rows": rows,
        "cwd": wanted.cwd,
        "envs": {"TERM": "xterm-256color", "LANG": "en_US.UTF-8", **wanted.envs},
        "shell": wanted.shell,
    }
    program = await open_program(exchange.place.sandbox, "terminal", params)
    terminal = Terminal(new_id("pty"), exchange.session, program)
    terminals.by_id[terminal.id] = terminal
    exchange.channel.tasks.spawn(terminal.run(terminals.forget), f"terminal {terminal.id}")
    terminal.watch(exchange.connection)
    return {"ptySessionId": terminal.id, "detach": True}


@serves(PTY_SERVER, "pty.list", Kind.CALL)
async def list_terminals(exchange: Exchange) -> Mapping[str, Any]:
    """List the terminals whose program runs."""
    return {"ptySessionIds": _Terminals.of(exchange).running()}


@serves(PTY_SERVER, "pty.connect", Kind.CALL)
async def connect(exchange: Exchange) -> Mapping[str, Any]:
    """Let this connection watch a terminal, after what was kept while nobody did."""
    terminal = _Terminals.named(exchange)
    terminal.watch(exchange.connection)
    return {"ptySessionId": terminal.id, "detach": True}


@serves(PTY_SERVER, "pty.detach", Kind.CALL)
async def detach(exchange: Exchange) -> Mapping[str, Any]:
    """Let this connection watch a terminal no more; it goes on. Beyond the reference."""
    _Terminals.named(exchange).leave(exchange.connection)
    return {}


@serves(PTY_SERVER, "pty.kill", Kind.CALL)
async def kill(exchange: Exchange) -> Mapping[str, Any]:
    """Kill all processes of a terminal."""
    await _Terminals.named(exchange).kill()
    return {}


@serves(PTY_SERVER, "pty.input", Kind.MESSAGE)
async def take_input(exchange: Exchange) -> Mapping[str, Any]:
    """Pass input on."""
    try:
        data = decode_bytes(exchange.params)
    except ProtocolError as exc:
        raise ChannelFailedError(str(exc), "invalid_argument") from exc
    _Terminals.named(exchange).write(data)
    return {}


@serves(PTY_SERVER, "pty.resize", Kind.MESSAGE)
async def resize(exchange: Exchange) -> Mapping[str, Any]:
    """Set the size."""
    params = exchange.params
    columns, rows = _checked_size(params.get("cols"), params.get("rows"))
    _Terminals.named(exchange).resize(columns, rows)
    return {}


def _checked_size(columns: Any, rows: Any) -> tuple[int, int]:
    if not all(type(value) is int and value in _SIZES for value in (columns, rows)):
        raise ChannelFailedError(
            f"Invalid terminal size: cols={columns!r:.20}, rows={rows!r:.20} (must be 1-500)",
            "invalid_argument",
        )
    return columns, rows
