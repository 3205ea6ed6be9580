"""Settings..."""

import pytest

from kernel import clock
from kernel.errors import Forbidden, NotFound, ScopeMissing
from kernel.tenancy import TenantScope
from mpac.portal.db import atomic, db
from mpac.portal.domain.places import Level, Place
from mpac.portal.domain.settings_registry import SETTINGS
from mpac.portal.errors import (
    MisfitValue,
    SettingLocked,
    SettingNotHere,
    SettingNotKept,
    SettingNotLockable,
    VersionMismatch,
)
from mpac.portal.models import SettingChange, SettingValue
from mpac.portal.selectors import settings as select
from mpac.portal.selectors.places import get_place
from mpac.portal.services import settings
from mpac.portal.services.settings import Change, Wanted
from tests.portal.factories import (
    SEED,
    audited,
    make_merchant,
    make_store,
    make_tenant,
    make_terminal,
    published,
    register,
)
from tests.portal.services.test_races import at_once

COPIES = "receipt.copies"


def place_of(level, key, scope=SEED) -> Place:
    return get_place(scope=scope, level=level, key=str(key))


def put(place, value, *, name=COPIES, locked=False, scope=SEED, version=None, may_lock=True, reason=""):
    change = Change(actor="user:1", expected_version=version, may_lock=may_lock, reason=reason)
    return settings.set_setting(
        scope=scope, place=place, name=name, value=value, locked=locked, change=change, now=clock.now()
    )


def unset(place, *, name=COPIES, version=None, may_lock=True):
    change = Change(actor="user:1", expected_version=version, may_lock=may_lock)
    return settings.unset_setting(scope=SEED, place=place, name=name, change=change, now=clock.now())


def explain(terminal, scope=SEED):
    with atomic(scope):
        return select.explain_device(device_id=terminal.device_id)


def holding(terminal, name=COPIES):
    found = explain(terminal)[name]
    return found.value, found.source.level if found.source else None


@pytest.fixture
def line(tenant, terminal) -> dict[str, Place]:
    """Every place above the terminal, and its own."""
    return {
        "platform": place_of("platform", "all"),
        "psp": place_of("psp", tenant.psp.id),
        "merchant": place_of("merchant", tenant.merchant.id),
        "store": place_of("store", tenant.store.id),
        "device": place_of("device", terminal.client_id),
    }


def test_hold_where_they_are_set_closest_to_the_terminal(line, terminal):
    assert holding(terminal) == (1, None)
    for value, (level, place) in enumerate(list(line.items())[:4]):
        put(place, value)
        assert holding(terminal) == (value, level)
    put(line["device"], 0)
    assert holding(terminal) == (0, "device")
    unset(line["device"])
    unset(line["store"])
    assert holding(terminal) == (2, "merchant")


def test_do_not_reach_beside_their_place(line, tenant, terminal):
    cousin = make_terminal(make_store(make_merchant(tenant.psp)))
    sibling = make_terminal(make_store(tenant.merchant))
    foreigner = make_terminal(make_tenant().store)
    neighbor = make_terminal(tenant.store)
    put(line["device"], 3)
    assert {holding(each) for each in (neighbor, sibling, cousin, foreigner)} == {(1, None)}
    put(line["store"], 2)
    assert holding(neighbor) == (2, "store")
    assert {holding(each) for each in (sibling, cousin, foreigner)} == {(1, None)}
    put(line["merchant"], 3)
    assert holding(sibling) == (3, "merchant")
    assert {holding(each) for each in (cousin, foreigner)} == {(1, None)}
    put(line["psp"], 0)
    assert holding(cousin) == (0, "psp")
    assert holding(foreigner) == (1, None)


def test_that_are_locked_void_what_is_set_below_and_refuse_more(line, terminal):
    put(line["store"], 2)
    put(line["psp"], 0, locked=True)
    found = explain(terminal)[COPIES]
    assert (found.value, found.is_locked) == (0, True)
    assert [each.level for each in found.overridden] == ["store"]
    for level in ("merchant", "store", "device"):
        with pytest.raises(SettingLocked) as refused:
            put(line[level], 3)
        assert refused.value.extra == {"level": "psp"}
    unset(line["store"])  # what is void may be cleared away
    put(line["psp"], 0, locked=False)
    put(line["device"], 3)
    assert holding(terminal) == (3, "device")


def test_are_locked_and_unlocked_only_by_those_who_may(line):
    with pytest.raises(ScopeMissing):
        put(line["psp"], 2, locked=True, may_lock=False)
    put(line["psp"], 2, locked=True)
    for act in (lambda: put(line["psp"], 3, may_lock=False), lambda: unset(line["psp"], may_lock=False)):
        with pytest.raises(ScopeMissing):
            act()


