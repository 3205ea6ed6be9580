"""Several at once ..."""

import threading
from functools import partial

from django.db import connections
from joserfc.jwk import ECKey

from kernel import clock
from kernel.errors import DomainError, NotFound
from mpac.portal.db import atomic
from mpac.portal.domain.authority import Person
from mpac.portal.domain.roles import Role
from mpac.portal.dto import ProfileChanges
from mpac.portal.errors import ActivationRefused, GroupNotEmpty, IllegalTransition, TokenRefused
from mpac.portal.models import (
    Device,
    DeviceGroupMember,
    DeviceStatusChange,
    Membership,
    Preregistration,
    SigningKey,
    Store,
    User,
)
from mpac.portal.selectors.authority import get_authority
from mpac.portal.services import device_groups, devices, hierarchy, replacement
from mpac.portal.services.activation import activate_device
from mpac.portal.services.memberships import withdraw_membership
from mpac.portal.services.preregistrations import preregister, withdraw_preregistration
from mpac.portal.services.signing_keys import ensure_signing_key, publish_next_key
from mpac.portal.services.tokens import exchange_assertion
from mpac.portal.services.users import update_user
from tests.portal.factories import SEED, get_device, make_proof, make_terminal, published, register
from tests.portal.members import make_member

MANY = 8


def at_once(*calls):
    """What each call returned, or the refusal that it raised."""
    barrier, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number):
        barrier.wait()
        try:
            results[number] = calls[number]()
        except DomainError as refusal:
            results[number] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def activation(registered, key):
    return lambda: activate_device(
        activation_code=registered.activation_code,
        public_jwk=key.as_dict(private=False),
        proof=make_proof("SN-1", key),
        now=clock.now(),
    )


def test_keys_with_one_code_bind_one(tenant):
    registered = register(tenant.store, serial_number="SN-1")
    keys = [ECKey.generate_key("P-256", private=True) for _ in range(MANY)]
    results = at_once(*(activation(registered, key) for key in keys))

    done = [result for result in results if not isinstance(result, ActivationRefused)]
    assert len(done) == 1
    assert get_device(registered.device.id).key_id == done[0].key_id
    assert len(published("portal.device_activated")) == 1


def test_an_activation_and_a_revocation_leave_no_active_terminal(tenant):
    registered = register(tenant.store, serial_number="SN-1")
    key = ECKey.generate_key("P-256", private=True)

    def revoke():
        return devices.revoke_device(
            scope=SEED, device_id=registered.device.id, actor="test", now=clock.now()
        )

    _, revoked = at_once(activation(registered, key), revoke)
    assert not isinstance(revoked, IllegalTransition)
    assert get_device(registered.device.id).status == "revoked"
    with atomic(SEED):
        steps = DeviceStatusChange.objects.order_by("id").values_list("from_status", "to_status")
        assert list(steps)[-1][1] == "revoked"


def test_presentations_of_one_assertion_get_one_token(terminal):
    assertion = terminal.assertion()
    results = at_once(*[lambda: exchange_assertion(assertion=assertion, scope=None, now=clock.now())] * MANY)
    assert sum(not isinstance(result, TokenRefused) for result in results) == 1


def test_first_questions_make_one_signing_key(database):
    keys = at_once(*[lambda: ensure_signing_key(now=clock.now())] * MANY)
    assert len({key.kid for key in keys}) == 1


def test_rotations_publish_one_next_key(database):
    ensure_signing_key(now=clock.now())
    rotations = at_once(*[lambda: publish_next_key(now=clock.now())] * MANY)
    assert sum(bool(rotation) for rotation in rotations) == 1
    with atomic(SEED):
        assert SigningKey.objects.count() == 2


def test_changes_of_a_store_each_raise_its_version(tenant):
    def change(number):
        changes = ProfileChanges(name=f"Store {number}")
        return lambda: hierarchy.update_store(
            scope=SEED, store_id=tenant.store.id, changes=changes, now=clock.now()
        )

    results = at_once(*(change(number) for number in range(MANY)))
    assert sorted(store.version for store in results) == list(range(2, MANY + 2))
    with atomic(SEED):
        store = Store.objects.get(id=tenant.store.id)
    assert store.name == max(results, key=lambda each: each.version).name


