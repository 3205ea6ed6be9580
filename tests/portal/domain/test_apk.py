"""An Android package..."""

import io
import os
import struct
import tracemalloc
import zipfile

import pytest

from mpac.portal.domain.apk.inspection import inspect_apk
from mpac.portal.errors import ApkRefused
from tests.portal.apks import (
    MAGIC,
    PACKAGE,
    SIGNER,
    STRANGER,
    apk,
    assemble,
    directory_at,
    mutated,
    parts_of,
    without,
    zipped,
)
from tests.portal.apks.signing import V2, V3, Signer, listed

ROUNDS = int(os.environ.get("MPAC_TEST_ROUNDS", "150"))
CODES = {"apk_malformed", "apk_not_signed", "apk_signature_invalid"}
MANIFEST = "AndroidManifest.xml"
MEMORY = 24 * 1024**2


def inspect(data: bytes):
    return inspect_apk(io.BytesIO(data))


def refused(data: bytes) -> tuple[str, str]:
    with pytest.raises(ApkRefused) as refusal:
        inspect(data)
    return refusal.value.code, refusal.value.message


def manifest() -> bytes:
    """The binary manifest that Android's tools made."""
    with zipfile.ZipFile(io.BytesIO(apk("v2"))) as archive:
        return archive.read(MANIFEST)


def changed(data: bytes, at: int, form: str, *values: int) -> bytes:
    new = bytearray(data)
    struct.pack_into(form, new, at, *values)
    return bytes(new)


@pytest.mark.parametrize(
    ("name", "code", "scheme", "signer"),
    [("v2", 1, 2, SIGNER), ("v3", 2, 3, SIGNER), ("v2-v3", 3, 3, SIGNER), ("stranger", 3, 3, STRANGER)],
)
def test_of_androids_own_tools_is_read_as_they_made_it(name, code, scheme, signer):
    facts = inspect(apk(name))
    assert (facts.package, facts.version_code, facts.version_name) == (PACKAGE, code, f"1.{code}")
    assert (facts.signature_scheme, facts.signers, facts.min_sdk) == (scheme, {signer}, 24)
    assert facts.size == len(apk(name))


def test_with_a_jar_signature_alone_is_not_signed():
    code, words = refused(apk("v1-only"))
    assert code == "apk_not_signed"
    assert "v1" in words


@pytest.mark.parametrize("name", ["v2", "v3", "v2-v3"])
def test_is_proved_in_every_byte(name):
    """Of contents, directory and end record; in the signing block only padding may be anything."""
    data = apk(name)
    contents, _parts, _tail = parts_of(data)
    for at in (*range(0, len(contents), 61), *range(directory_at(data), len(data), 7)):
        assert refused(changed(data, at, "B", data[at] ^ 1))[0] in CODES


def test_that_lost_its_newer_signature_is_refused():
    assert refused(without(apk("v2-v3"), V3)) == (
        "apk_signature_invalid",
        "The signature of scheme v3 was removed.",
    )


def test_must_hold_by_every_scheme_that_is_there():
    contents, parts, tail = parts_of(apk("v2-v3"))
    _contents, of_another_package, _tail = parts_of(apk("v2"))
    _contents, foreign, _tail = parts_of(apk("stranger"))  # the same contents, signed by somebody else
    swapped = assemble(contents, [(V2, of_another_package[V2]), (V3, parts[V3])], tail)
    assert refused(swapped) == ("apk_signature_invalid", "The package was changed after it was signed.")
    mixed = assemble(contents, [(V2, foreign[V2]), (V3, parts[V3])], tail)
    assert inspect(mixed).signers == {SIGNER, STRANGER}


def test_names_all_who_signed():
    one, two = Signer(), Signer()
    archive = zipped({MANIFEST: manifest()})
    data = one.sign(archive)
    _contents, first, _tail = parts_of(data)
    _contents, second, _tail = parts_of(two.sign(archive))
    at = directory_at(archive)
    both = listed(first[V2][8:], second[V2][8:])
    assert inspect(data).signers == {one.digest}
    assert inspect(assemble(archive[:at], [(V2, both)], archive[at:])).signers == {one.digest, two.digest}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"algorithm": 0x0301}, "no signature is of an algorithm"),
        ({"algorithm": 0x0103}, "does not hold"),
        ({"digest_algorithm": 0x0202}, "not of the same algorithms"),
        ({"certificates": []}, "no certificate"),
        ({"certificates": [b"x"]}, "cannot be read"),
        ({"certificates": [Signer().certificate]}, "does not hold the key"),
        ({"public": b"nonsense"}, "cannot be read"),
        ({"public": Signer().public}, "does not hold"),
        ({"attributes": [b"\x0d\xf0\xef\xbe\x03\0\0\0"]}, "v3 was removed"),
        ({"attributes": [b"\x02\x8b\x9f\x55\x21\0\0\0"]}, "v3.1 was removed"),
    ],
)
def test_signed_wrongly_is_refused(options, words):
    code, said = refused(Signer().sign(zipped({MANIFEST: manifest()}), **options))
    assert code == "apk_signature_invalid"
    assert words in said.lower() or words in said