def test_that_cannot_be_locked_are_not(line):
    with pytest.raises(SettingNotLockable):
        put(line["psp"], 50, name="sound.volume_percent", locked=True)
    with pytest.raises(SettingNotLockable):  # nothing is below a terminal
        put(line["device"], 2, locked=True)


def test_are_set_at_their_own_levels_alone(line):
    with pytest.raises(SettingNotHere) as refused:
        put(line["store"], 60, name="fleet.heartbeat_interval_s")
    assert refused.value.extra == {"allowed": ["platform", "psp"]}


def test_of_all_tenants_are_set_by_the_platform_alone(line, tenant):
    with pytest.raises(NotFound):
        place_of("platform", "all", scope=tenant.scope)
    with pytest.raises(Forbidden):
        put(line["platform"], 2, scope=tenant.scope)


@pytest.mark.parametrize("level", ["psp", "merchant"])
def test_are_not_set_by_those_who_answer_for_less(line, tenant, level):
    scope = TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,))
    with pytest.raises(Forbidden):
        put(line[level], 2, scope=scope)
    put(line["store"], 2, scope=scope)


def test_are_kept_from_those_who_answer_for_less_by_the_database_too(line, tenant):
    """The second wall: rows above one's own are seen and can be neither changed nor made nor deleted."""
    put(line["platform"], 2)
    put(line["psp"], 2)
    scope = TenantScope(tenant.psp.id, tenant.merchant.id, (tenant.store.id,))
    with atomic(scope):
        assert db.execute("SELECT level FROM setting_values ORDER BY level") == [("platform",), ("psp",)]
        assert [row.level for row in SettingValue.objects.order_by("level")] == ["platform", "psp"]
    for statement in (
        "UPDATE setting_values SET version = version + 1",
        "UPDATE setting_values SET version = version + 1 WHERE psp_id IS NULL",
        "DELETE FROM setting_values",
    ):
        with pytest.raises(Exception, match=r"row-level security|permission denied"), atomic(scope):
            db.execute(statement)
    with atomic(TenantScope(make_tenant().psp.id)):
        assert db.execute("SELECT level FROM setting_values") == [("platform",)]
    with db.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM setting_values")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (COPIES, 4),
        (COPIES, -1),
        (COPIES, "1"),
        (COPIES, True),
        (COPIES, 1.0),
        (COPIES, None),
        (COPIES, []),
        (COPIES, 10**30),
        ("receipt.print", "sometimes"),
        ("receipt.header_lines", ["x" * 49]),
        ("receipt.header_lines", ["a\x1b[2J"]),
        ("receipt.header_lines", ["a"] * 9),
        ("payments.methods", []),
        ("payments.methods", ["gold"]),
        ("tips.percentages", [0]),
        ("fleet.maintenance_window", "25:00-26:00"),
        ("kiosk.packages", ["rm -rf /"]),
        ("kiosk.exit_pin", "12"),
        ("network.wifi_password", "kurz"),
    ],
)
def test_refuse_what_does_not_fit(line, name, value):
    with pytest.raises(MisfitValue) as refused:
        put(line["psp"], value, name=name)
    assert refused.value.errors[0].field == "value"
    with atomic(SEED):
        assert not SettingValue.objects.exists()


def test_are_declared_with_defaults_that_fit_and_reasons():
    for name, setting in SETTINGS.items():
        assert name == setting.name
        assert setting.meaning
        assert setting.levels <= frozenset(Level)
        assert setting.default is None if setting.secret else setting.fit(setting.default) == setting.default
        assert setting.schema()


def test_of_a_set_of_values_are_kept_in_one_order(line, terminal):
    put(line["psp"], ["qr_code", "cash", "cash"], name="payments.methods")
    assert holding(terminal, "payments.methods") == (["cash", "qr_code"], "psp")
    assert put(line["psp"], ["cash", "qr_code"], name="payments.methods") == 1


def test_leave_a_version_an_event_and_a_record_for_every_change_and_none_for_no_change(line):
    before = len(audited())
    for value in (2, 2, 3):
        put(line["store"], value, reason="paper is dear")
    with atomic(SEED):
        versions = list(SettingChange.objects.order_by("version").values_list("version", "value", "reason"))
    assert versions == [(1, 2, "paper is dear"), (2, 3, "paper is dear")]
    events = published("portal.config_changed")
    assert [event["version_number"] for event in events] == [1, 2]
    assert all("value" not in event for event in events)
    records = audited()[before:]
    assert [(each["action"], each["object_id"]) for each in records] == [
        ("setting.set", f"store:{line['store'].key}/{COPIES}")
    ] * 2
    assert (records[1]["before"]["value"], records[1]["after"]["value"]) == (2, 3)
    assert records[1]["reason"] == "paper is dear"


