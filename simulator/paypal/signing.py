"""PayPal's certificate, under an authority of the simulator's own: made once per process, and known to nobody else."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "messageverificationcerts.paypal.com"
PATH = "/v1/notifications/certs/"
_BEGINS, _ENDS = datetime(2024, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)
_CA_USES = {"key_cert_sign": True, "crl_sign": True}
_LEAF_USES = {"digital_signature": True}
_NO_USES = dict.fromkeys(
    (
        *(
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
        ),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A key that signs, the certificate of it, and that of the authority behind it."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    authority: x509.Certificate

    @property
    def name(self) -> str:
        """What the certificate is called in its address."""
        return f"CERT-{self.certificate.serial_number:x}"


@cache
def identity() -> Identity:
    """The one of this process."""
    return make_identity()


def make_identity(
    *,
    name: str = NAME,
    begins: datetime = _BEGINS,
    ends: datetime = _ENDS,
    key: rsa.RSAPrivateKey | None = None,
) -> Identity:
    """A new authority and a certificate of it for `name`."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    signing_key = key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    authority = (
        _builder(issuer, issuer, _BEGINS, _ENDS)
        .public_key(authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**_NO_USES | _CA_USES), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _builder(subject, issuer, begins, ends)
        .public_key(signing_key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**_NO_USES | _LEAF_USES), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    return Identity(key=signing_key, certificate=certificate, authority=authority)


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as they are served and kept."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def sign(
    body: bytes, *, webhook: str, base: str, at: datetime, by: Identity | None = None
) -> Mapping[str, str]:
    """The headers of a notice, for the webhook with this id."""
    signer = by or identity()
    transmission, time = str(uuid4()), at.strftime("%Y-%m-%dT%H:%M:%SZ")
    message = f"{transmission}|{time}|{webhook}|{zlib.crc32(body)}".encode()
    signature = signer.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return {
        "paypal-transmission-id": transmission,
        "paypal-transmission-time": time,
        "paypal-transmission-sig": base64.b64encode(signature).decode(),
        "paypal-cert-url": f"{base}{PATH}{signer.name}",
        "paypal-auth-algo": "SHA256withRSA",
    }


def _builder(
    subject: x509.Name, issuer: x509.Name, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
