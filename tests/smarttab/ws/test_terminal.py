"""The terminal's WebSocket, spoken as a terminal speaks it."""

import asyncio
import contextlib
import datetime as dt

import pytest

from kernel import clock, ids
from kernel.errors import Unavailable
from kernel.tenancy import SystemScope
from mpac.portal.services.revocations import revoke_tokens_of
from mpac.portal.services.trust import trust_reader
from mpac.portal.services.verification import token_verifier
from mpac.smarttab.db import atomic, db
from mpac.smarttab.models import DeviceStream
from mpac.smarttab.services.device_log import trim_device_events
from mpac.smarttab.ws import consumer, credentials, hub
from tests.smarttab.conftest import device_token
from tests.smarttab.services.test_device_log import append
from tests.smarttab.ws.conftest import Terminal, run, thread


@pytest.fixture
def device(shop):
    trust_reader.forget()
    token_verifier.forget()
    return ids.uuid7()


async def fresh_token(shop, device):
    return await thread(lambda: device_token(shop, device))


async def expiring_token(shop, device, *, in_s):
    """A token with `in_s` seconds to live."""
    issued_at = clock.now() - dt.timedelta(seconds=120 - in_s)
    return await thread(lambda: device_token(shop, device, issued_at=issued_at))


def test_a_terminal_is_greeted_with_the_bounds_of_its_log(shop, device):
    async def scenario():
        await thread(lambda: append(shop, "a", "b", devices=[device]))
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            assert await terminal.receive() == {
                "type": "hello",
                "device_id": ids.encode("dev", device),
                "head": 2,
                "floor": 1,
            }

    run(scenario())


def test_the_token_may_travel_as_a_subprotocol_and_is_not_echoed(shop, device):
    async def scenario():
        offered = ["mpac.v1", f"bearer.{await fresh_token(shop, device)}"]
        async with Terminal(subprotocols=offered) as terminal:
            assert terminal.subprotocol == "mpac.v1"
            assert (await terminal.receive())["type"] == "hello"

    run(scenario())


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"])
def test_nobody_is_let_in_without_a_good_token(shop, device, token):
    async def scenario():
        async with Terminal(token=token) as terminal:
            assert await terminal.closed() == 4401

    run(scenario())


@pytest.fixture
def outage(monkeypatch):
    """Nobody's token can be checked just now."""

    def begin():
        def away(token, *, now):
            raise Unavailable

        monkeypatch.setattr(credentials.portal, "authenticate_token", away)

    return begin


def test_an_outage_is_no_reason_to_send_a_terminal_away_for_good(shop, device, outage):
    async def scenario():
        token = await fresh_token(shop, device)
        outage()
        async with Terminal(token=token) as terminal:
            assert await terminal.closed() == 1013

    run(scenario())


def test_a_token_that_cannot_be_checked_just_now_is_to_be_shown_again(shop, device, outage):
    async def scenario():
        token = await fresh_token(shop, device)
        async with Terminal(token=token) as terminal:
            await terminal.receive()
            outage()
            await terminal.send("auth", token=token)
            assert await terminal.closed() == 1013

    run(scenario())


def test_new_events_are_pushed_in_order_as_they_are_committed(shop, device):
    async def scenario():
        await thread(lambda: append(shop, "old", devices=[device]))
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            for kind in ("a", "b", "c"):
                await thread(lambda kind=kind: append(shop, kind, kind, devices=[device]))
            assert await terminal.seqs(6) == [2, 3, 4, 5, 6, 7]

    run(scenario())


def test_a_push_carries_what_the_log_holds(shop, device):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await thread(lambda: append(shop, "payment.completed", devices=[device]))
            frame = await terminal.receive()
            assert (frame["seq"], frame["event"]["type"]) == (1, "payment.completed")
            assert frame["event"]["id"].startswith("evt_")
            assert frame["event"]["data"] == {"kind": "payment.completed"}
            assert frame["event"]["created_at"].endswith("Z")

    run(scenario())


def test_a_push_does_not_wait_for_the_poll(shop, device, monkeypatch):
    monkeypatch.setattr(hub, "POLL_S", 60.0)

    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send("resume", after=0)
            await thread(lambda: append(shop, "a", devices=[device]))
            assert await terminal.seqs(1) == [1]

    run(scenario())


def test_a_lost_wake_up_is_made_up_for_by_the_poll(shop, device, monkeypatch):
    monkeypatch.setattr("mpac.smarttab.services.device_log.wake_listeners", lambda _devices: None)
    monkeypatch.setattr(hub, "POLL_S", 0.2)

    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send("resume", after=0)
            await thread(lambda: append(shop, "a", devices=[device]))
            assert await terminal.seqs(1) == [1]

    run(scenario())


def test_a_terminal_that_was_away_gets_exactly_what_it_missed_and_then_what_is_new(shop, device):
    async def scenario():
        await thread(lambda: append(shop, *"abcde", devices=[device]))
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send("resume", after=2)
            await thread(lambda: append(shop, "f", devices=[device]))
            assert await terminal.seqs(4) == [3, 4, 5, 6]
            assert await terminal.nothing(during=0.3)

    run(scenario())


def test_more_than_one_batch_is_resumed_without_a_gap(shop, device):
    async def scenario():
        await thread(lambda: append(shop, *["x"] * 250, devices=[device]))
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send("resume", after=0)
            assert await terminal.seqs(250) == list(range(1, 251))

    run(scenario())


