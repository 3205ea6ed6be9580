"""What the counters of card providers do alike: repeat an answer under its key, play the script, lose an answer.

The books are changed before the answer is lost, and what was answered is remembered as if it had arrived.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulator.answers import Json
from simulator.bank import Bank
from simulator.faults import Silence, lost_answer
from simulator.scripts import Behaviour, Operation
from simulator.truth import Reply


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A status and a JSON body."""

    body: dict[str, Any]
    status: int = HTTPStatus.OK


class Declared(Exception):
    """The provider refuses a call before it does anything, in its own words; nothing of it is remembered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that changes something: who makes it, under which key, and what makes it the same call again."""

    account: str
    key: str
    fingerprint: str


Work = Callable[[Behaviour], Awaitable[Answer]]


class Desk:
    """One provider's counter."""

    def __init__(self, bank: Bank, *, provider: str, failure: Answer, mismatch: Answer) -> None:
        self.bank, self.provider = bank, provider
        self._failure, self._mismatch = failure, mismatch

    async def change(self, call: Call, *, operation: Operation, work: Work) -> Response:
        """Carry out a call once per key, as scripted."""
        behaviour = self.bank.scripts.take(provider=self.provider, operation=operation)
        if behaviour is Behaviour.HANG_BEFORE:
            return Silence(hang_s=self.bank.settings.hang_s)
        known = self._known(call)
        if known and behaviour is not Behaviour.IGNORES_IDEMPOTENCY:
            same = known.request == call.fingerprint
            answer = Answer(status=known.status, body=known.body) if same else self._mismatch
        else:
            answer = await work(behaviour)
            self._remember(call, answer)
        return self._after(behaviour, answer)

    async def ask(self, *, refused: Answer, work: Callable[[Behaviour], Answer]) -> Response:
        """Answer a question, as scripted."""
        behaviour = self.bank.scripts.take(provider=self.provider, operation=Operation.PROBE)
        if behaviour is Behaviour.HANG_BEFORE:
            return Silence(hang_s=self.bank.settings.hang_s)
        if behaviour is Behaviour.DECLINE:
            return Json(refused.body, status_code=refused.status)
        return self._after(behaviour, work(behaviour))

    def _known(self, call: Call) -> Reply | None:
        if not call.key:
            return None
        return self.bank.truth.find_reply(provider=self.provider, account=call.account, key=call.key)

    def _remember(self, call: Call, answer: Answer) -> None:
        if call.key:
            reply = Reply(
                provider=self.provider,
                account=call.account,
                key=call.key,
                request=call.fingerprint,
                status=answer.status,
                body=answer.body,
            )
            self.bank.truth.remember(reply)

    def _after(self, behaviour: Behaviour, answer: Answer) -> Response:
        if lost := lost_answer(behaviour, hang_s=self.bank.settings.hang_s):
            return lost
        if behaviour is Behaviour.FAIL_AFTER:
            answer = self._failure
        return Json(answer.body, status_code=answer.status)


def call_of(request: Request, *, account: str, body: bytes) -> Call:
    """A call by its method, address and body."""
    said = b"\n".join([request.method.encode(), request.url.path.encode(), body])
    return Call(
        account=account,
        key=request.headers.get("idempotency-key", ""),
        fingerprint=sha256(said).hexdigest(),
    )
