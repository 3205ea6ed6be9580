"""Demonstration packages made by Android's own tools, and broken ones made of them; see README.md."""

import io
import random
import struct
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parent
SIGNER = "e1484ad9a8830ed35fe44c1a17212ac6a1e014210c66e93ab677ec6ea1208e2c"
STRANGER = "0f4d97c174549ad16c724faaf7f30f76a1fe609339d24cdf76f40da0eaa4b6fe"
PACKAGE = "com.example.till"
MAGIC = b"APK Sig Block 42"


def apk(name: str) -> bytes:
    """A demonstration package."""
    return (FOLDER / f"{name}.apk").read_bytes()


def directory_at(data: bytes) -> int:
    """Where the archive's directory begins."""
    return struct.unpack_from("<I", data, data.rindex(b"PK\x05\x06") + 16)[0]


def parts_of(data: bytes) -> tuple[bytes, dict[int, bytes], bytes]:
    """Contents, the signing block's parts, and directory with end record."""
    at = directory_at(data)
    size = struct.unpack_from("<Q", data, at - 24)[0]
    block, parts, here = data[at - size : at - 24], {}, 0
    while here < len(block):
        length, name = struct.unpack_from("<QI", block, here)
        parts[name] = block[here + 12 : here + 8 + length]
        here += 8 + length
    return data[: at - size - 8], parts, data[at:]


def assemble(contents: bytes, parts: list[tuple[int, bytes]], tail: bytes) -> bytes:
    """A package of these, with the directory where it then is."""
    pairs = b"".join(struct.pack("<QI", len(value) + 4, name) + value for name, value in parts)
    size = struct.pack("<Q", len(pairs) + 24)
    block = size + pairs + size + MAGIC if parts else b""
    end = bytearray(tail)
    struct.pack_into("<I", end, end.rindex(b"PK\x05\x06") + 16, len(contents) + len(block))
    return contents + block + bytes(end)


def without(data: bytes, *names: int) -> bytes:
    """The package with these parts of its signing block taken out."""
    contents, parts, tail = parts_of(data)
    return assemble(contents, [(name, value) for name, value in parts.items() if name not in names], tail)


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive without any signature."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def mutated(data: bytes, seed: int) -> bytes:
    """The package with something broken in it, the same for the same seed."""
    dice = random.Random(seed)
    broken = bytearray(data)
    if dice.random() < 0.2:
        return bytes(broken[: dice.randrange(len(broken))])
    for _ in range(dice.choice((1, 1, 2, 8))):
        at = dice.randrange(len(broken))
        broken[at : at + 4] = dice.choice(
            (b"\xff\xff\xff\xff", b"\0\0\0\0", dice.randbytes(1), dice.randbytes(4))
        )
    return bytes(broken)
