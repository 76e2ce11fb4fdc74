"""Results: what they show, and what can be read from foreign ones."""

from __future__ import annotations

from typing import Any

import pytest

from agentbay import OperationResult, extract_request_id


class Raw:
    """A raw answer, as other clients know it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def to_map(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("response", "wanted"),
    [
        (Raw({"body": {"RequestId": "r-1"}}), "r-1"),
        (Raw({"body": {"RequestId": 5}}), ""),
        (Raw({"body": None}), ""),
        (Raw([]), ""),
        (Raw(ValueError("broken")), ""),
        (object(), ""),
        (None, ""),
    ],
    ids=["found", "no-text", "no-body", "list", "raises", "foreign", "none"],
)
def test_extract_request_id(response: object, wanted: str) -> None:
    assert extract_request_id(response) == wanted


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("https://user:pw@gw.example:1/path?token=secret", "'https://gw.example:1/...'"),
        ("wss://gw.example?token=secret", "'wss://gw.example/...'"),
        ("plain", "'plain'"),
        ({"a": "b"}, "{'a': 'b'}"),
        (None, "None"),
    ],
    ids=str,
)
def test_urls_are_not_shown_wholly(data: object, shown: str) -> None:
    assert f"data={shown}," in repr(OperationResult("r", True, data))