def test_are_changed_by_who_has_seen_the_present_version(line):
    put(line["psp"], 2, version=0)
    for stale in (0, 2):
        with pytest.raises(VersionMismatch) as refused:
            put(line["psp"], 3, version=stale)
        assert refused.value.extra == {"version": 1}
    put(line["psp"], 3, version=1)
    unset(line["psp"], version=2)
    with pytest.raises(VersionMismatch):
        put(line["psp"], 3, version=0)
    assert put(line["psp"], 3, version=3) == 4


def test_go_back_to_a_former_version(line, terminal):
    place = line["store"]
    for value in (2, 3):
        put(place, value)
    unset(place)
    back = Change(actor="user:1", may_lock=True)
    now = clock.now()
    call = {"scope": SEED, "place": place, "name": COPIES, "change": back, "now": now}
    assert settings.roll_back_setting(version=1, **call) == 4
    assert holding(terminal) == (2, "store")
    settings.roll_back_setting(version=3, **call)
    assert holding(terminal) == (1, None)
    with pytest.raises(NotFound):
        settings.roll_back_setting(version=9, **call)
    put(line["psp"], 0, locked=True)
    with pytest.raises(SettingLocked):
        settings.roll_back_setting(version=1, **call)


def test_that_are_secret_are_sealed_and_never_told_again(line, terminal):
    name, secret = "network.wifi_password", "correct horse"
    put(line["store"], secret, name=name)
    put(line["store"], secret, name=name)  # is never compared
    found = explain(terminal)[name]
    assert (found.value, found.source.version) == (None, 2)
    assert select.open_secret(found.source) == secret
    with atomic(SEED):
        rows = str(list(SettingValue.objects.values())) + str(list(SettingChange.objects.values()))
    assert secret not in rows + str(audited()) + str(published())
    back = Change(actor="user:1")
    with pytest.raises(SettingNotKept):
        settings.roll_back_setting(
            scope=SEED, place=line["store"], name=name, version=1, change=back, now=clock.now()
        )


def preview(place, *, value=2, locked=False, name=COPIES):
    wanted = Wanted(value=value, locked=locked)
    found = settings.preview_setting(scope=SEED, place=place, name=name, wanted=wanted)
    return found.reach.devices, found.reach.touched


def test_say_beforehand_how_many_terminals_a_change_touches(line, tenant, terminal):
    others = [make_terminal(make_store(tenant.merchant)) for _ in range(2)]
    register(tenant.store)  # has no configuration yet
    make_terminal(make_tenant().store)
    assert preview(line["psp"]) == (3, 3)
    assert preview(line["platform"]) == (4, 4)
    put(line["store"], 3)
    put(place_of("device", others[0].client_id), 3)
    assert preview(line["psp"]) == (3, 1)
    assert preview(line["psp"], locked=True) == (3, 3)
    assert preview(line["store"]) == (1, 1)
    put(line["psp"], 2)
    assert preview(line["psp"]) == (3, 0)
    put(line["psp"], 2, locked=True)
    assert preview(line["merchant"]) == (3, 0)
    found = settings.preview_setting(
        scope=SEED, place=line["merchant"], name=COPIES, wanted=Wanted(is_set=False)
    )
    assert found.locked_by.level == "psp"


def test_of_two_writers_at_once_have_one_winner(line):
    outcomes = at_once(*(lambda value=value: put(line["psp"], value, version=0) for value in (0, 2, 3)))
    assert sorted(type(each).__name__ for each in outcomes) == ["VersionMismatch", "VersionMismatch", "int"]
    with atomic(SEED):
        assert SettingChange.objects.count() == 1


@pytest.mark.parametrize("above", ["platform", "psp", "merchant"])
def test_are_never_set_below_a_lock_that_was_there_before(line, above):
    """Whoever comes first: a value that is taken after the lock was made would have been promised and not be kept."""
    outcomes = at_once(
        lambda: put(line[above], 0, locked=True),
        *(lambda value=value: put(line["store"], value) for value in (2, 3)),
    )
    told = [event["level"] for event in published("portal.config_changed")]
    assert told.count(above) == 1
    assert told[-1] == above  # in the order in which they were committed
    taken = [each for each in outcomes[1:] if isinstance(each, int)]
    assert len(taken) == len(told) - 1
    assert all(isinstance(each, SettingLocked | int) for each in outcomes[1:])
