"""A rotation of the signing keys..."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections

from kernel import clock
from kernel.errors import Unauthenticated
from kernel.tenancy import SystemScope
from mpac.portal import conf
from mpac.portal.db import atomic, db
from mpac.portal.domain.signing_keys import TRANSITIONS, SigningKeyState
from mpac.portal.models import SigningKey
from mpac.portal.services.signing_keys import (
    Rotation,
    advance_rotation,
    ensure_signing_key,
    publish_next_key,
    retire_key_now,
)
from mpac.portal.services.tokens import exchange_assertion
from mpac.portal.services.trust import TrustReader, published_keys, trust_reader
from mpac.portal.services.verification import TokenVerifier
from tests.portal.factories import make_terminal, seconds

SCOPE = SystemScope("authentication")


def states():
    with atomic(SCOPE):
        return dict(SigningKey.objects.order_by("created_at").values_list("kid", "state"))


def signer(now):
    return trust_reader.at(now).signer.kid


def test_starts_from_one_key_however_many_processes_ask(database):
    now = clock.now()
    assert ensure_signing_key(now=now).kid == ensure_signing_key(now=now).kid
    assert list(states().values()) == ["active"]


def test_publishes_before_it_signs_and_verifies_after_it_stopped(database):
    now = clock.now()
    first = ensure_signing_key(now=now).kid
    published = publish_next_key(now=now)
    second = published.published
    assert states() == {first: "active", second: "next"}
    assert {key["kid"] for key in published_keys(now=now)} == {first, second}

    switch = now + seconds(conf.KEY_SET_MAX_AGE_S)
    assert advance_rotation(now=switch - seconds(3)) == Rotation()
    assert signer(switch - seconds(3)) == first
    assert advance_rotation(now=switch) == Rotation(activated=second)
    assert states() == {first: "retiring", second: "active"}
    assert signer(switch) == second
    assert {key["kid"] for key in published_keys(now=switch)} == {first, second}

    end = switch + seconds(conf.KEY_RETIREMENT_S)
    assert advance_rotation(now=end - seconds(1)) == Rotation()
    assert advance_rotation(now=end) == Rotation(retired=(first,))
    assert [key["kid"] for key in published_keys(now=end)] == [second]


def test_lets_a_key_verify_longer_than_any_token_lives_that_it_signed():
    lives = (conf.DEVICE_TOKEN_TTL_S, conf.PERSON_TOKEN_TTL_S, conf.IMPERSONATION_TOKEN_TTL_S)
    assert conf.KEY_RETIREMENT_S - max(lives) > conf.TRUST_STALE_LIMIT_S


def test_begins_once(database):
    now = clock.now()
    ensure_signing_key(now=now)
    assert publish_next_key(now=now)
    assert publish_next_key(now=now) == Rotation()


class Asking:
    """Terminals that ask for tokens, and processes that check them until they expire, while the clock is moved on."""

    def __init__(self, terminals, start):
        self.terminals, self.now = terminals, start
        self.over, self.checked = threading.Event(), threading.Semaphore(0)

    def run(self, terminal):
        verifier, held = TokenVerifier(TrustReader()), []
        try:
            while not self.over.is_set():
                now = self.now
                issued_at = int(now.timestamp())
                assertion = terminal.assertion(exp=issued_at + 60, iat=issued_at)
                token = exchange_assertion(assertion=assertion, scope=None, now=now).access_token
                held = [(at, kept) for at, kept in held if now < at + seconds(119)] + [(now, token)]
                for _at, kept in held:
                    verifier.authenticate(kept, now=now)
                self.checked.release()
        finally:
            self.over.set()
            connections.close_all()

    def go_on(self):
        """Wait until each of them has been round once more."""
        for _ in self.terminals:
            if self.over.is_set() or not self.checked.acquire(timeout=30):
                return


def test_refuses_no_valid_token(tenant):
    """Three terminals and three checking processes go on at full speed while the clock runs through a whole rotation."""
    start = clock.now()
    asking = Asking([make_terminal(tenant.store) for _ in range(3)], start)
    publish_next_key(now=start)
    with ThreadPoolExecutor(len(asking.terminals)) as pool:
        running = [pool.submit(asking.run, terminal) for terminal in asking.terminals]
        for offset in range(0, conf.KEY_SET_MAX_AGE_S + conf.KEY_RETIREMENT_S + 60, 10):
            asking.now = start + seconds(offset)
            advance_rotation(now=asking.now)
            asking.go_on()
        asking.over.set()
        for each in running:
            each.result()
    assert sorted(states().values()) == ["active", "retired"]


def test_of_a_leaked_key_refuses_its_tokens_at_once(terminal):
    now = clock.now()
    token = exchange_assertion(assertion=terminal.assertion(), scope=None, now=now).access_token
    verifier = TokenVerifier(trust_reader)
    verifier.authenticate(token, now=now)
    leaked = signer(now)
    retire_key_now(kid=leaked, now=now)
    with pytest.raises(Unauthenticated):
        verifier.authenticate(token, now=now + seconds(2.1))
    fresh = exchange_assertion(
        assertion=terminal.assertion(), scope=None, now=now + seconds(2.1)
    ).access_token
    assert verifier.authenticate(fresh, now=now + seconds(2.1))
    assert states()[leaked] == "retired"
    assert list(states().values()).count("active") == 1


def test_promotes_the_waiting_key_when_the_signing_key_leaked(database):
    now = clock.now()
    leaked = ensure_signing_key(now=now).kid
    waiting = publish_next_key(now=now).published
    retire_key_now(kid=leaked, now=now)
    assert states() == {leaked: "retired", waiting: "active"}


def test_never_leaves_the_private_key_in_the_clear(database):
    ensure_signing_key(now=clock.now())
    with atomic(SCOPE):
        row = json.loads(db.execute("SELECT row_to_json(k)::text FROM signing_keys k")[0][0])
    assert row["private_jwk_sealed"].startswith("v1.")
    assert "d" not in row["public_jwk"]
    assert '"d"' not in json.dumps(row)


def test_has_one_signing_key_in_the_database_too(database):
    ensure_signing_key(now=clock.now())
    with pytest.raises(IntegrityError), atomic(SCOPE):
        db.execute(
            "INSERT INTO signing_keys SELECT 'other', state, public_jwk, private_jwk_sealed, created_at,"
            " activates_at, retires_at FROM signing_keys"
        )


@pytest.mark.parametrize(("source", "target"), list(itertools.product(SigningKeyState, SigningKeyState)))
def test_takes_legal_steps_only(database, source, target):
    if source is target:
        return
    insert = (
        "INSERT INTO signing_keys (kid, state, public_jwk, private_jwk_sealed, created_at, activates_at)"
        " VALUES ('k', %s, '{}', '', now(), now())"
    )
    with atomic(SCOPE):
        db.execute(insert, [source.value])
    legal = target in TRANSITIONS[source]
    try:
        with atomic(SCOPE):
            db.execute("UPDATE signing_keys SET state = %s WHERE kid = 'k'", [target.value])
    except IntegrityError:
        assert not legal
    else:
        assert legal


def test_is_begun_by_a_command_that_may_be_repeated(database, capsys):
    call_command("rotate_jwt_keys")
    call_command("rotate_jwt_keys")
    assert capsys.readouterr().out.count("published; it signs") == 1
    assert list(states().values()) == ["active", "next"]


def test_is_forced_by_a_command_when_a_key_leaked(database, capsys):
    leaked = ensure_signing_key(now=clock.now()).kid
    call_command("rotate_jwt_keys", f"--revoke={leaked}")
    assert f"{leaked} is retired" in capsys.readouterr().out
    assert states()[leaked] == "retired"