def test_registrations_of_one_serial_number_leave_one(tenant):
    def announce():
        return devices.register_device(
            scope=SEED,
            store_id=tenant.store.id,
            name="Till",
            model="M",
            serial_number="SN-1",
            livemode=False,
            now=clock.now(),
        )

    results = at_once(*[announce] * MANY)
    assert sum(not isinstance(result, DomainError) for result in results) == 1


def test_announcing_and_registering_a_terminal_make_one_of_it(tenant):
    serials = [f"SN-{number}" for number in range(MANY)]

    def announce(serial_number):
        return lambda: preregister(
            scope=SEED,
            psp_id=tenant.psp.id,
            merchant_id=None,
            serial_number=serial_number,
            livemode=False,
            now=clock.now(),
        )

    def enter(serial_number):
        return lambda: register(tenant.store, serial_number=serial_number)

    at_once(*(call(serial) for serial in serials for call in (announce, enter)))
    with atomic(SEED):
        assert Device.objects.count() == MANY
        assert not Preregistration.objects.exclude(status="assigned").exists()


def test_a_terminal_that_was_withdrawn_is_assigned_to_no_store(tenant):
    entries = [
        preregister(
            scope=SEED,
            psp_id=tenant.psp.id,
            merchant_id=None,
            serial_number=f"SN-{number}",
            livemode=False,
            now=clock.now(),
        ).entry.id
        for number in range(MANY)
    ]
    results = at_once(
        *(
            partial(
                devices.assign_device, scope=SEED, entry_id=key, store_id=tenant.store.id, now=clock.now()
            )
            for key in entries
        ),
        *(partial(withdraw_preregistration, scope=SEED, entry_id=key, now=clock.now()) for key in entries),
    )
    refused = [isinstance(result, IllegalTransition) for result in results]
    assert [not each for each in refused[:MANY]] == refused[MANY:]


def test_replacing_a_terminal_and_dissolving_its_group_leave_no_half(tenant, monkeypatch):
    """The group goes at the very moment between looking at who is in it and joining it."""
    old = make_terminal(tenant.store)
    group = device_groups.create_group(
        scope=SEED,
        psp_id=tenant.psp.id,
        merchant_id=None,
        name="Front",
        selector={},
        livemode=False,
        now=clock.now(),
    )
    step = {"scope": SEED, "group_id": group.id, "now": clock.now()}
    device_groups.add_members(device_ids=[old.device_id], **step)
    outcome = []

    def dissolve():
        device_groups.remove_members(device_ids=[old.device_id], **step)
        outcome.extend(at_once(partial(device_groups.delete_group, **step)))
        connections.close_all()

    thread = threading.Thread(target=dissolve)

    class Members:
        """What the replacement joins by."""

        objects = DeviceGroupMember.objects

        def __new__(cls, **values):
            thread.start()
            thread.join(timeout=0.5)  # it waits for the replacement, or is done
            return DeviceGroupMember(**values)

    monkeypatch.setattr(replacement, "DeviceGroupMember", Members)
    replaced = replacement.replace_device(
        scope=SEED, device_id=old.device_id, serial_number="NEW", actor="test", now=clock.now()
    )
    thread.join()
    assert isinstance(outcome[0], GroupNotEmpty)
    with atomic(SEED):
        assert list(DeviceGroupMember.objects.values_list("device_id", flat=True)) == [replaced.device.id]


def test_taking_roles_and_accounts_away_waits_in_no_circle(tenant):
    people = [make_member(Role.PSP_ADMIN, tenant) for _ in range(MANY)]
    make_member(Role.PSP_ADMIN, tenant)
    operator = make_member(Role.PLATFORM_OPERATOR, tenant)
    by = Person(operator.id, get_authority(user_id=operator.id))
    step = {"scope": SEED, "by": by, "now": clock.now()}
    results = at_once(
        *(partial(update_user, user_id=each.id, changes={"is_active": False}, **step) for each in people),
        *(
            partial(withdraw_membership, user_id=each.id, membership_id=each.membership.pk, **step)
            for each in people
        ),
    )
    assert all(isinstance(result, (User, Membership, NotFound)) for result in results)
    with atomic(SEED):
        assert Membership.objects.filter(role=Role.PSP_ADMIN).count() == 1
