"""Background commands: each is one stream, and ends with it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import anyio

from agentbay._wire.channel import SHELL_SERVER, decode_bytes, encode_bytes
from agentbay._wire.processes import (
    INPUT_WINDOW,
    OUTPUT_WINDOW,
    ProcessMethod,
    StartCommand,
    cost,
)
from agentbay.errors import ProtocolError
from agentbay.local.channel.programs import number_of, object_in, open_program, taken_in
from agentbay.local.channel.registry import ChannelFailedError, Exchange, Kind, params_of, serves
from agentbay.local.sandbox.base import SandboxError
from agentbay.local.worker.packets import Packet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentbay.local.channel.programs import ProgramStream

_SIGNALS = frozenset(signal.Signals)
_NAMES = {Packet.STDOUT: "stdout", Packet.STDERR: "stderr"}


@serves(SHELL_SERVER, ProcessMethod.START, Kind.STREAM)
async def start(exchange: Exchange) -> Mapping[str, Any]:
    """Run a command; it is killed with its process group when the client goes before its end."""
    command: StartCommand = exchange.read_params(StartCommand)
    if not command.command or "\0" in command.command:
        raise ChannelFailedError("command: a non-empty string is required", "invalid_argument")
    params = {"command": command.command, "cwd": command.cwd, "envs": command.envs}
    program = await open_program(exchange.place.sandbox, "process", params)
    try:
        return await _Running(exchange, program).run()
    finally:
        program.close()


class _Running:
    """One command and the client at the other end."""

    def __init__(self, exchange: Exchange, program: ProgramStream) -> None:
        self._exchange = exchange
        self._program = program
        self._output_credit = OUTPUT_WINDOW
        self._credited = anyio.Event()
        self._input_left = INPUT_WINDOW
        self._failures: list[Exception] = []

    async def run(self) -> Mapping[str, Any]:
        """Pass everything on until the command has ended; return how."""
        await self._exchange.event(
            ProcessMethod.STARTED, pid=self._program.pid, input_window=INPUT_WINDOW
        )
        end: Mapping[str, Any] = {}
        async with anyio.create_task_group() as group:
            group.start_soon(self._pass_input, group.cancel_scope)
            try:
                end = await self._pass_output()
            except Exception as exc:  # noqa: BLE001 - raised below, without a group around it
                self._failures.append(exc)
            group.cancel_scope.cancel()
        if self._failures:
            raise self._failures[0]
        return end

    async def _pass_output(self) -> Mapping[str, Any]:
        while True:
            kind, payload = await self._program.receive()
            if kind in _NAMES:
                await self._wait_credit()
                self._output_credit -= cost(payload)
                await self._exchange.event(
                    ProcessMethod.OUTPUT, stream=_NAMES[kind], **encode_bytes(payload)
                )
            elif kind is Packet.TAKEN:
                count = taken_in(payload)
                self._input_left += count
                await self._exchange.event(ProcessMethod.CREDIT, bytes=count)
            elif kind is Packet.EXIT:
                facts = object_in(payload)
                names = ("exit_code", "signal", "stdout_bytes", "stderr_bytes")
                return {name: number_of(facts, name) for name in names}

    async def _wait_credit(self) -> None:
        while self._output_credit <= 0:
            self._credited = anyio.Event()
            await self._credited.wait()

    async def _pass_input(self, scope: anyio.CancelScope) -> None:
        """Do what the client asks for; a command is not to go on without what it was to be told."""
        try:
            while True:
                await self._handle(await self._exchange.receive())
        except (ChannelFailedError, SandboxError) as exc:
            self._failures.append(exc)
            scope.cancel()

    async def _handle(self, data: dict[str, Any]) -> None:
        method, params = data.get("method"), params_of(data)
        if method == ProcessMethod.CREDIT:
            self._output_credit += _number(params, "bytes")
            self._credited.set()
        elif method == ProcessMethod.INPUT:
            await self._write(params)
        elif method == ProcessMethod.CLOSE_INPUT:
            await self._program.end_input()
        elif method == ProcessMethod.SIGNAL:
            number = _number(params, "signal")
            if number not in _SIGNALS:
                raise ChannelFailedError(f"There is no signal {number}", "invalid_argument")
            await self._program.send_signal(number)
        else:
            raise ChannelFailedError(f"A command takes no {method!r:.100}", "unknown_method")

    async def _write(self, params: dict[str, Any]) -> None:
        try:
            data = decode_bytes(params)
        except ProtocolError as exc:
            raise ChannelFailedError(str(exc), "invalid_argument") from exc
        self._input_left -= len(data)
        if self._input_left < 0:
            raise ChannelFailedError("More input than there was credit for", "invalid_argument")
        await self._program.write(data)


def _number(params: dict[str, Any], name: str) -> int:
    value = params.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ChannelFailedError(f"{name}: a whole number from 0 is required", "invalid_argument")
    return value
