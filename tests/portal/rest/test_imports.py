"""Terminals that are to come, and lists of them..."""

import csv
import io
import re

import pytest
from joserfc.jwk import ECKey

from kernel import clock
from kernel.errors import NotFound
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic
from mpac.portal.domain import device_lists
from mpac.portal.domain.device_lists import Fault, ListedDevice, decode_list, read_list, safe_cell
from mpac.portal.errors import TokenRefused
from mpac.portal.models import Device, Preregistration
from mpac.portal.services import device_imports
from mpac.portal.services.devices import assign_device, register_device
from mpac.portal.services.preregistrations import preregister
from mpac.portal.services.tokens import exchange_assertion
from tests.portal.factories import (
    SEED,
    Terminal,
    make_proof,
    make_store,
    make_tenant,
    published,
    register,
)

JSON = "application/json"


def send(partner, path, text, *, kind="text/csv"):
    raw = text if isinstance(text, bytes) else text.encode()
    return partner.generic("POST", path, raw, content_type=kind)


def run(partner, taken):
    assert partner.post(f"/v1/device-imports/{taken['id']}/start", {}, content_type=JSON).status_code == 200
    device_imports.run_imports(now=clock.now())
    return partner.get(f"/v1/device-imports/{taken['id']}").json()


def report(partner, taken):
    answer = partner.get(f"/v1/device-imports/{taken['id']}/report")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def activate(partner, code, serial_number, key):
    body = {
        "activation_code": code,
        "public_jwk": key.as_dict(private=False),
        "proof": make_proof(serial_number, key),
    }
    return partner.post("/v1/devices/activate", body, content_type=JSON, headers={"Authorization": ""})


def serials():
    with atomic(SEED):
        found = set(Device.objects.values_list("serial_number", flat=True))
        return found | set(Preregistration.objects.values_list("serial_number", flat=True))


@pytest.fixture
def path(tenant):
    return f"/v1/stores/{tenant.store.id}/devices/imports"


@pytest.fixture
def key():
    return ECKey.generate_key("P-256", private=True)


# --- lists ------------------------------------------------------------------------------------------------------------


def test_are_looked_at_first_and_registered_when_somebody_says_so(partner, tenant, path, key):
    text = "\ufeffserial_number;name;labels\r\nSN-A;Till 1;lane:1,zone:b\r\nSN-B;;\r\n\r\n"
    answer = send(partner, path, text)
    assert answer.status_code == 201
    taken = answer.json()
    assert (taken["status"], taken["rows_total"], taken["rows_done"], taken["faults"]) == (
        "checked",
        2,
        0,
        [],
    )
    assert serials() == set()
    assert [row["result"] for row in report(partner, taken)] == ["waiting", "waiting"]
    done = run(partner, taken)
    assert (done["status"], done["rows_done"], done["rows_refused"]) == ("done", 2, 0)
    first, second = report(partner, taken)
    device = partner.get(f"/v1/devices/{first['device_id']}").json()
    assert (device["name"], device["labels"]) == ("Till 1", {"lane": "1", "zone": "b"})
    assert activate(partner, first["activation_code"], "SN-A", key).status_code == 200
    codes = [row["activation_code"] for row in report(partner, taken)]
    assert codes == ["", second["activation_code"]]
    again = partner.post(f"/v1/device-imports/{taken['id']}/start", {}, content_type=JSON).json()
    assert again["status"] == "done"


def test_say_what_is_wrong_in_every_row_and_column_and_register_nothing(partner, tenant, path):
    register(tenant.store, serial_number="TAKEN")
    text = (
        "serial_number,name,labels\nSN-A,Till,\nSN-A,Till,\nTAKEN,Till,\n\u0e01,Till,\nSN-B,Till,nonsense\n"
        f"SN-C,{'x' * 201},\nSN-D,Till\n"
    )
    taken = send(partner, path, text).json()
    assert taken["status"] == "rejected"
    assert [(fault["row"], fault["column"], fault["code"]) for fault in taken["faults"]] == [
        (3, "serial_number", "repeated"),
        (4, "serial_number", "serial_number_taken"),
        (5, "serial_number", "invalid"),
        (6, "labels", "invalid"),
        (7, "name", "invalid"),
        (8, "", "wrong_number_of_cells"),
    ]
    answer = partner.post(f"/v1/device-imports/{taken['id']}/start", {}, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert serials() == {"TAKEN"}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\n", "missing_column"),
        (b"serial_number\n", "no_rows"),
        (b"serial_number,serial_number\nA,B\n", "repeated_column"),
        (b"serial_number,price\nA,B\n", "unknown_column"),
        (b"serial_number,store_code\nA,B\n", "unknown_column"),
        (b"name\nA\n", "missing_column"),
        (b'serial_number\n"A', "malformed_csv"),
        (b"serial_number\n\xa1\n", "encoding"),
        (b"serial_number\nA\x00\n", "encoding"),
        (b"PK\x03\x04\x14\x00\x06\x00", "encoding"),
    ],
)
def test_that_are_no_lists_are_rejected_with_the_reason(partner, path, raw, code):
    answer = send(partner, path, raw)
    assert (answer.status_code, answer.json()["status"]) == (201, "rejected")
    assert answer.json()["faults"][0]["code"] == code
    assert serials() == set()


