"""A system call filter for what namespaces do not separate: the kernel's key rings.

A sandbox that root started runs as root outside its user namespace, and could read the keys of
root. Programs take the answer, "not implemented", for an old kernel and go on without.
"""

from __future__ import annotations

import errno
import platform
import struct

_INSTRUCTION = struct.Struct("=HBBI")
_LOAD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_RETURN = 0x06
_NUMBER_OFFSET = 0
_ARCHITECTURE_OFFSET = 4
_ALLOW = 0x7FFF0000
_DENY = 0x00050000 | errno.ENOSYS
# Numbers from here on are those of the x32 interface, which calls the same functions.
_X32 = 0x40000000

# add_key, request_key and keyctl, for each interface that a kernel offers at the same time.
_X86_64 = (0xC000003E, (248, 249, 250))
_I386 = (0x40000003, (286, 287, 288))
_AARCH64 = (0xC00000B7, (217, 218, 219))
_ARM = (0x40000028, (309, 310, 311))
_RISCV64 = (0xC00000F3, (217, 218, 219))
_INTERFACES = {
    "x86_64": (_X86_64, _I386),
    "aarch64": (_AARCH64, _ARM),
    "riscv64": (_RISCV64,),
}


def key_ring_filter() -> bytes | None:
    """Return the filter for this machine; None for one whose numbers are not known here."""
    interfaces = _INTERFACES.get(platform.machine())
    if interfaces is None:
        return None
    program = [(_LOAD, 0, 0, _ARCHITECTURE_OFFSET)]
    for architecture, numbers in interfaces:
        body = _decide(numbers)
        program.append((_JUMP_IF_EQUAL, 0, len(body), architecture))
        program += body
    program.append((_RETURN, 0, 0, _DENY))
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def _decide(numbers: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """Return the part for one interface: load the number, compare, allow or deny."""
    tests = [(_JUMP_IF_AT_LEAST, _X32), *((_JUMP_IF_EQUAL, number) for number in numbers)]
    return [
        (_LOAD, 0, 0, _NUMBER_OFFSET),
        # Each hit jumps over the tests that follow and over "allow".
        *((code, len(tests) - index, 0, value) for index, (code, value) in enumerate(tests)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
