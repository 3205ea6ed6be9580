"""The binary AndroidManifest.xml, read as far as releases need it: package, version, least Android version, and flags that
no release may carry.

Attributes are known by their resource identifiers, as Android knows them; their names are decoration.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mpac.portal.domain.apk.source import malformed

XML, STRINGS, RESOURCES, START, END = 0x0003, 0x0001, 0x0180, 0x0102, 0x0103
UTF8 = 0x100
NONE = 0xFFFFFFFF
STRING, BOOLEAN, INTEGERS = 0x03, 0x12, frozenset({0x10, 0x11})
VERSION_CODE, VERSION_CODE_MAJOR, VERSION_NAME = 0x0101021B, 0x01010576, 0x0101021C
MIN_SDK, DEBUGGABLE, TEST_ONLY = 0x0101020C, 0x0101000F, 0x01010272
PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
LONGEST_PACKAGE, LONGEST_NAME = 255, 100
FIRST_SDK = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a package says of itself. `min_sdk` is the least Android API level that it runs on."""

    package: str
    version_code: int
    version_name: str
    min_sdk: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its resource identifier, or its name where it has none, and its typed value."""

    key: int | str
    kind: int
    value: int
    text: str


Attributes = dict[int | str, Attribute]


def read_manifest(data: bytes) -> Manifest:
    """Read the manifest. Raises ApkRefused."""
    try:
        return _read(data)
    except (struct.error, IndexError):
        raise malformed("The manifest is cut off or lies about a length.") from None


def _read(data: bytes) -> Manifest:
    found: dict[str, Attributes] = {}
    for depth, name, attributes in _elements(data):
        if depth == 0 and name != "manifest":
            raise malformed("The manifest does not begin with a manifest element.")
        wanted = (name == "manifest" and depth == 0) or (name in {"uses-sdk", "application"} and depth == 1)
        if not wanted:
            continue
        if name in found:
            raise malformed(f"The manifest has more than one {name} element.")
        found[name] = attributes
    root = found.get("manifest")
    if root is None:
        raise malformed("The manifest is empty.")
    for attributes, key, word in (
        (found.get("application", {}), DEBUGGABLE, "debuggable"),
        (found.get("application", {}), TEST_ONLY, "for tests only"),
    ):
        if key in attributes and (attributes[key].kind != BOOLEAN or attributes[key].value):
            raise malformed(f"The package is {word}; that is no release.")
    return Manifest(
        package=_package(root),
        version_code=_version_code(root),
        version_name=_version_name(root),
        min_sdk=_min_sdk(found.get("uses-sdk", {})),
    )


def _package(root: Attributes) -> str:
    found = root.get("package")
    text = found.text if found is not None and found.kind == STRING else ""
    if len(text) > LONGEST_PACKAGE or not PACKAGE.fullmatch(text):
        raise malformed("The manifest names no proper package.")
    return text


def _version_code(root: Attributes) -> int:
    low, high = _integer(root, VERSION_CODE), _integer(root, VERSION_CODE_MAJOR) or 0
    if not low or low >= 2**31 or high >= 2**31:
        raise malformed("The manifest has no version code, or one that is not positive.")
    return high << 32 | low


def _version_name(root: Attributes) -> str:
    found = root.get(VERSION_NAME)
    text = found.text if found is not None and found.kind == STRING else ""
    return "".join(each for each in text if each.isprintable())[:LONGEST_NAME]


def _min_sdk(attributes: Attributes) -> int:
    found = FIRST_SDK if MIN_SDK not in attributes else _integer(attributes, MIN_SDK)
    if found is None or not FIRST_SDK <= found <= 10_000:  # noqa: PLR2004
        raise malformed("The manifest's least Android version is not a released one.")
    return found


def _integer(attributes: Attributes, key: int) -> int | None:
    found = attributes.get(key)
    return found.value if found is not None and found.kind in INTEGERS else None


def _elements(data: bytes) -> Iterator[tuple[int, str, Attributes]]:
    """Every element that begins, with its depth."""
    kind, head, size = struct.unpack_from("<HHI", data)
    if kind != XML or head != 8 or size != len(data):  # noqa: PLR2004
        raise malformed("The manifest is not binary XML.")
    strings: list[str] = []
    resources: tuple[int, ...] = ()
    depth = 0
    for number, (kind, chunk) in enumerate(_chunks(data, 8)):
        if (kind == STRINGS) != (number == 0):
            raise malformed("The manifest does not begin with its texts, or has them twice.")
        if number == 0:
            strings = _strings(chunk)
        elif kind == RESOURCES:
            resources = struct.unpack_from(f"<{(len(chunk) - 8) // 4}I", chunk, 8)
        elif kind == START:
            yield depth, *_element(chunk, strings, resources)
            depth += 1
        elif kind == END:
            depth -= 1


def _chunks(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at < len(data):
        kind, head, size = struct.unpack_from("<HHI", data, at)
        if head < 8 or size < head or size % 4 or at + size > len(data):  # noqa: PLR2004
            raise malformed("The manifest is cut off or lies about a length.")
        yield kind, data[at : at + size]
        at += size


def _strings(chunk: bytes) -> list[str]:
    count, _styles, flags, start = struct.unpack_from("<4I", chunk, 8)
    if count > len(chunk) // 4:
        raise malformed("The manifest lies about how many texts it has.")
    offsets = struct.unpack_from(f"<{count}I", chunk, struct.unpack_from("<H", chunk, 2)[0])
    read = _utf8 if flags & UTF8 else _utf16
    total, texts = 0, []
    for offset in offsets:
        text = read(chunk, start + offset)
        total += len(text)
        if total > len(chunk):  # texts may share bytes, but not to grow without bound
            raise malformed("The texts of the manifest overlap.")
        texts.append(text)
    return texts


def _utf8(chunk: bytes, at: int) -> str:
    for _ in range(2):  # the length in characters, then in bytes
        size = chunk[at]
        at += 1
        if size & 0x80:
            size = (size & 0x7F) << 8 | chunk[at]
            at += 1
    if at + size > len(chunk):
        raise malformed("A text of the manifest is cut off.")
    return chunk[at : at + size].decode(errors="replace")


def _utf16(chunk: bytes, at: int) -> str:
    (size,) = struct.unpack_from("<H", chunk, at)
    at += 2
    if size & 0x8000:
        size = (size & 0x7FFF) << 16 | struct.unpack_from("<H", chunk, at)[0]
        at += 2
    if at + 2 * size > len(chunk):
        raise malformed("A text of the manifest is cut off.")
    return chunk[at : at + 2 * size].decode("utf-16-le", errors="replace")


def _element(chunk: bytes, strings: list[str], resources: tuple[int, ...]) -> tuple[str, Attributes]:
    (body,) = struct.unpack_from("<H", chunk, 2)
    _namespace, name, start, size, count = struct.unpack_from("<IIHHH", chunk, body)
    if size < 20:  # noqa: PLR2004
        raise malformed("An element of the manifest lies about its attributes.")
    attributes: Attributes = {}
    for number in range(count):
        at = body + start + number * size
        namespace, label, _raw, _size, _zero, kind, value = struct.unpack_from("<IIIHBBI", chunk, at)
        known = label < len(resources) and resources[label] and namespace != NONE
        key: int | str = resources[label] if known else strings[label]
        if key in attributes:
            raise malformed("An element of the manifest has an attribute twice.")
        attributes[key] = Attribute(key, kind, value, strings[value] if kind == STRING else "")
    return strings[name], attributes
