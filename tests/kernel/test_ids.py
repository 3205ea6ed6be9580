"""Ids are UUIDv7 inside, TypeIDs outside, and reveal nothing when they are wrong."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import clock, ids
from kernel.errors import NotFound

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# The examples that the TypeID specification 0.3 publishes for implementations to check against.
VALID = [
    ("00000000000000000000000000", "", "00000000-0000-0000-0000-000000000000"),
    ("00000000000000000000000001", "", "00000000-0000-0000-0000-000000000001"),
    ("0000000000000000000000000a", "", "00000000-0000-0000-0000-00000000000a"),
    ("0000000000000000000000000g", "", "00000000-0000-0000-0000-000000000010"),
    ("00000000000000000000000010", "", "00000000-0000-0000-0000-000000000020"),
    ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("prefix_0123456789abcdefghjkmnpqrs", "prefix", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("prefix_01h455vb4pex5vsknk084sn02q", "prefix", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ("pre_fix_00000000000000000000000000", "pre_fix", "00000000-0000-0000-0000-000000000000"),
]
INVALID = [
    "PREFIX_00000000000000000000000000",
    "12345_00000000000000000000000000",
    "pre.fix_00000000000000000000000000",
    "préfix_00000000000000000000000000",
    "  prefix_00000000000000000000000000",
    "a" * 64 + "_00000000000000000000000000",
    "_00000000000000000000000000",
    "_",
    "prefix_1234567890123456789012345",
    "prefix_123456789012345678901234567",
    "prefix_1234567890123456789012345 ",
    "prefix_0123456789ABCDEFGHJKMNPQRS",
    "prefix_123456789-123456789-123456",
    "prefix_ooooooiiiiiiuuuuuuulllllll",
    "prefix_i23456789ol23456789oi23456",
    "prefix_123456789-0123456789-0123456",
    "prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    "_prefix_00000000000000000000000000",
    "prefix__00000000000000000000000000",
    "prefix_01h455vb4pex5vsknk084sn02q\n",
    "",
]


@pytest.mark.parametrize(("text", "prefix", "uuid_text"), VALID)
def test_the_published_examples_hold_both_ways(text, prefix, uuid_text):
    assert ids.parse(text) == (prefix, uuid.UUID(uuid_text))
    assert ids.encode(prefix, uuid.UUID(uuid_text)) == text


@pytest.mark.parametrize("text", INVALID)
def test_the_published_counter_examples_are_refused(text):
    with pytest.raises(ValueError, match="not a TypeID"):
        ids.parse(text)
    with pytest.raises(NotFound):
        ids.decode("prefix", text)


@given(st.uuids())
def test_any_uuid_survives_the_round_trip(u):
    text = ids.encode("pi", u)
    assert len(text) == 29
    assert set(text[3:]) <= set(ALPHABET)
    assert ids.parse(text) == ("pi", u)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_text_sorts_as_the_uuids_do(a, b):
    one, two = ids.encode("x", uuid.UUID(int=a)), ids.encode("x", uuid.UUID(int=b))
    assert (one < two) == (a < b)


def test_a_new_id_decodes_to_itself_and_only_under_its_prefix():
    u = ids.uuid7()
    assert ids.decode("pi", ids.encode("pi", u)) == u
    for prefix in ("att", "p", "pi_", ""):
        with pytest.raises(NotFound):
            ids.decode(prefix, ids.encode("pi", u))


@pytest.mark.parametrize(
    "u",
    [
        uuid.UUID(int=0),
        uuid.UUID("0110c853-1d09-42d8-973e-1194e95b5f19"),
        uuid.UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"),
        uuid.UUID("01890a5d-ac96-774b-3cce-b302099a8057"),
    ],
    ids=["nil", "version 4", "after the year 9999", "another variant"],
)
def test_an_id_that_was_never_issued_looks_like_a_missing_object(u):
    with pytest.raises(NotFound) as refused:
        ids.decode("pi", ids.encode("pi", u))
    assert (refused.value.code, refused.value.message) == ("not_found", "No such object.")


def test_the_last_possible_id_has_a_creation_time():
    u = uuid.UUID(int=(253_402_300_799_999 << 80) | (7 << 76) | (2 << 62))
    assert ids.created_at_of(ids.decode("pi", ids.encode("pi", u))).year == 9999


def test_the_millisecond_of_creation_is_inside():
    before = clock.now()
    created_at = ids.created_at_of(ids.uuid7())
    assert before - timedelta(milliseconds=1) <= created_at <= clock.now() + timedelta(milliseconds=1)
    assert created_at.microsecond % 1000 == 0


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_id_of_a_given_instant_carries_it(at):
    u = ids.uuid7(at=at)
    assert u.version == 7
    assert ids.created_at_of(u) == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_only_a_uuid7_has_a_creation_time():
    with pytest.raises(ValueError, match="UUIDv7"):
        ids.created_at_of(uuid.uuid4())


def test_ids_are_new_and_ascend():
    made = [ids.uuid7() for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert made == sorted(made)
