"""What a package is, proved: the one entrance to reading packages.

Every signature is verified before the manifest is believed. Time and memory are bounded by the size of the file, which the
caller bounds: chunks of 1 MiB, a directory of at most 32 MiB, one small entry unpacked.
"""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

from mpac.portal.domain.apk import archive, manifest, signatures
from mpac.portal.domain.apk.source import Source, malformed

MANIFEST = b"AndroidManifest.xml"
LARGEST_MANIFEST = 2 * 1024**2


@dataclass(frozen=True, slots=True)
class ApkFacts:
    """What is known of a package. `signers` are SHA-256 digests of certificates in hex; `size` is in bytes."""

    package: str
    version_code: int
    version_name: str
    min_sdk: int
    signature_scheme: int
    signers: frozenset[str]
    sha256: str
    size: int


def inspect_apk(file: BinaryIO) -> ApkFacts:
    """Read and verify a package. Raises ApkRefused, which names what is wrong."""
    source = Source(file)
    layout = archive.find_layout(source)
    block = signatures.find_block(source, layout)
    signed = signatures.verify(source, layout, block)
    entries = archive.list_entries(source, layout, contents_end=block.at)
    if MANIFEST not in entries:
        raise malformed("The package has no AndroidManifest.xml.")
    said = manifest.read_manifest(archive.unpack(source, entries[MANIFEST], at_most=LARGEST_MANIFEST))
    return ApkFacts(
        package=said.package,
        version_code=said.version_code,
        version_name=said.version_name,
        min_sdk=said.min_sdk,
        signature_scheme=signed.scheme,
        signers=signed.signers,
        sha256=_sha256(source),
        size=source.size,
    )


def _sha256(source: Source) -> str:
    digest = hashlib.sha256()
    for at in range(0, source.size, signatures.CHUNK):
        digest.update(source.read(at, min(signatures.CHUNK, source.size - at), "contents"))
    return digest.hexdigest()
