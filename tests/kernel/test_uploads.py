"""A file in a form ..."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from kernel import uploads


def files(*contents):
    names = {f"file{number}": SimpleUploadedFile("a.csv", content) for number, content in enumerate(contents)}
    request = RequestFactory().post("/admin/", names)
    return [file.size for file in request.FILES.values()]


def test_is_taken_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    assert files(b"x" * 1000) == [1000]
    assert files(b"x" * 1001) == []


def test_counts_with_the_others_of_its_form(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    assert files(b"x" * 600, b"x" * 600) == [600]
    assert files(b"x" * 500, b"x" * 500) == [500, 500]
