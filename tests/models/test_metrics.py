"""Metrics: old names of the same figures."""

from __future__ import annotations

import pytest

from agentbay import SessionMetrics

OLD = {
    "rx_rate_kbps": "rx_rate_kbyte_per_s",
    "tx_rate_kbps": "tx_rate_kbyte_per_s",
    "rx_used_kb": "rx_used_kbyte",
    "tx_used_kb": "tx_used_kbyte",
}


@pytest.mark.parametrize("old", OLD)
def test_old_names_still_work(old: str) -> None:
    metrics = SessionMetrics(**{old: 2.5})  # type: ignore[arg-type]  # all of them are floats
    assert getattr(metrics, OLD[old]) == 2.5
    with pytest.warns(DeprecationWarning, match=OLD[old]) as caught:
        assert getattr(metrics, old) == 2.5
    assert caught[0].filename == __file__
    both = SessionMetrics(**{old: 2.5, OLD[old]: 1.0})  # type: ignore[arg-type]  # the same
    assert getattr(both, OLD[old]) == 1.0


def test_a_figure_that_is_none() -> None:
    with pytest.raises(ValueError, match="mem_used is not a number: 'much'"):
        SessionMetrics.from_json('{"mem_used": "much"}')
