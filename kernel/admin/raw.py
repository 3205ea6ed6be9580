"""Bytes as they came, for people: without secrets, and readable whatever they are."""

import json
import re
from urllib.parse import parse_qsl

from kernel.scrubbing import scrub, scrub_text

SHOWN = 64 * 1024
WIDTH = 16
# What a page cannot show: control characters but for tab, line feed and carriage return.
UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

DOTTED = bytes(byte if chr(byte).isascii() and chr(byte).isprintable() else ord(".") for byte in range(256))


def shown(body: bytes) -> tuple[str, str]:
    """The bytes as text, or in hexadecimal where they are none, and a word about how they are shown."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return _hex(body), _said("hexadecimal, because they are no UTF-8", body)
    if UNSHOWABLE.search(text):
        return _hex(body), _said("hexadecimal, because there are control characters among them", body)
    return scrub_text(text)[:SHOWN], _said("UTF-8", body)


def read(body: bytes) -> str:
    """What the bytes say, when they are JSON or a form: indented and in the order in which it came. Empty for others."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return ""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = dict(parse_qsl(text)) if "=" in text and "\n" not in text else None
    if said is None or UNSHOWABLE.search(text):
        return ""
    return json.dumps(scrub(said), indent=2, ensure_ascii=False)[:SHOWN]


def _hex(body: bytes) -> str:
    """Offset, bytes, and what of them is ASCII. Secrets are taken out before, byte by byte as Latin-1."""
    clean = scrub_text(body.decode("latin-1")).encode("latin-1")[: SHOWN // 4]
    lines = []
    for start in range(0, len(clean), WIDTH):
        part = clean[start : start + WIDTH]
        ascii_only = part.translate(DOTTED).decode("ascii")
        lines.append(f"{start:08x}  {part.hex(' '):<{WIDTH * 3}} {ascii_only}")
    return "\n".join(lines)


def _said(how: str, body: bytes) -> str:
    return f"{len(body):,} bytes, shown as {how}. Secrets and card numbers are taken out."
