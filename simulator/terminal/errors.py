"""What can go wrong for a terminal.

TerminalError
+-- Refused         the platform answered with an error
+-- Unreachable     no answer, however often it was asked
+-- ContractBroken  an answer is not what the contract says
"""

from typing import Any


class TerminalError(Exception):
    """A sale cannot go on."""


class Refused(TerminalError):
    """The platform answered with an error."""

    def __init__(self, *, call: str, status: int, problem: dict[str, Any]) -> None:
        code = problem.get("code") or problem.get("error") or "no code"
        detail = problem.get("detail") or problem.get("error_description") or ""
        super().__init__(f"{call} was refused: {status} {code} {detail}".rstrip())
        self.status, self.problem = status, problem


class Unreachable(TerminalError):
    """No answer, however often it was asked."""


class ContractBroken(TerminalError):
    """An answer is not what the contract says."""


def expect(holds: object, what: str, shown: object = None) -> None:
    """Raises ContractBroken unless it holds."""
    if not holds:
        raise ContractBroken(what if shown is None else f"{what}: {shown}")
