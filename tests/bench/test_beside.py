"""The table beside the peer: reads the driver's report, and judges a ratio by the goal's own direction."""

from dataclasses import asdict
from typing import Any

from tests.bench.beside import beside_told, report_of


def told(per_second: float, cpu: float) -> dict[str, Any]:
    dist = {"p50": 10.0, "p99": 20.0}
    return {
        "start": {"overhead_ms": dist},
        "webhook": {"ack_ms": dist},
        "turns": {
            "throughput_per_s": per_second,
            "overhead_client_ms": dist,
            "lost": 0,
            "duplicated": 0,
            "out_of_order_strict": 2,
        },
        "cpu": {
            "turns": {"sut": {"cpu_ms_each": cpu}, "pg": {"cpu_ms_each": 1.0}, "total_ms_each": cpu + 1.0}
        },
    }


def test_ratios_are_of_medians_and_judged_in_their_direction() -> None:
    sides = [("peer", 100.0, 3.0), ("project", 130.0, 9.0), ("project", 150.0, 7.0), ("project", 140.0, 8.0)]
    shown = beside_told({"closed": [asdict(report_of(side, told(rate, cpu))) for side, rate, cpu in sides]})
    assert "| closed: turns/s | 100.0 | 140.0 | 1.40 | ≥ 1.25 | yes |" in shown
    assert "| closed: CPU in all, ms a turn | 4.0 | 9.0 | 2.25 | ≤ 1.00 | **no** |" in shown
    assert "| closed | this | 3 | 140 | 9.0 | 8.0 | 0.0 | 0.0 | 1.0 | 0 / 0 / 6 |" in shown


def test_a_row_without_its_peer_in_the_sitting_is_not_judged() -> None:
    alone = {"websocket-50": [asdict(report_of("project", told(50.0, 9.0)))]}
    assert beside_told(alone) == ""
    shown = beside_told(alone | {"rate-50": [asdict(report_of("peer", told(50.0, 4.0)))]})
    assert "| websocket-50: overhead p50, ms | 10.0 | 10.0 | 1.00 | ≤ 4.17 | yes |" in shown