def test_come_as_a_form_too(partner, path):
    body = (
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
        "Content-Type: text/csv\r\n\r\nserial_number\nSN-A\n\r\n--b--\r\n"
    )
    answer = send(partner, path, body, kind="multipart/form-data; boundary=b")
    assert (answer.status_code, answer.json()["rows_total"]) == (201, 1)
    for broken in ("--b\r\n", body.replace('"file"', '"other"'), body.replace("--b", "--c")):
        answer = send(partner, path, broken, kind="multipart/form-data; boundary=b")
        assert answer.status_code == 400, broken
    assert send(partner, path, body, kind="multipart/form-data").status_code == 400


def test_of_another_kind_or_too_large_are_refused(partner, path):
    assert send(partner, path, "{}", kind=JSON).status_code == 415
    assert send(partner, path, b"x" * (2 * 1024 * 1024 + 1)).status_code == 413


def test_of_many_stores_put_each_terminal_where_it_belongs(partner, tenant):
    store = make_store(tenant.merchant)
    closed = make_tenant()
    rows = [
        "serial_number,merchant_code,store_code",
        f"SN-A,{tenant.merchant.code},{store.code}",
        f"SN-B,{tenant.merchant.code},",
        "SN-C,,",
    ]
    taken = send(partner, "/v1/device-imports", "\n".join(rows)).json()
    assert taken["faults"] == []
    assert run(partner, taken)["status"] == "done"
    found = {row["serial_number"]: row for row in report(partner, taken)}
    assert [found[name]["result"] for name in ("SN-A", "SN-B", "SN-C")] == [
        "registered",
        "waiting",
        "waiting",
    ]
    with atomic(SEED):
        assert Device.objects.get().store_id == store.id
        owners = dict(Preregistration.objects.values_list("serial_number", "merchant_id"))
    assert owners == {"SN-B": tenant.merchant.id, "SN-C": None}
    rows = [rows[0], f"SN-D,{closed.merchant.code},{closed.store.code}", f"SN-E,,{store.code}"]
    taken = send(partner, "/v1/device-imports", "\n".join(rows)).json()
    assert [(fault["column"], fault["code"]) for fault in taken["faults"]] == [
        ("merchant_code", "not_found"),
        ("merchant_code", "required"),
    ]
    rows = ["serial_number,store_code", f"SN-D,{store.code}"]
    taken = send(partner, f"/v1/device-imports?merchant_id={tenant.merchant.id}", "\n".join(rows)).json()
    assert taken["status"] == "checked"
    assert send(partner, "/v1/device-imports?merchant=1", "serial_number").status_code == 400


def test_go_on_where_they_were_cut_off_and_refuse_what_was_taken_meanwhile(
    partner, tenant, path, monkeypatch
):
    monkeypatch.setattr(device_imports, "BATCH", 2)
    names = [f"SN-{number}" for number in range(7)]
    taken = send(partner, path, "\n".join(["serial_number", *names])).json()
    register(tenant.store, serial_number="SN-4")
    partner.post(f"/v1/device-imports/{taken['id']}/start", {}, content_type=JSON)
    real, calls = device_imports._register, []

    def dies(*args, **named):
        calls.append(args)
        if len(calls) == 4:
            raise SystemExit
        return real(*args, **named)

    monkeypatch.setattr(device_imports, "_register", dies)
    with pytest.raises(SystemExit):
        device_imports.run_imports(now=clock.now())
    assert partner.get(f"/v1/device-imports/{taken['id']}").json()["rows_done"] == 2
    done = run(partner, taken)
    assert (done["status"], done["rows_done"], done["rows_refused"]) == ("done", 7, 1)
    assert [(fault["row"], fault["code"]) for fault in done["faults"]] == [(6, "serial_number_taken")]
    told = list(published("portal.device_registered"))
    assert len(told) == 7
    assert serials() == set(names)


