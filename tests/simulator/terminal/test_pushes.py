"""A terminal sees every event once and in order, whatever happens to its connection."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection

from simulator.terminal.client import Terminal
from simulator.terminal.errors import ContractBroken, Unreachable
from simulator.terminal.pushes import Push, Pushes
from tests.simulator.terminal.conftest import PATIENCE_S, Line, Platform


def entry(seq: int, event_type: str = "order.updated", **data: Any) -> dict[str, Any]:
    event = {"id": f"evt_{seq}", "type": event_type, "created_at": "2026-11-21T05:00:00.000Z", "data": data}
    return {"type": "event", "seq": seq, "event": event}


def send(connection: ServerConnection, *frames: dict[str, Any]) -> None:
    for frame in frames:
        connection.send(json.dumps(frame))


@pytest.fixture
def pushes(connect: Callable[[str], Terminal], line: Line) -> Iterator[Pushes]:
    with connect(line.url).pushes() as pushes:
        yield pushes


def seqs(pushes: Pushes, count: int) -> list[int]:
    read = [pushes.next(timeout_s=PATIENCE_S) for _ in range(count)]
    return [push.seq for push in read if push]


def test_events_from_now_on_are_read_and_acknowledged(pushes: Pushes, line: Line, platform: Platform) -> None:
    line.head = 7
    pushes.open()
    assert pushes.last == 7
    send(line.connection(), entry(8, "payment.completed", payment_id="pay_1"))
    assert pushes.next(timeout_s=PATIENCE_S) == Push(
        seq=8,
        type="payment.completed",
        data={"payment_id": "pay_1"},
        created_at="2026-11-21T05:00:00.000Z",
    )
    assert line.frame() == {"type": "ack", "seq": 8}
    assert line.bearers == [f"Bearer {platform.tokens[0]}"]


def test_an_event_that_was_seen_is_left_out(pushes: Pushes, line: Line) -> None:
    pushes.open()
    send(line.connection(), entry(1), entry(1), entry(2), entry(1), entry(3))
    assert seqs(pushes, 3) == [1, 2, 3]


def test_a_number_left_out_is_fetched_from_the_log(pushes: Pushes, line: Line, platform: Platform) -> None:
    platform.log = [entry(seq) for seq in range(1, 5)]
    pushes.open()
    send(line.connection(), entry(1), entry(4), entry(2), entry(5))
    assert seqs(pushes, 5) == [1, 2, 3, 4, 5]


def test_a_lost_connection_is_resumed_where_it_was(pushes: Pushes, line: Line, platform: Platform) -> None:
    pushes.open()
    first = line.connection()
    send(first, entry(1), entry(2))
    assert seqs(pushes, 2) == [1, 2]
    line.head = 4
    first.close(4401)
    assert [line.frame(), line.frame()] == [{"type": "ack", "seq": 1}, {"type": "ack", "seq": 2}]
    assert pushes.next(timeout_s=0.05) is None
    assert line.frame() == {"type": "resume", "after": 2}
    send(line.connection(), entry(3), entry(4))
    assert seqs(pushes, 2) == [3, 4]
    assert line.bearers == [f"Bearer {token}" for token in platform.tokens]
    assert len(line.bearers) == 2


def test_the_past_is_resumed_on_request(connect: Callable[[str], Terminal], line: Line) -> None:
    line.head = 9
    with connect(line.url).pushes(after=6) as pushes:
        pushes.open()
        assert line.frame() == {"type": "resume", "after": 6}
        send(line.connection(), entry(7))
        assert seqs(pushes, 1) == [7]


def test_history_beyond_retention_is_skipped(connect: Callable[[str], Terminal], line: Line) -> None:
    line.head = 9
    with connect(line.url).pushes(after=1) as pushes:
        pushes.open()
        send(line.connection(), {"type": "gap", "from": 2, "to": 8}, entry(9))
        assert seqs(pushes, 1) == [9]


def test_a_token_is_renewed_when_asked_for(pushes: Pushes, line: Line, platform: Platform) -> None:
    pushes.open()
    send(line.connection(), {"type": "reauth"}, entry(1))
    assert seqs(pushes, 1) == [1]
    assert line.frame() == {"type": "auth", "token": platform.tokens[1]}
    assert len(platform.tokens) == 2


def test_frames_to_come_are_ignored(pushes: Pushes, line: Line) -> None:
    pushes.open()
    send(line.connection(), {"type": "pong"}, {"type": "weather", "seq": 5}, entry(1))
    assert seqs(pushes, 1) == [1]


def test_nothing_in_time_is_none(pushes: Pushes) -> None:
    assert pushes.next(timeout_s=0.01) is None


def test_a_refused_connection_is_tried_again(pushes: Pushes, line: Line, pauses: list[float]) -> None:
    line.refuses = 2
    pushes.open()
    assert pushes.connections == 1
    assert pauses == [0.5, 1.0]


def test_a_platform_that_stays_away_is_unreachable(pushes: Pushes, line: Line) -> None:
    line.refuses = 99
    with pytest.raises(Unreachable, match="no WebSocket"):
        pushes.open()


def test_waiting_skips_what_is_about_something_else(pushes: Pushes, line: Line) -> None:
    pushes.open()
    send(
        line.connection(),
        entry(1, "payment.processing", payment_id="pay_1"),
        entry(2, "payment.completed", payment_id="pay_2"),
        entry(3, "payment.completed", payment_id="pay_1"),
    )
    assert pushes.wait_for("payment.completed", about="pay_1", timeout_s=PATIENCE_S).seq == 3
    with pytest.raises(ContractBroken, match=r"no payment\.completed about pay_9"):
        pushes.wait_for("payment.completed", about="pay_9", timeout_s=0.01)


def test_another_devices_greeting_is_refused(connect: Callable[[str], Terminal], line: Line) -> None:
    terminal = connect(line.url)
    terminal.demo["device"]["device_id"] = "dev_2"
    with terminal.pushes() as pushes, pytest.raises(ContractBroken, match="no hello"):
        pushes.open()
