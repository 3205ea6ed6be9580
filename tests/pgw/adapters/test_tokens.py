"""An access token ..."""

import dataclasses

import pytest

from mpac.pgw.adapters.http import NOT_CONFIGURED, Answer, Failure
from mpac.pgw.adapters.tokens import Account, Grant, Tokens, read_grant

ACCOUNT = Account("https://bank.example.com", "id", "secret")


@pytest.fixture
def asked():
    """How often tokens were asked for, and the way to get one: each lives for an hour and has its number as its text."""

    class Asked:
        count, lives_s, failure = 0, 3600, None

        def get(self, tokens, account=ACCOUNT, *, fresh=False):
            return tokens.token(account, fresh=fresh, ask=self._ask)

        def _ask(self):
            self.count += 1
            return self.failure or Grant(f"token-{self.count}", self.lives_s)

    return Asked()


def test_is_asked_for_once(asked):
    tokens = Tokens()
    assert [asked.get(tokens) for _ in range(3)] == ["token-1"] * 3
    assert (asked.get(tokens, fresh=True), asked.get(tokens)) == ("token-2", "token-2")


@pytest.mark.parametrize("other", [{"secret": "guessed"}, {"id": "x"}, {"address": "https://x.example.com"}])
def test_is_given_to_nobody_who_has_not_the_whole_account(asked, other):
    tokens = Tokens()
    assert asked.get(tokens) == "token-1"
    assert asked.get(tokens, dataclasses.replace(ACCOUNT, **other)) == "token-2"


def test_is_not_used_beyond_its_end(asked):
    tokens, asked.lives_s = Tokens(), 0
    assert [asked.get(tokens), asked.get(tokens)] == ["token-1", "token-2"]


def test_that_was_refused_is_not_kept(asked):
    tokens, asked.failure = Tokens(), Failure("never_sent", "token_http_401", "")
    assert asked.get(tokens) == asked.failure
    asked.failure = None
    assert asked.get(tokens) == "token-2"


def test_is_not_asked_for_where_the_provider_has_no_address(asked):
    assert asked.get(Tokens(), dataclasses.replace(ACCOUNT, address="")) == NOT_CONFIGURED
    assert asked.count == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Failure("unclear", "timeout", ""), "token_timeout"),
        (Answer(401, b"{}", {}), "token_http_401"),
        (Answer(200, b"[", {}), "token_garbled"),
        (Answer(200, b'{"access_token": "x"}', {}), "token_garbled"),
    ],
)
def test_that_does_not_come_proves_that_the_call_was_not_sent(answer, code):
    grant = read_grant(answer)
    assert isinstance(grant, Failure)
    assert (grant.kind, grant.code) == ("never_sent", code)
