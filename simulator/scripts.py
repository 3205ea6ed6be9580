"""Misbehaviour on command: which operation of which party shows which behaviour, and how often.

A behaviour is accepted only where it can be shown; a script that would do nothing is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from simulator.answers import Refused

EVERY_OPERATION = "*"
MAX_TIMES = 1_000_000


_Word = TypeVar("_Word", bound=StrEnum)


class Operation(StrEnum):
    """Where a provider meets the outside."""

    TOKEN = "token"  # noqa: S105  (a name, no secret)
    CREATE = "create"
    PROBE = "probe"  # any question about what was done
    FINISH = "finish"  # taking or holding what a payer has agreed to
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    PAY = "pay"  # the customer's bank app
    WEBHOOK = "webhook"  # the provider's own call to the platform


# What SCB calls these two.
ALIASES = {"inquiry": Operation.PROBE, "callback": Operation.WEBHOOK}


class Behaviour(StrEnum):
    """What the bank does."""

    OK = "ok"
    DECLINE = "decline"  # refuses, books nothing
    HANG_BEFORE = "hang_before"  # never answers, books nothing
    HANG_AFTER = "hang_after"  # books, never answers
    FAIL_AFTER = "500_after"  # books, answers 500
    RESET_AFTER = "rst_after"  # books, resets the connection
    LIE_PENDING = "lie_pending"  # an inquiry knows nothing although the money arrived
    WEBHOOK_FIRST = "webhook_first"  # paid and called back before the create call is answered
    WEBHOOK_TWICE = "webhook_twice"  # the same callback twice, at once
    WEBHOOK_SHUFFLED = "webhook_shuffled"  # callbacks are held back and sent newest first
    NO_WEBHOOK = "no_webhook"  # no callback at all
    LATE_SUCCESS = "late_success"  # the payment is booked some seconds after the customer's confirmation
    IGNORES_IDEMPOTENCY = "ignores_idempotency"  # the same reference again is a second charge


_ANSWERS = frozenset(
    {
        Behaviour.OK,
        Behaviour.DECLINE,
        Behaviour.HANG_BEFORE,
        Behaviour.HANG_AFTER,
        Behaviour.FAIL_AFTER,
        Behaviour.RESET_AFTER,
    }
)
CALLBACKS = frozenset({Behaviour.WEBHOOK_TWICE, Behaviour.WEBHOOK_SHUFFLED, Behaviour.NO_WEBHOOK})
_PAYMENTS = CALLBACKS | {Behaviour.LATE_SUCCESS, Behaviour.IGNORES_IDEMPOTENCY}

SHOWS: dict[Operation, frozenset[Behaviour]] = {
    Operation.TOKEN: _ANSWERS,
    Operation.CREATE: _ANSWERS | _PAYMENTS | {Behaviour.WEBHOOK_FIRST},
    Operation.PROBE: _ANSWERS | {Behaviour.LIE_PENDING},
    Operation.FINISH: _ANSWERS | CALLBACKS,
    Operation.CAPTURE: _ANSWERS | CALLBACKS,
    Operation.VOID: _ANSWERS | CALLBACKS,
    Operation.REFUND: _ANSWERS | _PAYMENTS,
    Operation.PAY: _ANSWERS | _PAYMENTS,
    Operation.WEBHOOK: CALLBACKS | {Behaviour.OK},
}
_CHARGES = frozenset({Operation.CREATE, Operation.PROBE, Operation.PAY, Operation.WEBHOOK})
_CARDS = _CHARGES | {Operation.CAPTURE, Operation.VOID, Operation.REFUND}
# Which operations a provider has.
PROVIDERS: Mapping[str, frozenset[Operation]] = {
    "adyen": _CARDS - {Operation.PROBE, Operation.PAY},
    "kbank": _CHARGES | {Operation.TOKEN, Operation.VOID, Operation.REFUND},
    "omise": _CARDS,
    "paypal": _CARDS | {Operation.TOKEN, Operation.FINISH},
    "paypay": _CARDS,
    "scb": _CHARGES | {Operation.TOKEN},
    "stripe": _CARDS,
}
# What providers cannot show because they have nothing of the kind: some tell nobody that money went back.
_LACKS: Mapping[tuple[str, Operation], frozenset[Behaviour]] = {
    # Its key is all that a call is known by.
    ("adyen", Operation.CREATE): frozenset({Behaviour.IGNORES_IDEMPOTENCY}),
    ("adyen", Operation.REFUND): frozenset({Behaviour.IGNORES_IDEMPOTENCY}),
    ("kbank", Operation.REFUND): _PAYMENTS,
    ("kbank", Operation.VOID): CALLBACKS,
    # Its payers agree to an order once.
    ("paypal", Operation.PAY): frozenset({Behaviour.IGNORES_IDEMPOTENCY}),
    ("paypay", Operation.REFUND): CALLBACKS,
}
# `*` speaks of the bank's service, not of the customer's phone: that one goes on answering.
_SHOWN_BY_STAR = SHOWS | {Operation.PAY: CALLBACKS | {Behaviour.LATE_SUCCESS}}
# Whatever operation they are asked for, these two happen in one place only.
_HOMES = {Behaviour.LIE_PENDING: Operation.PROBE, Behaviour.WEBHOOK_FIRST: Operation.CREATE}


class ScriptRefused(Refused):
    """The script names something unknown or something that could not happen."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="script_refused")


