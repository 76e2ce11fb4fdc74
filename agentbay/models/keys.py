"""Names of keys, as the tool ``press_keys`` wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ("get_supported_key_names", "normalize_keys")


def _aliases(text: str) -> dict[str, str]:
    """Read ``Ctrl=control Alt``: each name stands for itself and for its other spellings."""
    found: dict[str, str] = {}
    for word in text.split():
        name, _, others = word.partition("=")
        found |= dict.fromkeys([name.lower(), *filter(None, others.split(","))], name)
    return found


MODIFIER_KEYS = _aliases("Ctrl=control Alt Shift Win=windows Meta Super Command=cmd")
FUNCTION_KEYS = _aliases(
    "Tab Enter=return Escape=esc Backspace Delete=del Insert=ins Home End PageUp=pgup "
    "PageDown=pgdn Space CapsLock NumLock ScrollLock PrintScreen=prtsc Pause=break"
)
ARROW_KEYS = _aliases("ArrowUp=up ArrowDown=down ArrowLeft=left ArrowRight=right")
F_KEYS = _aliases(" ".join(f"F{number}" for number in range(1, 25)))
SPECIAL_CHARS = {
    "minus": "-",
    "equal": "=",
    "leftbracket": "[",
    "rightbracket": "]",
    "backslash": "\\",
    "semicolon": ";",
    "quote": "'",
    "comma": ",",
    "period": ".",
    "slash": "/",
    "backtick": "`",
}
_CANONICAL: Mapping[str, str] = {
    **MODIFIER_KEYS,
    **FUNCTION_KEYS,
    **ARROW_KEYS,
    **F_KEYS,
    **SPECIAL_CHARS,
}


def normalize_keys(keys: Iterable[str] | str) -> list[str]:
    """Return *keys* in the spelling of the service; unknown ones stay as they are.

    Args:
        keys: Names in any case, for example ``["CTRL", "C"]``. A single string is one key.
    """
    return [_normalize(key) for key in ([keys] if isinstance(keys, str) else keys)]


def _normalize(key: str) -> str:
    given: object = key
    if not isinstance(given, str):
        return key
    if len(key) == 1:
        return key.lower() if key.isalpha() else key
    return _CANONICAL.get(key.lower(), key)


def get_supported_key_names() -> dict[str, dict[str, str]]:
    """Return all known names by group, each with the spelling of the service."""
    return {
        "modifier_keys": dict(MODIFIER_KEYS),
        "function_keys": dict(FUNCTION_KEYS),
        "arrow_keys": dict(ARROW_KEYS),
        "f_keys": dict(F_KEYS),
        "special_chars": dict(SPECIAL_CHARS),
    }
