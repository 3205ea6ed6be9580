"""Which misbehaviour is shown where, and how often."""

import pytest

from simulator.scripts import PROVIDERS, SHOWS, Behaviour, Operation, ScriptRefused, Scripts


def take(scripts: Scripts, operation: Operation, times: int = 1) -> list[Behaviour]:
    return [scripts.take(provider="scb", operation=operation) for _ in range(times)]


def test_without_a_script_the_bank_behaves() -> None:
    assert take(Scripts(), Operation.CREATE) == [Behaviour.OK]


def test_a_script_lasts_as_often_as_it_says() -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation="create", behaviour="decline", times=2)
    assert take(scripts, Operation.CREATE, 3) == [Behaviour.DECLINE, Behaviour.DECLINE, Behaviour.OK]
    assert scripts.in_force() == []


def test_a_script_without_times_lasts_until_it_is_replaced() -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation="create", behaviour="decline")
    assert take(scripts, Operation.CREATE, 50) == [Behaviour.DECLINE] * 50
    scripts.set(provider="scb", operation="create", behaviour="ok")
    assert take(scripts, Operation.CREATE) == [Behaviour.OK]


def test_a_script_concerns_its_operation_only() -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation="token", behaviour="decline")
    assert take(scripts, Operation.CREATE) == [Behaviour.OK]


def test_the_star_means_every_operation_that_can_show_it() -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation="*", behaviour="no_webhook")
    shown = {operation: take(scripts, operation)[0] for operation in PROVIDERS["scb"]}
    assert shown == {
        Operation.TOKEN: Behaviour.OK,
        Operation.PROBE: Behaviour.OK,
        Operation.CREATE: Behaviour.NO_WEBHOOK,
        Operation.PAY: Behaviour.NO_WEBHOOK,
        Operation.WEBHOOK: Behaviour.NO_WEBHOOK,
    }


def test_the_star_leaves_the_customers_app_alone() -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation="*", behaviour="hang_before")
    assert take(scripts, Operation.PAY) + take(scripts, Operation.TOKEN) == [
        Behaviour.OK,
        Behaviour.HANG_BEFORE,
    ]


def test_the_star_replaces_what_was_scripted_before_and_is_overruled_by_what_comes_after() -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation="create", behaviour="decline")
    scripts.set(provider="scb", operation="*", behaviour="hang_before")
    assert take(scripts, Operation.CREATE) == [Behaviour.HANG_BEFORE]
    scripts.set(provider="scb", operation="create", behaviour="ok")
    assert take(scripts, Operation.CREATE) + take(scripts, Operation.TOKEN) == [
        Behaviour.OK,
        Behaviour.HANG_BEFORE,
    ]


@pytest.mark.parametrize(
    ("operation", "behaviour", "shows"),
    [
        ("pay", "lie_pending", "probe"),
        ("create", "lie_pending", "probe"),
        ("callback", "webhook_first", "create"),
    ],
)
def test_a_behaviour_of_one_place_goes_there(operation: str, behaviour: str, shows: str) -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation=operation, behaviour=behaviour)
    assert scripts.in_force() == [
        {"provider": "scb", "operation": shows, "behaviour": behaviour, "times": None}
    ]


@pytest.mark.parametrize(("alias", "operation"), [("inquiry", "probe"), ("callback", "webhook")])
def test_an_operation_goes_by_the_banks_own_word_too(alias: str, operation: str) -> None:
    scripts = Scripts()
    scripts.set(provider="scb", operation=alias, behaviour="ok")
    assert [script["operation"] for script in scripts.in_force()] == [operation]


def test_every_behaviour_is_shown_somewhere() -> None:
    assert frozenset().union(*SHOWS.values()) == frozenset(Behaviour)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"provider": "piggy"}, "unknown provider 'piggy'; known: "),
        (
            {"operation": "swim"},
            "unknown operation 'swim'; known: capture, create, finish, pay, probe, refund, token, ",
        ),
        ({"operation": "refund"}, "scb has no refund; it has: create, pay, probe, token, webhook"),
        ({"operation": ["create"]}, "unknown operation"),
        ({"behaviour": "explode"}, "unknown behaviour 'explode'; known: 500_after, decline"),
        ({"operation": "token", "behaviour": "webhook_twice"}, "token cannot show webhook_twice"),
        ({"times": 0}, "times is a whole number from 1"),
        ({"times": True}, "times is a whole number from 1"),
        ({"times": "3"}, "times is a whole number from 1"),
        ({"provider": ["scb"]}, "unknown provider"),
    ],
)
def test_a_script_that_could_do_nothing_is_refused(changed: dict[str, object], says: str) -> None:
    scripts = Scripts()
    with pytest.raises(ScriptRefused, match=says.replace("[", "\\[")):
        scripts.set(**({"provider": "scb", "operation": "create", "behaviour": "decline"} | changed))
    assert scripts.in_force() == []