@dataclass(kw_only=True)
class Script:
    """One behaviour and how often it is still shown; None = until it is replaced."""

    behaviour: Behaviour
    times: int | None


class Scripts:
    """At most one script per operation, and one for every operation that has none of its own."""

    def __init__(self) -> None:
        self._scripts: dict[tuple[str, str], Script] = {}

    def set(self, *, provider: object, operation: object, behaviour: object, times: object = None) -> None:
        """Replace the operation's script; `*` replaces all of them. Raises ScriptRefused."""
        if not isinstance(provider, str) or provider not in PROVIDERS:
            raise ScriptRefused(f"unknown provider {provider!r}; known: {_listed(PROVIDERS)}")
        shown = _member(Behaviour, "behaviour", behaviour)
        if times is not None and (type(times) is not int or not 1 <= times <= MAX_TIMES):
            raise ScriptRefused(f"times is a whole number from 1 to {MAX_TIMES}")
        script = Script(behaviour=shown, times=times if isinstance(times, int) else None)
        if operation == EVERY_OPERATION:
            self.reset(provider=provider)
            self._scripts[provider, EVERY_OPERATION] = script
            return
        named = ALIASES.get(operation, operation) if isinstance(operation, str) else operation
        at = _HOMES.get(shown, _member(Operation, "operation", named))
        if at not in PROVIDERS[provider]:
            raise ScriptRefused(f"{provider} has no {at}; it has: {_listed(PROVIDERS[provider])}")
        if shown not in _shown_at(provider, at):
            able = [where for where in PROVIDERS[provider] if shown in _shown_at(provider, where)]
            raise ScriptRefused(f"{at} cannot show {shown}; these can: {_listed(able)}")
        self._scripts[provider, at] = script

    def take(self, *, provider: str, operation: Operation) -> Behaviour:
        """What the operation does this time; counts the showing."""
        for name, shows in ((operation, SHOWS), (EVERY_OPERATION, _SHOWN_BY_STAR)):
            key = (provider, str(name))
            script = self._scripts.get(key)
            lacked = _LACKS.get((provider, operation), frozenset())
            if script is None or script.behaviour not in shows[operation] - lacked:
                continue
            if script.times is not None:
                script.times -= 1
                if not script.times:
                    del self._scripts[key]
            return script.behaviour
        return Behaviour.OK

    def in_force(self) -> list[dict[str, object]]:
        """Scripts still in force."""
        return [
            {
                "provider": provider,
                "operation": operation,
                "behaviour": script.behaviour,
                "times": script.times,
            }
            for (provider, operation), script in self._scripts.items()
        ]

    def reset(self, *, provider: str | None = None) -> None:
        """Behave again."""
        self._scripts = {key: kept for key, kept in self._scripts.items() if provider and key[0] != provider}


def _shown_at(provider: str, operation: Operation) -> frozenset[Behaviour]:
    return SHOWS[operation] - _LACKS.get((provider, operation), frozenset())


def _member(words: type[_Word], kind: str, value: object) -> _Word:
    for word in words:
        if word == value:
            return word
    raise ScriptRefused(f"unknown {kind} {value!r}; known: {_listed(words)}")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
