"""EMVCo merchant-presented QR payloads: tag-length-value text with a checksum.

Encodes and decodes the envelope and knows nothing of any payment scheme. Decoding is strict where a mistake could move
money: lengths must fit exactly, no tag may occur twice, the checksum must hold; the order of tags between the first
(00) and the last (63) is free. Source: EMVCo "QR Code Specification for Payment Systems: Merchant-Presented Mode" 1.1.
"""

import re
from binascii import crc_hqx
from collections.abc import Mapping

from kernel.errors import Invalid

FORMAT = "00"
CHECKSUM = "63"
LANGUAGE_TEMPLATE = "64"  # the one object whose length counts UTF-8 bytes, not characters
_FORMAT_1 = "01"
_CHECKSUM_HEAD = "6304"
_CHECKSUM_LENGTH = 4
_MAX_VALUE = 99
_MAX_PAYLOAD = 512  # characters of a QR version that a phone still reads from a terminal's display
_TAG = re.compile(r"[0-9]{2}")
_HEAD = re.compile(r"([0-9]{2})([0-9]{2})")


class QrPayloadInvalid(Invalid):
    """The QR payload is not valid."""

    code = "qr_payload_invalid"


def checksum(text: str) -> str:
    """CRC-16/CCITT-FALSE of the UTF-8 text as four upper-case hex digits."""
    return f"{crc_hqx(text.encode(), 0xFFFF):04X}"


def encode(objects: Mapping[str, str]) -> str:
    """A payload of these data objects in their order, closed by the checksum.

    Raises QrPayloadInvalid when 00 is not first, 63 is given, or an object does not fit.
    """
    if next(iter(objects), None) != FORMAT or objects[FORMAT] != _FORMAT_1 or CHECKSUM in objects:
        msg = "A payload begins with the payload format 01 and its checksum is computed."
        raise QrPayloadInvalid(msg)
    text = encode_template(objects) + _CHECKSUM_HEAD
    if len(text) + _CHECKSUM_LENGTH > _MAX_PAYLOAD:
        msg = "The payload is too long."
        raise QrPayloadInvalid(msg)
    return text + checksum(text)


def encode_template(objects: Mapping[str, str]) -> str:
    """Data objects one after the other, as they stand in a payload or inside a template."""
    return "".join(_object(tag, value) for tag, value in objects.items())


def decode(payload: str) -> dict[str, str]:
    """The data objects of a payload, 63 included, in the order found. Raises QrPayloadInvalid."""
    if len(payload) > _MAX_PAYLOAD:
        msg = "The payload is too long."
        raise QrPayloadInvalid(msg)
    objects = decode_template(payload)
    if next(iter(objects), None) != FORMAT or objects[FORMAT] != _FORMAT_1:
        msg = "The payload does not begin with the payload format 01."
        raise QrPayloadInvalid(msg)
    if next(reversed(objects)) != CHECKSUM or payload[-8:-4] != _CHECKSUM_HEAD:
        msg = "The payload does not end with its checksum."
        raise QrPayloadInvalid(msg)
    if checksum(payload[:-4]) != objects[CHECKSUM]:
        msg = "The checksum of the payload is wrong."
        raise QrPayloadInvalid(msg)
    return objects


def decode_template(text: str) -> dict[str, str]:
    """The data objects inside a template or payload, without looking at what they mean. Raises QrPayloadInvalid."""
    objects: dict[str, str] = {}
    position = 0
    while position < len(text):
        head = _HEAD.match(text, position)
        if head is None:
            msg = "A data object has no two-digit tag and length."
            raise QrPayloadInvalid(msg)
        tag, length = head[1], int(head[2])
        value = _value(text, head.end(), length=length, in_bytes=tag == LANGUAGE_TEMPLATE)
        if tag in objects:
            msg = f"The tag {tag} occurs twice."
            raise QrPayloadInvalid(msg)
        objects[tag] = value
        position = head.end() + len(value)
    return objects


def _object(tag: str, value: str) -> str:
    if not _is_text(value):
        msg = f"The value of tag {tag} has characters that cannot be shown."
        raise QrPayloadInvalid(msg)
    length = len(value.encode()) if tag == LANGUAGE_TEMPLATE else len(value)
    if _TAG.fullmatch(tag) is None or not 1 <= length <= _MAX_VALUE:
        msg = f"The value of tag {tag} must have 1 to {_MAX_VALUE} characters."
        raise QrPayloadInvalid(msg)
    return f"{tag}{length:02d}{value}"


def _value(text: str, start: int, *, length: int, in_bytes: bool) -> str:
    """`length` characters or bytes from `start`; a value is never empty and never ends inside a character."""
    value = text[start : start + length]
    if in_bytes:
        value = value.encode("utf-8", "surrogatepass")[:length].decode("utf-8", "ignore")
    size = len(value.encode("utf-8", "surrogatepass")) if in_bytes else len(value)
    if size != length or not value or not _is_text(value):
        msg = "The value of a data object does not have its stated length."
        raise QrPayloadInvalid(msg)
    return value


def _is_text(value: str) -> bool:
    return value.isprintable()