def test_what_is_beyond_retention_is_named_as_a_gap(shop, device):
    async def scenario():
        await thread(lambda: append(shop, *"abc", devices=[device]))
        tomorrow = clock.now() + dt.timedelta(days=1)
        await thread(lambda: trim_device_events(before=tomorrow, now=clock.now()))
        await thread(lambda: append(shop, "d", devices=[device]))
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            assert (await terminal.receive())["floor"] == 4
            await terminal.send("resume", after=1)
            assert await terminal.receive() == {"type": "gap", "from": 2, "to": 3}
            assert await terminal.seqs(1) == [4]

    run(scenario())


def test_nobody_resumes_beyond_the_head(shop, device):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send("resume", after=5)
            frame = await terminal.receive()
            assert (frame["type"], frame["code"], frame["head"]) == ("error", "resume_beyond_head", 0)

    run(scenario())


def test_terminals_hear_of_nobody_elses_events(shop, other_shop, device):
    async def scenario():
        other = ids.uuid7()
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await thread(lambda: append(shop, "a", devices=[other]))
            await thread(lambda: append(other_shop, "b", devices=[ids.uuid7()]))
            assert await terminal.nothing(during=0.6)

    run(scenario())


def test_two_connections_of_one_terminal_both_hear(shop, device):
    async def scenario():
        token = await fresh_token(shop, device)
        async with Terminal(token=token) as one, Terminal(token=token) as two:
            await one.receive()
            await two.receive()
            await thread(lambda: append(shop, "a", devices=[device]))
            assert await one.seqs(1) == await two.seqs(1) == [1]

    run(scenario())


def test_one_terminal_does_not_take_all_connections(shop, other_shop, device):
    async def scenario():
        token = await fresh_token(shop, device)
        async with contextlib.AsyncExitStack() as held:
            for _ in range(consumer.MOST_CONNECTIONS):
                terminal = await held.enter_async_context(Terminal(token=token))
                assert (await terminal.receive())["type"] == "hello"
            async with Terminal(token=token) as refused:
                assert await refused.closed() == 4429
            async with Terminal(token=await fresh_token(other_shop, ids.uuid7())) as other:
                assert (await other.receive())["type"] == "hello"
        async with Terminal(token=token) as again:
            assert (await again.receive())["type"] == "hello"

    run(scenario())


def test_a_ping_is_answered(shop, device):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send("ping")
            assert await terminal.receive() == {"type": "pong"}

    run(scenario())


def test_an_acknowledgement_is_kept(shop, device):
    async def scenario():
        await thread(lambda: append(shop, *"abc", devices=[device]))
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send("ack", seq=2)
            await terminal.send("ping")
            await terminal.receive()

    run(scenario())
    with atomic(shop.tenant):
        assert DeviceStream.objects.get().acknowledged == 2


def test_a_malformed_frame_is_named_and_ends_the_connection(shop, device):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send_raw(text="nonsense")
            frame = await terminal.receive()
            assert (frame["type"], frame["code"]) == ("error", "malformed_frame")
            assert await terminal.closed() == 4400

    run(scenario())


def test_bytes_are_no_frames(shop, device):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await terminal.send_raw(bytes=b"{}")
            assert (await terminal.receive())["code"] == "malformed_frame"
            assert await terminal.closed() == 4400

    run(scenario())


def test_a_flood_of_frames_ends_the_connection(shop, device):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            for _ in range(60):
                await terminal.send("ping")
            assert await terminal.closed() == 4429

    run(scenario())


@pytest.fixture
def quick_checks(monkeypatch):
    monkeypatch.setattr(consumer, "CHECK_S", 0.1)


def test_a_token_that_ends_soon_is_asked_for_and_renewed(shop, device, quick_checks):
    async def scenario():
        async with Terminal(token=await expiring_token(shop, device, in_s=3)) as terminal:
            await terminal.receive()
            assert await terminal.receive() == {"type": "reauth"}
            await terminal.send("auth", token=await fresh_token(shop, device))
            await thread(lambda: append(shop, "a", devices=[device]))
            assert await terminal.seqs(1) == [1]
            assert await terminal.nothing(during=3)

    run(scenario())


def test_a_token_that_ends_ends_the_connection(shop, device, quick_checks):
    async def scenario():
        async with Terminal(token=await expiring_token(shop, device, in_s=2)) as terminal:
            await terminal.receive()
            assert await terminal.receive() == {"type": "reauth"}
            assert await terminal.closed() == 4401

    run(scenario())


@pytest.mark.parametrize("whose", ["another device's", "nobody's"])
def test_only_the_terminals_own_token_renews(shop, device, whose):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            token = await fresh_token(shop, ids.uuid7()) if whose == "another device's" else "x"
            await terminal.send("auth", token=token)
            assert await terminal.closed() == 4401

    run(scenario())


def test_a_revoked_terminal_is_cut_off_within_seconds(shop, device):
    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            await thread(
                lambda: revoke_tokens_of(
                    scope=SystemScope("seed"),
                    subject=ids.encode("dev", device),
                    psp_id=shop.psp_id,
                    now=clock.now(),
                )
            )
            async with asyncio.timeout(5):
                assert await terminal.closed() == 4401

    run(scenario())


def test_pushing_goes_on_when_the_listening_connection_was_lost(shop, device, superuser, monkeypatch):
    monkeypatch.setattr(hub, "POLL_S", 0.2)

    async def scenario():
        async with Terminal(token=await fresh_token(shop, device)) as terminal:
            await terminal.receive()
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'mpac-realtime-listen' AND datname = current_database()"
            )
            await thread(lambda: append(shop, "a", devices=[device]))
            assert await terminal.seqs(1) == [1]

    run(scenario())


def test_the_log_reads_the_same_by_sql(shop, device):
    append(shop, "a", devices=[device])
    with atomic(shop.tenant):
        assert db.execute("SELECT seq, type FROM device_events") == [(1, "a")]
