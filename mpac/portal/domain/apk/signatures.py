"""APK signature schemes v2 and v3: who signed a package, proved over every byte of it.

A signing block lies between the archive's contents and its directory. Each signer in it signs digests of the contents, of
the directory and of the end record; all three are digested here again, in chunks of 1 MiB. Where several schemes are
present each must hold, so that none can be stripped or swapped for a weaker one.

Sources: source.android.com/docs/security/features/apksigning/v2 and /v3.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import load_der_x509_certificate

from mpac.portal.domain.apk.archive import Layout
from mpac.portal.domain.apk.source import Record, Source, malformed
from mpac.portal.errors import ApkRefused

MAGIC = b"APK Sig Block 42"
V2, V3, V31 = 0x7109871A, 0xF05368C0, 0x1B93AD61
SCHEMES = {V2: 2, V3: 3, V31: 3}
STRIPPED_V3, STRIPPED_V31 = 0xBEEFF00D, 0x559F8B02
LARGEST_BLOCK = 16 * 1024**2
MOST_PAIRS, MOST_SIGNERS, MOST_ITEMS = 64, 10, 32
CHUNK = 1024**2
LEAST_RSA_BITS = 2048
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a signature is made and what digest the signed contents have."""

    digest: str
    key: type
    verify: Callable[..., None]


def _pss(salt: int, made_of: type[hashes.HashAlgorithm]) -> Callable[..., None]:
    def verify(key: rsa.RSAPublicKey, signature: bytes, data: bytes) -> None:
        key.verify(signature, data, padding.PSS(mgf=padding.MGF1(made_of()), salt_length=salt), made_of())

    return verify


def _pkcs1(made_of: type[hashes.HashAlgorithm]) -> Callable[..., None]:
    def verify(key: rsa.RSAPublicKey, signature: bytes, data: bytes) -> None:
        key.verify(signature, data, padding.PKCS1v15(), made_of())

    return verify


