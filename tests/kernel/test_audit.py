"""An audit record, as any context writes it ..."""

import datetime as dt
import json
import threading
import uuid
from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from kernel import clock, jobs, middleware, origin
from kernel.audit import AuditRecorded, Subject, record, record_removal, state
from kernel.db import ContextDb
from kernel.handlers import Handler
from kernel.middleware import ConsoleActor
from kernel.principal import Principal
from kernel.tenancy import NoTenantScope, SystemScope, TenantScope
from mpac.portal.models import Device, ProviderConfig

DB = ContextDb("portal", alias="default")
CARD = "4242424242424242"
SUBJECT = Subject(type="thing", id="1", psp_id=5)


def written(**values) -> dict:
    """What `record` leaves in the outbox."""
    with DB.atomic(SystemScope("seed")):
        record(DB, "thing.changed", values.pop("of", SUBJECT), now=clock.now(), **values)
        ((payload,),) = DB.execute("SELECT payload::text FROM outbox ORDER BY position DESC LIMIT 1")
    return json.loads(payload)


def config(**values) -> ProviderConfig:
    known = {"psp_id": 1, "merchant_id": 2, "store_id": 3, "provider": "scb", "account": {}, "livemode": True}
    return ProviderConfig(**{**known, "updated_at": clock.now(), **values})


def test_is_written_inside_a_transaction_alone(database):
    with pytest.raises(NoTenantScope):
        record(DB, "thing.changed", SUBJECT, now=clock.now())


def test_cannot_be_written_for_another_tenant(database):
    with pytest.raises(Exception, match="row-level security"), DB.atomic(TenantScope(6)):
        record(DB, "thing.changed", SUBJECT, now=clock.now())


def test_of_a_new_row_holds_all_of_it(database):
    found = written(of=config(credentials_sealed="sealed", account={"biller_id": "1", "api_key": "k"}))
    assert (found["object_type"], found["before"]) == ("provider_config", None)
    assert found["object_id"].startswith("pc")
    assert found["livemode"] is True
    assert found["after"]["credentials_sealed"] == "[redacted]"
    assert found["after"]["account"] == {"biller_id": "1", "api_key": "[redacted]"}


def test_of_a_change_holds_what_differs(database):
    row = config(credentials_sealed="one")
    before = state(row)
    row.version, row.updated_at, row.credentials_sealed = 2, clock.now() + dt.timedelta(1), "two"
    found = written(of=row, before=before)
    assert found["before"] == {"credentials_sealed": "[redacted]", "version": 1}
    assert found["after"] == {"credentials_sealed": "[redacted]", "version": 2}


def test_of_a_removal_holds_what_there_was(database):
    with DB.atomic(SystemScope("seed")):
        record_removal(DB, "thing.removed", config(credentials_sealed="one"), now=clock.now())
        ((payload,),) = DB.execute("SELECT payload::text FROM outbox")
    found = json.loads(payload)
    assert (found["after"], found["before"]["credentials_sealed"]) == (None, "[redacted]")


@pytest.mark.parametrize(
    "name",
    [
        *("password", "secret_hash", "credentials_sealed", "activation_code_hash", "api_key", "private_jwk"),
        *("pin", "totp_secret", "refresh_token", "recovery_code_hash", "body"),
    ],
)
def test_masks_what_is_secret_by_its_name(database, name):
    found = written(before={name: ""}, after={name: "xyzzy"})
    assert (found["before"], found["after"]) == ({name: ""}, {name: "[redacted]"})


def test_masks_what_is_secret_by_its_look(database):
    found = written(
        reason=f"card {CARD} was declined",
        after={"note": f"number {CARD}", "deep": [{"password": "p", "plain": "Bearer abcdefghijkl"}]},
    )
    assert CARD not in json.dumps(found)
    assert found["after"]["deep"] == [{"password": "[redacted]", "plain": "Bearer [redacted]"}]