def test_refuse_one_row_once_when_two_go_on_with_them(partner, tenant, path, monkeypatch):
    taken = send(partner, path, "serial_number\nSN-A\nSN-B\nSN-C\n").json()
    register(tenant.store, serial_number="SN-B")
    advance = device_imports._advance

    def twice(*args, **kwargs):
        if kwargs.get("refused") is not None:
            assert advance(*args, **kwargs)  # somebody else was quicker
        return advance(*args, **kwargs)

    monkeypatch.setattr(device_imports, "_advance", twice)
    assert run(partner, taken)["rows_refused"] == 1
    device_imports.run_imports(now=clock.now())
    done = partner.get(f"/v1/device-imports/{taken['id']}").json()
    assert (done["status"], done["rows_done"], done["rows_refused"]) == ("done", 3, 1)
    assert serials() == {"SN-A", "SN-B", "SN-C"}


def test_that_cannot_go_on_keep_no_others_waiting(partner, path, monkeypatch):
    stuck = send(partner, path, "serial_number\nSN-A\n").json()
    partner.post(f"/v1/device-imports/{stuck['id']}/start", {}, content_type=JSON)
    taken = send(partner, path, "serial_number\nSN-B\n").json()
    go_on = device_imports._register

    def fails(scope, taken, place, stores, row, **kwargs):
        if row.serial_number == "SN-A":
            raise RuntimeError
        go_on(scope, taken, place, stores, row, **kwargs)

    monkeypatch.setattr(device_imports, "_register", fails)
    assert run(partner, taken)["status"] == "done"
    assert partner.get(f"/v1/device-imports/{stuck['id']}").json()["status"] == "running"


def test_are_read_once_a_run_however_many_rows_are_refused(partner, tenant, path, monkeypatch):
    taken = send(partner, path, "serial_number\n" + "".join(f"SN-{n}\n" for n in range(4))).json()
    for number in range(4):
        register(tenant.store, serial_number=f"SN-{number}")
    monkeypatch.setattr(device_imports, "BATCH", 2)
    reads, read = [], device_imports.read_list
    monkeypatch.setattr(device_imports, "read_list", lambda *a, **kw: reads.append(1) or read(*a, **kw))
    assert run(partner, taken)["rows_refused"] == 4
    assert len(reads) == 1


def test_hold_no_formulas_for_the_spreadsheet_of_who_reads_the_report(partner, path):
    taken = send(partner, path, "serial_number,=cmd|' /C calc'!A0\n=1+1,x\n").json()
    for row in report(partner, taken):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
    assert [safe_cell(cell) for cell in ("=1", "+1", "-1", "@a", "\t=1", "a=1", None)] == [
        *("'=1", "'+1", "'-1", "'@a", "'\t=1"),
        *("a=1", ""),
    ]


@pytest.mark.parametrize("charset", ["utf-16", "windows-874"])
def test_are_read_in_the_charset_that_their_sender_names(charset):
    text = "serial_number,name\nSN-A,\u0e23\u0e49\u0e32\u0e19\n"
    raw = text.encode({"windows-874": "cp874"}.get(charset, charset))
    assert decode_list(raw, charset=charset) == text
    assert decode_list(raw, charset="" if charset == "utf-16" else charset) == text
    assert isinstance(decode_list(raw, charset="ebcdic"), Fault)


def test_of_any_bytes_are_read_or_refused_without_an_error(monkeypatch):
    monkeypatch.setattr(device_lists, "MAX_ROWS", 3)
    for text in (
        "serial_number\n" + "A\n" * 9,
        "\n\n",
        "serial_number\r\rA",
        'serial_number\n"a"b\n',
        "\ufeff",
    ):
        for row in read_list(text, in_store=True):
            assert isinstance(row, Fault | ListedDevice)


# --- terminals that are to come ---------------------------------------------------------------------------------------


