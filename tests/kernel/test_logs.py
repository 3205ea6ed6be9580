"""A log record is one scrubbed JSON line on stdout with the request's id."""

import json
import logging

import pytest
import structlog

from kernel import logs


@pytest.fixture(autouse=True)
def configured():
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    logs.configure_logging(level="info")
    yield
    root.handlers[:], root.level = before[0], before[1]
    structlog.configure(**before[2])
    structlog.contextvars.clear_contextvars()


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_record_is_one_json_line_with_time_level_and_logger(capsys):
    logs.get_logger("mpac.pgw").info("attempt sent", attempt_id="att_1", amount_minor=12550)
    (record,) = lines(capsys)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "level": "info",
        "logger": "mpac.pgw",
        "event": "attempt sent",
        "attempt_id": "att_1",
        "amount_minor": 12550,
    }


def test_secrets_are_removed_from_message_fields_and_traceback(capsys):
    try:
        int("sk_live_abcdef123456")
    except ValueError:
        logs.get_logger("x").exception("card 4111 1111 1111 1111", password="hunter2", body={"cvv": "123"})
    out = capsys.readouterr().out
    for secret in ("4111", "hunter2", '"123"', "abcdef123456"):
        assert secret not in out
    assert "Traceback" in out


def test_records_of_libraries_take_the_same_way(capsys):
    logging.getLogger("django.request").error(
        "Bearer %s", "abcdefghijkl", extra={"token": "t", "status": 500}
    )
    (record,) = lines(capsys)
    assert record["event"] == "Bearer [redacted]"
    assert (record["logger"], record["level"], record["token"], record["status"]) == (
        "django.request",
        "error",
        "[redacted]",
        500,
    )


def test_line_breaks_cannot_forge_a_record(capsys):
    logs.get_logger("x").info("a\n{}", path="/\r\n{}")
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_every_record_carries_the_id_of_its_request(capsys):
    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        logs.get_logger("x").info("one")
        logging.getLogger("y").warning("two")
    logs.get_logger("x").info("three")
    assert [record.get("request_id") for record in lines(capsys)] == ["req_1", "req_1", None]


def test_django_configures_every_process(settings):
    assert settings.LOGGING_CONFIG == "kernel.logs.configure_from_settings"
    logs.configure_from_settings({"level": "WARNING"})
    assert logging.getLogger().level == logging.WARNING


def test_records_below_the_level_are_not_written(capsys):
    logs.get_logger("x").debug("noise")
    logging.getLogger("x").debug("noise")
    assert capsys.readouterr().out == ""


def test_nothing_is_too_odd_to_be_logged(capsys):
    logs.get_logger("x").info("odd", value=object, big=2**70, path="\udcff")
    (record,) = lines(capsys)
    assert record["value"] == "<class 'object'>"
    assert str(record["big"]) == str(2**70)
