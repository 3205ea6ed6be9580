"""Traces: what one request set in motion, from its answer through the provider's to the events and calls that followed.

Off unless `kernel.opentelemetry` was started; then this module costs one comparison. A span carries ids, states and names
from closed sets, never a body, a header, a query or a parameter, and whatever it carries is scrubbed once more. What waits
in an outbox keeps the place that it belongs to, in the form of the W3C's `traceparent`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Kind = Literal["internal", "server", "client", "consumer"]
PARENT = "traceparent"


class Span(Protocol):
    """One step of a trace, for as long as its block lasts."""

    def set(self, **attributes: Any) -> None:
        """Note more about it."""

    def fail(self, what: str) -> None:
        """It did not do what it should."""


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self, name: str, *, kind: Kind, parent: str, link: str, attributes: dict[str, Any]
    ) -> AbstractContextManager[Span]:
        """A span below `parent`, or below the one around it; `link` only points at another trace."""

    def parent(self) -> str:
        """Where this trace stands, for what continues it elsewhere."""


class _Nothing(AbstractContextManager[Span]):
    """What is there while nothing is traced."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def set(self, **attributes: Any) -> None:
        """Nothing notes nothing."""

    def fail(self, what: str) -> None:
        """Nothing fails at nothing."""


_NOTHING = _Nothing()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Trace with `tracer` from now on, or no more."""
    global _tracer  # noqa: PLW0603  one per process, as the environment says
    _tracer = tracer


def is_on() -> bool:
    """Whether anything is traced."""
    return _tracer is not None


def span(
    name: str, *, kind: Kind = "internal", parent: str = "", link: str = "", **attributes: Any
) -> AbstractContextManager[Span]:
    """A step of a trace; `name` and the attributes' names are constants of the code."""
    if _tracer is None:
        return _NOTHING
    return _tracer.span(name, kind=kind, parent=parent, link=link, attributes=attributes)


def parent() -> str:
    """Where this trace stands, to be kept with what continues it; empty when there is none."""
    return "" if _tracer is None else _tracer.parent()


def carried(function: Callable[P, R]) -> Callable[P, R]:
    """`function` for another thread, which goes on with this trace and with what is bound to the log."""
    context = copy_context()
    return lambda *args, **kwargs: context.run(function, *args, **kwargs)