def test_bind_their_key_before_they_have_a_store_and_keep_their_id(partner, tenant, key):
    body = {"serial_number": "SN-1", "model": "A920", "labels": {"lot": "7"}}
    entry = partner.post("/v1/device-preregistrations", body, content_type=JSON).json()
    assert (entry["status"], entry["activation_qr"][:19]) == ("waiting", "data:image/svg+xml;")
    assert re.search(r"serial_number=SN-1&code=[A-Z0-9-]+$", entry["activation_qr_payload"])
    activated = activate(partner, entry["activation_code"], "SN-1", key).json()
    assert activated["device_id"] == entry["id"]
    terminal = Terminal(get_entry("SN-1").id, key, key.thumbprint(), "SN-1")
    with pytest.raises(TokenRefused):
        exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now())
    path = f"/v1/device-preregistrations/{entry['id']}"
    answer = partner.post(
        f"{path}/assign", {"store_id": tenant.store.id, "name": "Till 1"}, content_type=JSON
    )
    assert answer.status_code == 201
    device = answer.json()
    assert (device["id"], device["status"], device["activation_code"]) == (entry["id"], "active", None)
    assert (device["model"], device["labels"], device["name"]) == ("A920", {"lot": "7"}, "Till 1")
    assert exchange_assertion(assertion=terminal.assertion(), scope=None, now=clock.now()).access_token
    assert activate(partner, entry["activation_code"], "SN-1", key).json()["device_id"] == entry["id"]
    assert [event["type"] for event in published()][-2:] == [
        "portal.device_registered",
        "portal.device_activated",
    ]
    again = partner.post(f"{path}/assign", {"store_id": tenant.store.id}, content_type=JSON)
    assert (again.status_code, again.json()["code"]) == (409, "illegal_transition")


def test_that_are_registered_in_a_store_are_what_their_vendor_announced(partner, tenant, key):
    entry = partner.post("/v1/device-preregistrations", {"serial_number": "SN-1"}, content_type=JSON).json()
    again = partner.post("/v1/device-preregistrations", {"serial_number": "SN-1"}, content_type=JSON)
    assert again.json()["code"] == "serial_number_taken"
    body = {"name": "Till", "serial_number": "SN-1"}
    device = partner.post(f"/v1/stores/{tenant.store.id}/devices", body, content_type=JSON).json()
    assert device["id"] == entry["id"]
    assert activate(partner, entry["activation_code"], "SN-1", key).status_code == 403
    assert activate(partner, device["activation_code"], "SN-1", key).status_code == 200
    assert get_entry("SN-1").status == "assigned"


def test_that_a_provider_announced_are_taken_by_whoever_has_a_store_for_them(partner, tenant):
    entry = partner.post("/v1/device-preregistrations", {"serial_number": "SN-1"}, content_type=JSON).json()
    registered = register_device(
        scope=TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,)),
        store_id=tenant.store.id,
        name="Till",
        model="",
        serial_number="SN-1",
        livemode=False,
        now=clock.now(),
    )
    assert registered.device.public_id == entry["id"]
    assert get_entry("SN-1").status == "assigned"


def test_that_will_not_come_can_be_announced_anew(partner, tenant, key):
    entry = partner.post("/v1/device-preregistrations", {"serial_number": "SN-1"}, content_type=JSON).json()
    path = f"/v1/device-preregistrations/{entry['id']}"
    fresh = partner.post(f"{path}/activation-code", {}, content_type=JSON).json()
    assert fresh["activation_code"] != entry["activation_code"]
    assert partner.post(f"{path}/withdraw", {}, content_type=JSON).json()["status"] == "withdrawn"
    assert activate(partner, fresh["activation_code"], "SN-1", key).status_code == 403
    for tail in ("assign", "activation-code", "withdraw"):
        body = {"store_id": tenant.store.id} if tail == "assign" else {}
        assert partner.post(f"{path}/{tail}", body, content_type=JSON).status_code == 409
    answer = partner.post("/v1/device-preregistrations", {"serial_number": "SN-1"}, content_type=JSON)
    assert answer.status_code == 201
    listed = partner.get("/v1/device-preregistrations?status=waiting&q=sn").json()["data"]
    assert [entry["id"] for entry in listed] == [answer.json()["id"]]


def test_get_no_key_by_guessing(partner, tenant, key):
    entry = partner.post("/v1/device-preregistrations", {"serial_number": "SN-1"}, content_type=JSON).json()
    for _ in range(5):
        assert activate(partner, "AAAA-AAAA-AAAA", "SN-1", key).status_code == 403
    assert activate(partner, entry["activation_code"], "SN-1", key).status_code == 403
    assert get_entry("SN-1").status == "waiting"


def get_entry(serial_number):
    with atomic(SEED):
        return Preregistration.objects.get(serial_number=serial_number)


def test_go_to_no_store_of_another_provider(tenant):
    announced = preregister(
        scope=SEED,
        psp_id=tenant.psp.id,
        merchant_id=None,
        serial_number="SN-1",
        livemode=False,
        now=clock.now(),
    )
    store_id = make_tenant().store.id
    with pytest.raises(NotFound):
        assign_device(scope=SEED, entry_id=announced.entry.id, store_id=store_id, now=clock.now())