def test_holds_every_kind_of_value(database):
    key, now = uuid.uuid4(), clock.now()
    found = written(
        after={"id": key, "at": now, "day": now.date(), "flag": True, "no": None, "n": 5, "f": 0.5}
    )
    assert found["after"] == {
        "id": str(key),
        "at": clock.rfc3339(now),
        "day": now.date().isoformat(),
        "flag": True,
        "no": None,
        "n": 5,
        "f": 0.5,
    }


def test_names_the_platform_where_no_entrance_has_said_who_acts(database):
    found = written()
    assert (found["actor_kind"], found["actor_id"], found["address"]) == ("system", "platform", "")


def test_names_who_acts_and_from_where(database):
    request = RequestFactory().get(
        "/", headers={"user-agent": "till/1 " + "x" * 600}, REMOTE_ADDR="192.0.2.9"
    )
    caller = Principal(kind="partner", subject="key_1", psp_id=5)
    with origin.from_origin(origin.of_request(request)), origin.acting_for(caller):
        found = written()
    assert (found["actor_kind"], found["actor_id"], found["acting_as"]) == ("partner", "key_1", "")
    assert (found["address"], len(found["user_agent"])) == ("192.0.2.9", 500)
    assert written()["actor_id"] == "platform"  # the block is over


def test_names_both_people_of_an_impersonation(database):
    caller = Principal(kind="person", subject="user:7", psp_id=5, actor="user:1")
    with origin.acting_for(caller):
        found = written()
    assert (found["actor_id"], found["acting_as"]) == ("user:1", "user:7")


def test_names_the_account_and_machine_of_a_command_but_not_its_arguments(database):
    with origin.from_origin(origin.of_command(["manage.py", "create_operator", "a@example.com", "--name=A"])):
        found = written()
    assert (found["actor_kind"], found["user_agent"]) == ("command", "manage.py create_operator")
    assert "@" in found["actor_id"]


def test_names_the_job_or_the_handler_that_did_it_by_itself(database, monkeypatch):
    seen = []
    monkeypatch.setattr(jobs, "_jobs", {})
    jobs.job("test.job", every_s=1, db=DB)(lambda *, now: seen.append(origin.origin()) or 1)
    options = {"system": "relay", "own_transaction": True, "together": False}
    handler = Handler("test.react", AuditRecorded, DB, lambda _, now: seen.append(origin.origin()), **options)
    with origin.acting("person", "user:1"):
        jobs.run_slot("test.job", now=clock.now())
        handler.handle(None, event_id=uuid.uuid4(), now=clock.now())
    assert [(by.kind, by.id) for by in seen] == [("system", "test.job"), ("system", "test.react")]


def test_names_the_person_behind_a_page_of_the_console(monkeypatch):
    seen = []
    inside = SimpleNamespace(is_inside=lambda *_key, **_whose: True)
    monkeypatch.setattr(middleware, "entrance", lambda: inside)
    page = ConsoleActor(lambda request: seen.append(origin.origin()))
    request = RequestFactory().get("/admin/")
    request.session = {}
    for user in (SimpleNamespace(is_authenticated=True, pk=7), SimpleNamespace(is_authenticated=False)):
        request.user = user
        page(request)
    assert [(by.kind, by.id) for by in seen] == [("person", "user:7"), ("system", "platform")]


def test_of_one_thread_does_not_name_the_actor_of_another(database):
    seen = []
    with origin.acting("person", "user:1"):
        thread = threading.Thread(target=lambda: seen.append(origin.origin()))
        thread.start()
        thread.join()
    assert seen == [origin.PLATFORM]


def test_waits_for_other_records_of_the_same_thing_and_for_nothing_else(database):
    """So that an event of the thing itself is never held up by the trail, nor the trail by another thing's record."""
    with DB.atomic(SystemScope("seed")):
        record(DB, "device.suspended", Device(psp_id=1, merchant_id=1, store_id=1), now=clock.now())
        ((aggregate,),) = DB.execute("SELECT aggregate_id FROM outbox")
    assert aggregate.startswith("audit:device:dev_")
