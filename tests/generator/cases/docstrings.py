"""Sessions.

Use AsyncSession like this::

    async with AsyncSession() as session:
        await session.run("ls")

Other classes, AsyncNothing for example, keep their names. AsyncSession in prose, too: await it.
"""

from __future__ import annotations

__all__ = ("AsyncSession",)


class AsyncSession:
    r"""A session, written with "quotes" and \escapes.

    >>> session = AsyncSession()
    >>> await session.run("await")
    ... async for line in session: pass

    To await or not to await.

    ```python
    async def main(session: AsyncSession, other: AsyncOther) -> None:
        print((await session.run("ls")).strip())
    ```

    An AsyncSession ends.
    """

    async def run(self, command: str = 'single "double"') -> str:
        """Run *command*.

        Example::

            text = await session.run("é")
                # AsyncSession, deeper

        Raises:
            ValueError: await it.
        """
        return command
