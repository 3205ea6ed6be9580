"""A signer of our own, which can sign wrongly where Android's tools would not."""

import datetime as dt
import hashlib
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.portal.apks import assemble, directory_at

V2, V3 = 0x7109871A, 0xF05368C0
ECDSA_SHA256 = 0x0201
CHUNK = 1024**2
BORN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def prefixed(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def listed(*items: bytes) -> bytes:
    return prefixed(b"".join(prefixed(item) for item in items))


def with_algorithm(data: bytes, algorithm: int = ECDSA_SHA256) -> bytes:
    return struct.pack("<I", algorithm) + prefixed(data)


class Signer:
    """A key with its certificate."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A test")])
        self.certificate = (
            x509.CertificateBuilder(name, name, self.key.public_key(), 1, BORN, BORN + dt.timedelta(days=1))
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )
        self.public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.certificate).hexdigest()

    def signer(
        self,
        digest: bytes,
        *,
        algorithm: int = ECDSA_SHA256,
        digest_algorithm: int = ECDSA_SHA256,
        certificates: list[bytes] | None = None,
        public: bytes | None = None,
        attributes: list[bytes] = [],  # noqa: B006
    ) -> bytes:
        """One signer of scheme v2."""
        signed = b"".join(
            (
                listed(with_algorithm(digest, digest_algorithm)),
                listed(*([self.certificate] if certificates is None else certificates)),
                listed(*attributes),
            )
        )
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return b"".join(
            (prefixed(signed), listed(with_algorithm(signature, algorithm)), prefixed(public or self.public))
        )

    def sign(self, archive: bytes, **options) -> bytes:
        """An unsigned archive, signed with scheme v2."""
        at = directory_at(archive)
        block = listed(self.signer(content_digest(archive), **options))
        return assemble(archive[:at], [(V2, block)], archive[at:])


def content_digest(archive: bytes) -> bytes:
    """The SHA-256 of an unsigned archive as schemes v2 and v3 make it."""
    at, end = directory_at(archive), archive.rindex(b"PK\x05\x06")
    chunks = [
        section[start : start + CHUNK]
        for section in (archive[:at], archive[at:end], archive[end:])
        for start in range(0, len(section), CHUNK)
    ]
    digests = b"".join(
        hashlib.sha256(b"\xa5" + struct.pack("<I", len(chunk)) + chunk).digest() for chunk in chunks
    )
    return hashlib.sha256(b"\x5a" + struct.pack("<I", len(chunks)) + digests).digest()