def _ecdsa(made_of: type[hashes.HashAlgorithm]) -> Callable[..., None]:
    def verify(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> None:
        key.verify(signature, data, ec.ECDSA(made_of()))

    return verify


# DSA and the digests of fs-verity are not among them; an unknown algorithm is ignored, as Android does.
ALGORITHMS: dict[int, Algorithm] = {
    0x0101: Algorithm("sha256", rsa.RSAPublicKey, _pss(32, hashes.SHA256)),
    0x0102: Algorithm("sha512", rsa.RSAPublicKey, _pss(64, hashes.SHA512)),
    0x0103: Algorithm("sha256", rsa.RSAPublicKey, _pkcs1(hashes.SHA256)),
    0x0104: Algorithm("sha512", rsa.RSAPublicKey, _pkcs1(hashes.SHA512)),
    0x0201: Algorithm("sha256", ec.EllipticCurvePublicKey, _ecdsa(hashes.SHA256)),
    0x0202: Algorithm("sha512", ec.EllipticCurvePublicKey, _ecdsa(hashes.SHA512)),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """One who signed: the SHA-256 of the certificate, and the digests of the package that were signed, by algorithm."""

    certificate_sha256: str
    digests: dict[str, bytes]
    attributes: dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Signed:
    """What the signatures prove. `scheme` is the best one present; `signers` are all of all schemes."""

    scheme: int
    signers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Block:
    """The signing block: where it begins, and its parts by identifier."""

    at: int
    parts: dict[int, bytes]


def find_block(source: Source, layout: Layout) -> Block:
    """Find the signing block before the directory. Raises ApkRefused; `apk_not_signed` when there is none."""
    unsigned = ApkRefused(
        "The package is not signed with APK signature scheme v2 or v3; the JAR signature alone (v1) is not enough.",
        code="apk_not_signed",
    )
    if layout.directory_at < 32:  # noqa: PLR2004
        raise unsigned
    foot = source.read(layout.directory_at - 24, 24, "signing block")
    if foot[8:] != MAGIC:
        raise unsigned
    size = int.from_bytes(foot[:8], "little")
    at = layout.directory_at - size - 8
    if not 24 <= size <= LARGEST_BLOCK or at < 0:  # noqa: PLR2004
        raise malformed("The signing block lies about its size.")
    if source.read(at, 8, "signing block") != foot[:8]:
        raise malformed("The signing block says two sizes.")
    pairs = Record(source.read(at + 8, size - 24, "signing block"), "signing block")
    parts: dict[int, bytes] = {}
    count = 0
    while not pairs.is_empty:
        count += 1
        part = Record(pairs.take(pairs.u64()), "signing block")
        name = part.u32()
        if count > MOST_PAIRS or (name in SCHEMES and name in parts):
            raise malformed("The signing block has too many parts, or one of them twice.")
        parts[name] = part.rest()
    if not SCHEMES.keys() & parts.keys():
        raise unsigned
    return Block(at, parts)


def verify(source: Source, layout: Layout, block: Block) -> Signed:
    """Check every signature and digest of every scheme that is there. Raises ApkRefused."""
    signers: list[Signer] = []
    for name, scheme in SCHEMES.items():
        if name in block.parts:
            found = _signers(block.parts[name], scheme=scheme)
            _refuse_stripping(found, block)
            signers += found
    wanted = sorted({name for signer in signers for name in signer.digests})
    actual = digest_contents(source, layout, contents_end=block.at, names=wanted)
    for signer in signers:
        if any(actual[name] != digest for name, digest in signer.digests.items()):
            raise _invalid("The package was changed after it was signed.")
    scheme = max(SCHEMES[name] for name in SCHEMES if name in block.parts)
    return Signed(scheme, frozenset(signer.certificate_sha256 for signer in signers))


def digest_contents(
    source: Source, layout: Layout, *, contents_end: int, names: Sequence[str]
) -> dict[str, bytes]:
    """The digests of a package as they are signed: of the digests of 1 MiB chunks of its three sections."""
    end = bytearray(source.read(layout.end_at, source.size - layout.end_at, "end record"))
    end[16:20] = contents_end.to_bytes(4, "little")  # as if the signing block were not there
    tops = {name: hashlib.new(name) for name in names}
    count = _chunks(contents_end) + _chunks(layout.directory_size) + _chunks(len(end))
    for top in tops.values():
        top.update(b"\x5a" + count.to_bytes(4, "little"))

    def add(chunk: bytes) -> None:
        head = b"\xa5" + len(chunk).to_bytes(4, "little")
        for name, top in tops.items():
            top.update(hashlib.new(name, head + chunk).digest())

    for at, size in ((0, contents_end), (layout.directory_at, layout.directory_size)):
        for offset in range(0, size, CHUNK):
            add(source.read(at + offset, min(CHUNK, size - offset), "contents"))
    add(bytes(end))
    return {name: top.digest() for name, top in tops.items()}


def _chunks(size: int) -> int:
    return -(-size // CHUNK)


def _invalid(message: str) -> ApkRefused:
    return ApkRefused(message, code="apk_signature_invalid")


def _signers(part: bytes, *, scheme: int) -> list[Signer]:
    outer = Record(part, f"signing block of scheme v{scheme}")
    found = [_signer(each, scheme=scheme) for each in outer.sequence(at_most=MOST_SIGNERS)]
    outer.end()
    if not found:
        raise _invalid(f"Nobody signed with scheme v{scheme}.")
    return found


def _signer(data: bytes, *, scheme: int) -> Signer:
    what = f"signing block of scheme v{scheme}"
    record = Record(data, what)
    signed = record.prefixed()
    range_outside = record.take(8) if scheme >= 3 else b""  # noqa: PLR2004 - least and most Android version
    signatures = _by_algorithm(record.sequence(at_most=MOST_ITEMS), what)
    key = record.prefixed()
    record.end()
    _verify_signatures(signatures, key, signed)
    inner = Record(signed, what)
    digests = _by_algorithm(inner.sequence(at_most=MOST_ITEMS), what)
    certificates = inner.sequence(at_most=MOST_ITEMS)
    range_inside = inner.take(8) if scheme >= 3 else b""  # noqa: PLR2004
    attributes = {}
    for each in inner.sequence(at_most=MOST_ITEMS):
        attribute = Record(each, what)
        name = attribute.u32()
        attributes[name] = attribute.rest()
    if range_inside != range_outside:
        raise _invalid("The Android versions that a signature is for are not those that were signed.")
    if list(digests) != list(signatures):
        raise _invalid("Signatures and digests are not of the same algorithms.")
    return Signer(
        certificate_sha256=_certificate(certificates, key),
        digests=_known_digests(digests),
        attributes=attributes,
    )


def _by_algorithm(items: Sequence[bytes], what: str) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for item in items:
        record = Record(item, what)
        algorithm = record.u32()
        if algorithm in found:
            raise malformed(f"The {what} has an algorithm twice.")
        found[algorithm] = record.prefixed()
        record.end()
    return found


def _verify_signatures(signatures: dict[int, bytes], encoded: bytes, signed: bytes) -> None:
    """Every signature of a known algorithm must hold, and there must be one."""
    key = _public_key(encoded)
    known = {name: signature for name, signature in signatures.items() if name in ALGORITHMS}
    if not known:
        raise _invalid("No signature is of an algorithm that is taken.")
    for name, signature in known.items():
        if not _holds(ALGORITHMS[name], key, signature, signed):
            raise _invalid("A signature does not hold.")


def _holds(algorithm: Algorithm, key: PublicKey, signature: bytes, signed: bytes) -> bool:
    if not isinstance(key, algorithm.key):
        return False
    try:
        algorithm.verify(key, signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public_key(encoded: bytes) -> PublicKey:
    try:
        key = serialization.load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm):
        raise _invalid("A signer's public key cannot be read.") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key
    raise _invalid(f"A signer's key must be an elliptic curve's, or RSA of {LEAST_RSA_BITS} bits or more.")


def _certificate(certificates: Sequence[bytes], key: bytes) -> str:
    """The SHA-256 of the signer's own certificate, the first one, which must hold the key that signed."""
    if not certificates:
        raise _invalid("A signer has no certificate.")
    try:
        own = load_der_x509_certificate(certificates[0]).public_key()
        encoded = own.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except (ValueError, UnsupportedAlgorithm):
        raise _invalid("A signer's certificate cannot be read.") from None
    if encoded != key:
        raise _invalid("A signer's certificate does not hold the key that signed.")
    return hashlib.sha256(certificates[0]).hexdigest()


def _known_digests(digests: dict[int, bytes]) -> dict[str, bytes]:
    """The signed digests of known algorithms, by their hash; two of one hash must be the same."""
    found: dict[str, bytes] = {}
    for name, digest in digests.items():
        if name in ALGORITHMS and found.setdefault(ALGORITHMS[name].digest, digest) != digest:
            raise _invalid("Two signed digests of the same contents differ.")
    return found


def _refuse_stripping(signers: Sequence[Signer], block: Block) -> None:
    """A signer who also signed with a newer scheme says so; that one must still be there."""
    for signer in signers:
        newer = signer.attributes.get(STRIPPED_V3)
        if newer is not None and int.from_bytes(newer[:4], "little") == SCHEMES[V3] and V3 not in block.parts:
            raise _invalid("The signature of scheme v3 was removed.")
        if STRIPPED_V31 in signer.attributes and V31 not in block.parts:
            raise _invalid("The signature of scheme v3.1 was removed.")