def test_without_a_manifest_or_with_another_file_in_its_place_is_refused():
    signer = Signer()
    assert refused(signer.sign(zipped({"classes.dex": b"x"})))[1] == "The package has no AndroidManifest.xml."
    for text in (b"<manifest/>", b"", manifest()[:-4], manifest()[: len(manifest()) // 2]):
        assert refused(signer.sign(zipped({MANIFEST: text})))[0] == "apk_malformed"


def test_that_unpacks_to_more_than_it_may_is_refused_before_it_is_unpacked():
    bomb = Signer().sign(zipped({MANIFEST: bytes(64 * 1024**2)}))
    tracemalloc.start()
    assert refused(bomb)[1] == "AndroidManifest.xml is larger than 2097152 bytes."
    assert tracemalloc.get_traced_memory()[1] < MEMORY
    tracemalloc.stop()


def test_that_lies_about_the_size_of_its_manifest_is_refused():
    archive = zipped({MANIFEST: bytes(4 * 1024**2)})
    at = directory_at(archive)
    lying = changed(archive, at + 24, "<I", 1000)
    assert "is not as long as" in refused(Signer().sign(lying))[1]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda a, at: changed(a, len(a) - 14, "<HH", 2, 2), "directory is cut off"),
        (lambda a, at: changed(a, len(a) - 18, "<HH", 1, 1), "several parts"),
        (lambda a, at: changed(a, len(a) - 14, "<HH", 0xFFFF, 0xFFFF), "ZIP64"),
        (lambda a, at: changed(a, at + 8, "<H", 1), "encrypted"),
        (lambda a, at: changed(a, at + 10, "<H", 99), "packed in a way"),
        (lambda a, at: changed(a, at + 42, "<I", 2**31), "cut off"),
        (lambda a, at: changed(a, at + 20, "<I", 2**31), "beyond the contents"),
        (lambda a, at: changed(a, 30, "B", 66), "not what the directory says"),
        (lambda a, at: changed(a, at + 24, "<I", 2**32 - 1), "2 GiB"),
    ],
)
def test_with_an_archive_that_lies_is_refused(break_it, words):
    archive = zipped({MANIFEST: manifest()})
    code, said = refused(Signer().sign(break_it(archive, directory_at(archive))))
    assert (code, words in said) == ("apk_malformed", True), said


def test_with_a_name_twice_or_entries_that_overlap_is_refused():
    archive = zipped({MANIFEST: manifest(), "AndroidManifest.xmm": b"x"})
    twice = archive.replace(b"AndroidManifest.xmm", b"AndroidManifest.xml")
    assert refused(Signer().sign(twice))[1] == "Two entries of the archive have the same name."
    at = directory_at(archive)
    second = archive.index(b"PK\x01\x02", at + 4)
    inside = bytearray(archive)
    inside[60 : 60 + 49] = archive[archive.index(b"PK\x03\x04", 4) :][:49]
    assert refused(Signer().sign(changed(bytes(inside), second + 42, "<I", 60)))[1] == (
        "Two entries of the archive overlap."
    )


def test_with_more_behind_its_end_or_two_ends_is_refused():
    assert refused(apk("v2") + b"x")[0] == "apk_malformed"
    end = apk("v2")[-22:]
    commented = changed(apk("v2"), len(apk("v2")) - 2, "<H", len(end)) + end
    assert "or more than one" in refused(commented)[1]


@pytest.mark.parametrize(
    ("size", "words"),
    [(2**63, "lies about its size"), (23, "lies about its size"), (24, "says two sizes")],
)
def test_with_a_signing_block_that_lies_is_refused(size, words):
    data = apk("v2")
    assert words in refused(changed(data, data.rindex(MAGIC) - 8, "<Q", size))[1]


def test_with_a_part_of_the_signing_block_twice_is_refused():
    contents, parts, tail = parts_of(apk("v2"))
    twice = assemble(contents, [(V2, parts[V2]), (V2, parts[V2])], tail)
    assert "one of them twice" in refused(twice)[1]
    many = assemble(contents, [(number, b"") for number in range(65)], tail)
    assert "too many parts" in refused(many)[1]
    crowd = assemble(contents, [(V2, listed(*[b""] * 11))], tail)
    assert "more than 10 items" in refused(crowd)[1]


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x03\x04", b"{}", b"PK\x03\x04" + bytes(100_000), bytes(200)]
)
def test_that_is_none_is_refused(data):
    assert refused(data)[0] == "apk_malformed"


def test_that_may_be_debugged_or_has_no_version_is_no_release():
    plain = manifest()
    for known, other, words in (
        (0x01010001, 0x0101000F, "debuggable"),  # of the application's label
        (0x01010001, 0x01010272, "for tests only"),
        (0x0101021B, 0x01010001, "version code"),
        (0x0101020C, 0x0101020C, ""),
    ):
        flagged = changed(plain, plain.index(struct.pack("<I", known)), "<I", other)
        data = Signer().sign(zipped({MANIFEST: flagged}))
        assert words in (refused(data)[1] if words else inspect(data).package)


def test_broken_in_any_way_is_refused_in_words_and_never_by_an_accident():
    """Signed anew after it was broken, so that the breakage reaches the readers behind the signature."""
    signer = Signer()
    whole = zipped({MANIFEST: manifest(), "assets/note.txt": b"note"})
    for seed in range(ROUNDS):
        for data in (mutated(apk("v2-v3"), seed), signed_anew(signer, whole, seed)):
            try:
                inspect(data)
            except ApkRefused as refusal:
                assert refusal.code in CODES  # noqa: PT017 - some changes are harmless


def signed_anew(signer: Signer, whole: bytes, seed: int) -> bytes:
    broken_manifest = zipped({MANIFEST: mutated(manifest(), seed)})
    broken = broken_manifest if seed % 2 else mutated(whole, seed)
    try:
        return signer.sign(broken)
    except (ValueError, struct.error):
        return broken
