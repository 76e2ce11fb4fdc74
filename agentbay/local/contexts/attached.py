"""The contexts of one session: what is bound, what is under way, and the way back at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING

import anyio

from agentbay._wire.envelope import Code, service_error
from agentbay._wire.persistence import Policy
from agentbay.errors import ServiceError
from agentbay.local.contexts.bindings import Binding, Scope
from agentbay.local.contexts.keys import ROOT, parse_key, shown
from agentbay.local.contexts.service import FILE_TRANSFER
from agentbay.local.contexts.settled import settled
from agentbay.local.contexts.status import Board, Direction
from agentbay.local.contexts.transfers import NothingThereError, StalledError, Transfers
from agentbay.local.sandbox.base import SandboxDiedError, SandboxError
from agentbay.local.worker.records import RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentbay.local.contexts.service import Contexts
    from agentbay.local.contexts.status import TransferStatus
    from agentbay.local.sandbox.base import Sandbox

__all__ = ("FILE_TRANSFER_PATH", "RELEASE_SECONDS", "AttachedContexts", "refuse_double")

logger = logging.getLogger(__name__)

FILE_TRANSFER_PATH = "/tmp/file-transfer"  # noqa: S108 - given by the service, inside a session
RELEASE_SECONDS = 240.0

_CANCEL_SECONDS = 10.0


class AttachedContexts:
    """The contexts of one session. Transfers run one after the other.

    Attributes:
        bindings: What is bound.
        board: How the transfers stand.
        held: Whether the session is paused, so that transfers wait.
    """

    def __init__(self, contexts: Contexts, sandbox: Sandbox) -> None:
        self.held = False
        self.bindings: list[Binding] = []
        self.board = Board()
        self._contexts = contexts
        self._sandbox = sandbox
        self._transfers = Transfers(contexts, sandbox, lambda: self.held)
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._internal: Binding | None = None
        self._binding = asyncio.Lock()
        self._ending = False

    async def bind(self, bindings: Sequence[Binding]) -> None:
        """Bind contexts and begin to download them.

        Raises:
            ServiceError: Something is bound to one of the paths already, or the session ends;
                then nothing happens.
        """
        async with self._binding:
            refuse_double([*self.bindings, *bindings])
            await self._use(bindings)
            self.bindings += bindings
        for binding in bindings:
            if binding.is_mount:
                logger.warning(
                    "Context %s is not mounted at %r but copied there: what is written comes "
                    "back when it is synchronised, or with the end of the session",
                    binding.context.id,
                    binding.path,
                )
            if binding.downloads:
                self._begin(binding.whole(), Direction.DOWNLOAD)

    async def _use(self, bindings: Sequence[Binding]) -> None:
        """Note the use of all contexts, or of none."""
        async with contextlib.AsyncExitStack() as undo:
            for binding in bindings:
                await self._contexts.use(binding)
                undo.push_async_callback(self._contexts.leave, binding)
            if self._ending:
                raise service_error(
                    Code.WRONG_STATE,
                    f"Session {self._sandbox.spec.id} is ending: nothing can be bound to it",
                    http_status=400,
                )
            undo.pop_all()

    async def file_transfer(self) -> Binding:
        """Return the session's own context for files, made when it is first asked for."""
        # To its end: whoever asks next, after a client that was cut off, would find it half made.
        return await settled(self._make_file_transfer())

    async def _make_file_transfer(self) -> Binding:
        async with self._binding:
            if self._internal is None:
                name = f"{FILE_TRANSFER}-{self._sandbox.spec.id}"
                context = await self._contexts.create(name, FILE_TRANSFER)
                if context is None:
                    raise RuntimeError(f"There is a context named {name} already")
                internal = Binding(
                    context=context,
                    path=FILE_TRANSFER_PATH,
                    root="/",
                    prefix=ROOT,
                    policy=Policy(),
                    policy_text="",
                    downloads=False,
                    uploads=False,
                    received=True,
                )
                await self._use([internal])
                self._internal = internal
            return self._internal

    def all_bindings(self) -> list[Binding]:
        """Return what is bound, and the session's own contexts."""
        return [*self.bindings, *([] if self._internal is None else [self._internal])]

    def sync(self, context_id: str | None, path: str | None, mode: str | None) -> None:
        """Begin to transfer: one file or directory, or everything that is bound.

        Raises:
            ServiceError: Nothing is bound there, or it is mounted read-only.
        """
        direction = Direction(mode or Direction.UPLOAD.value)
        scopes = self._scopes(context_id or None, path or None)
        for scope in scopes:
            if direction is Direction.UPLOAD and not scope.binding.writable:
                if path:
                    raise _invalid(f"Path {path[:200]!r} is mounted read-only")
                continue
            self._begin(scope, direction)

    def _scopes(self, context_id: str | None, path: str | None) -> list[Scope]:
        if path is not None and self._internal is not None:
            internal = self._internal
            if context_id == internal.context.id:
                key = shown(parse_key(path, "Path"))
                scope = internal.part(key)
                if scope is not None:
                    return [Scope(binding=internal, path=path, root=key, prefix=scope.prefix)]
        bound = [
            binding
            for binding in self.bindings
            if context_id is None or binding.context.id == context_id
        ]
        if path is None:
            scopes = [binding.whole() for binding in bound]
        else:
            parts = [binding.part(path) for binding in bound]
            # Of bindings inside of each other, the innermost has the path.
            found = [part for part in parts if part is not None]
            scopes = sorted(found, key=lambda part: len(part.binding.root))[-1:]
        if not scopes and (context_id or path):
            raise _invalid(
                f"Nothing is bound to the session at {path or 'any path'!r}"
                + (f" from context {context_id[:100]!r}" if context_id else "")
            )
        return scopes

    def _begin(self, scope: Scope, direction: Direction, *, force: bool = True) -> None:
        context_id = scope.binding.context.id
        if self.board.waiting(context_id, scope.path, direction) is not None:
            return  # it will do what this one would
        status = self.board.post(context_id, scope.path, direction)
        task = asyncio.create_task(
            self._run(scope, status, force=force),
            name=f"{direction.value} {context_id} of {self._sandbox.spec.id}",
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, scope: Scope, status: TransferStatus, *, force: bool) -> None:
        try:
            async with self._turn:
                status.begin()
                if status.direction is Direction.UPLOAD:
                    await self._transfers.upload(scope, force=force)
                else:
                    await self._transfers.download(scope)
        except (SandboxError, ServiceError, OSError, sqlite3.Error) as exc:
            self._failed(status, _reason(exc))
        except (NothingThereError, StalledError) as exc:
            self._failed(status, str(exc))
        except RecordError as exc:
            self._failed(status, f"The session sent what cannot be stored: {exc}")
        except Exception:
            logger.exception("A transfer failed unexpectedly")
            self._failed(status, "The runtime failed; its log tells why")
        except BaseException:
            status.finish("The transfer was cut off by the end of the session")
            raise
        else:
            status.finish()

    def _failed(self, status: TransferStatus, reason: str) -> None:
        logger.warning(
            "Session %s: the %s of context %s at %r failed: %s",
            self._sandbox.spec.id,
            status.direction.value,
            status.context_id,
            status.path,
            reason,
        )
        status.finish(reason)

    async def release(self, *, upload: bool) -> None:
        """Let what is under way finish, upload what is to be kept, and let go of the contexts.

        Bounded in time; what does not succeed is logged, and the versions before stay.
        """
        self._ending = True
        try:
            if upload:
                with anyio.move_on_after(RELEASE_SECONDS) as limit:
                    await self._upload_all()
                if limit.cancelled_caught:
                    logger.error(
                        "Session %s: its contexts were not stored within %g seconds",
                        self._sandbox.spec.id,
                        RELEASE_SECONDS,
                    )
        finally:
            with anyio.CancelScope(shield=True):
                await self._let_go()

    async def _upload_all(self) -> None:
        await self._wait()
        for binding in self.bindings:
            if binding.uploads:
                self._begin(binding.whole(), Direction.UPLOAD, force=False)
        await self._wait()

    async def _wait(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _let_go(self) -> None:
        for task in self._tasks:
            task.cancel()
        with anyio.move_on_after(_CANCEL_SECONDS):
            await self._wait()
        async with contextlib.AsyncExitStack() as leaving:
            for binding in self.all_bindings():
                leaving.push_async_callback(self._contexts.leave, binding)


def refuse_double(bindings: Sequence[Binding]) -> None:
    """Refuse two bindings at one path.

    Raises:
        ServiceError: There are; it travels with HTTP status 200, as that of the service.
    """
    taken: dict[str, Binding] = {}
    for binding in bindings:
        if binding.root in taken:
            raise service_error(
                Code.PATH_ALREADY_BOUND,
                f"Path {binding.path!r} is bound to context {taken[binding.root].context.id}",
                http_status=200,
            )
        taken[binding.root] = binding


def _reason(exc: Exception) -> str:
    if isinstance(exc, SandboxDiedError):
        return "The session ended before the files had been transferred"
    if isinstance(exc, ServiceError):
        return exc.detail
    if isinstance(exc, OSError):
        return f"The context cannot be stored or read: {exc.strerror or exc}"
    return str(exc)


def _invalid(problem: str) -> ServiceError:
    return service_error(Code.INVALID_PARAMETER, problem, http_status=400)
