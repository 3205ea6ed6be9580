"""A QR envelope is read exactly as long as it says, or not at all."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpac.pgw.domain import emvco
from mpac.pgw.domain.emvco import QrPayloadInvalid

VECTORS = json.loads(Path(__file__).with_name("thai_qr.json").read_text())
GOOD = VECTORS["thai_qr"][0]["payload"]

tags = st.from_regex(r"[0-9]{2}", fullmatch=True).filter(lambda tag: tag not in {"00", "63", "64"})
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)
objects = st.dictionaries(tags, values, max_size=12)


def sealed(body):
    return body + "6304" + emvco.checksum(body + "6304")


@pytest.mark.parametrize(("text", "expected"), VECTORS["crc_checks"].items())
def test_the_checksum_has_its_published_values(text, expected):
    assert emvco.checksum(text) == expected


def test_the_checksum_is_zero_padded():
    assert {len(emvco.checksum(str(n))) for n in range(5000)} == {4}


@pytest.mark.parametrize("vector", VECTORS["thai_qr"], ids=lambda vector: vector["desc"])
def test_the_collected_payloads_are_read(vector):
    assert emvco.decode(vector["payload"]) == vector["tags"]
    for name, inner in vector.items():
        if name.startswith("tag") and name != "tags":
            assert emvco.decode_template(vector["tags"][name[3:]]) == inner


@pytest.mark.parametrize("vector", VECTORS["thai_qr"], ids=lambda vector: vector["desc"])
def test_the_collected_payloads_are_written_byte_for_byte(vector):
    parts = {tag: value for tag, value in vector["tags"].items() if tag != "63"}
    first_to_last = dict(sorted(parts.items(), key=lambda part: vector["payload"].find("".join(_head(part)))))
    assert emvco.encode(first_to_last) == vector["payload"]


@pytest.mark.parametrize("payload", VECTORS["thai_qr_bad"])
def test_the_collected_bad_payload_is_refused_even_with_its_checksum_mended(payload):
    for text in (payload, payload[:-4] + emvco.checksum(payload[:-4])):
        with pytest.raises(QrPayloadInvalid):
            emvco.decode(text)


@given(objects)
def test_what_was_written_is_read_back(parts):
    decoded = emvco.decode(emvco.encode({"00": "01", **parts}))
    assert decoded.pop("63")
    assert decoded == {"00": "01", **parts}
    assert list(decoded) == ["00", *parts]


@given(objects, st.randoms(use_true_random=False))
def test_the_order_between_first_and_last_is_free(parts, random):
    shuffled = list(parts.items())
    random.shuffle(shuffled)
    one = emvco.decode(emvco.encode({"00": "01", **parts}))
    two = emvco.decode(emvco.encode({"00": "01", **dict(shuffled)}))
    assert {**one, "63": ""} == {**two, "63": ""}


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("0123456789ABCDEFxyz "))
def test_a_changed_character_is_noticed(at, character):
    changed = GOOD[:at] + character + GOOD[at + 1 :]
    if changed != GOOD:
        with pytest.raises(QrPayloadInvalid):
            emvco.decode(changed)


@given(st.integers(0, len(GOOD) - 1))
def test_a_part_of_a_payload_is_not_a_payload(end):
    with pytest.raises(QrPayloadInvalid):
        emvco.decode(GOOD[:end])


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    for candidate in (text, sealed("000201" + text)):
        try:
            emvco.decode(candidate)
        except QrPayloadInvalid:
            continue


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "6304FFFF",
        sealed("010211000201"),  # the format is not first
        sealed("000202"),  # another format
        sealed("0002015802TH5802TH"),  # a tag twice
        sealed("00020100020158020A"),  # the format twice
        sealed("0002015803TH"),  # a value shorter than stated
        sealed("0002015801TH"),  # a value longer than stated
        sealed("0002015800"),  # an empty value
        sealed("000201580"),  # half a head
        sealed("0002015A02TH"),  # a tag that is no number
        sealed("000201580xTH"),  # a length that is no number
        sealed("000201๕๘02TH"),  # digits of another script
        sealed("0002015903A\nB"),  # a control character
        "0002015903A\ud800B6304FFFF",  # half a character
        sealed("000201") + "5802TH",  # something after the checksum
        "0002016303ABC",  # a short checksum
        "0002015802TH",  # no checksum
        sealed(
            "000201" + "".join(f"{tag:02d}50" + "x" * 50 for tag in range(2, 14))
        ),  # longer than a QR holds
    ],
)
def test_a_broken_envelope_is_refused(payload):
    with pytest.raises(QrPayloadInvalid):
        emvco.decode(payload)


def test_a_lower_case_checksum_is_refused():
    payload = VECTORS["thai_qr"][1]["payload"]
    with pytest.raises(QrPayloadInvalid):
        emvco.decode(payload[:-4] + payload[-4:].lower())


def test_the_language_template_is_measured_in_bytes():
    name = emvco.encode_template({"00": "TH", "01": "ร้าน"})
    payload = emvco.encode({"00": "01", "64": name})
    assert f"64{len(name.encode()):02d}" in payload
    assert emvco.decode(payload)["64"] == name
    cut = payload[:-8].replace(f"64{len(name.encode()):02d}", f"64{len(name.encode()) - 1:02d}")
    with pytest.raises(QrPayloadInvalid):
        emvco.decode(sealed(cut))


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"58": "TH"},
        {"58": "TH", "00": "01"},
        {"00": "02"},
        {"00": "01", "63": "1234"},
        {"00": "01", "58": ""},
        {"00": "01", "59": "x" * 100},
        {"00": "01", "5": "x"},
        {"00": "01", "AB": "x"},
        {"00": "01", "59": "a\nb"},
        {"00": "01", "59": "\ud800"},
        {"00": "01", **{f"{tag:02d}": "x" * 90 for tag in range(2, 9)}},
    ],
)
def test_what_could_not_be_read_is_not_written(parts):
    with pytest.raises(QrPayloadInvalid):
        emvco.encode(parts)


def _head(part):
    tag, value = part
    return tag, f"{len(value):02d}", value
