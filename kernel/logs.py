"""Structured logs: one JSON object a line on stdout, with the request's id, and without secrets.

Django's start configures every process through `LOGGING_CONFIG`, so none can forget it. Records of Django, Celery and
other libraries that use the standard library's logging take the same way out, and nothing escapes the scrubber.
"""

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, FilteringBoundLogger, Processor

from kernel.scrubbing import scrub, scrub_text

_ALREADY_SAFE = frozenset({"timestamp", "level", "logger"})


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of the module called `name`; `logger.info("attempt sent", attempt_id=...)`."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def configure_logging(*, level: int | str = logging.INFO) -> None:
    """Send all records of this process to stdout as scrubbed JSON lines. Calling it again changes the level."""
    if isinstance(level, str):
        level = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, scrub_event, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stdout,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_Stdout())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                scrub_event,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def configure_from_settings(settings: Mapping[str, Any]) -> None:
    """What Django calls at start with its `LOGGING` setting, `{"level": "INFO"}`."""
    configure_logging(level=settings["level"])


def scrub_event(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The structlog processor that cleans a record: its message, its fields and its traceback."""
    cleaned: dict[str, Any] = {key: event.pop(key) for key in _ALREADY_SAFE & event.keys()}
    cleaned.update(scrub(event))
    return cleaned


class _Stdout:
    """Writes whole lines to whatever stdout is at that moment."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    log = debug = info = warning = error = critical = exception = fatal = msg

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def _dumps(event: EventDict, **_options: object) -> str:
    try:
        return orjson.dumps(event, default=_text, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # text that is not UTF-8, a number beyond 64 bits: logging must not fail for it
        return json.dumps(event, default=_text)


def _text(value: object) -> str:
    return scrub_text(str(value))
