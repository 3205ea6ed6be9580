"""`manage.py import_statement` ..."""

import gzip
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.pgw.domain.statements.test_layouts import KBANK, PAYPAY, STRIPE

pytestmark = pytest.mark.usefixtures("mirrored", "healthy")

WHERE = {"psp": 1, "merchant": 11}


@pytest.fixture
def run(tmp_path):
    def call(content, *, profile="kbank", name="statement.csv", **options) -> tuple[str, str]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        out, err = StringIO(), StringIO()
        call_command("import_statement", path, profile=profile, **WHERE | options, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return call


def test_says_what_became_of_the_lines(run):
    out, err = run(KBANK)
    assert out.splitlines()[0].startswith("statement.csv: reconciled, 3 lines, ")
    assert "  missing_in_mpac      payment                      1           12,550 THB" in out
    assert "  missing_in_mpac      refund                       1           -1,281 THB" in out
    assert "  which adds up to what was read:\n                       payment                      1" in out
    assert f"comparing [{'#' * 30}]: line 3 of 3, " in err


def test_takes_the_same_file_once(run):
    first, again = run(KBANK)[0], run(KBANK, name="again.csv")[0]
    assert first.splitlines()[1:] == again.splitlines()[1:]
    assert again.startswith("statement.csv: reconciled")


@pytest.mark.parametrize(
    ("profile", "content"), [("stripe", STRIPE), ("paypay", PAYPAY), ("kbank", gzip.compress(KBANK.encode()))]
)
def test_knows_the_providers(run, profile, content):
    assert "reconciled" in run(content, profile=profile)[0]


def test_reads_another_encoding_where_it_is_told(run):
    assert (
        "reconciled"
        in run(PAYPAY.encode("cp932"), profile="paypay", encoding="cp932", time_zone="Asia/Tokyo")[0]
    )


def test_reads_by_a_profile_from_a_file(run, tmp_path):
    profile = tmp_path / "ours.toml"
    profile.write_text('extends = "kbank"\n[columns]\nreference = ["No"]\n')
    assert "reconciled" in run(KBANK.replace("txnNo", "No"), profile=str(profile))[0]


def test_names_the_lines_of_a_file_that_it_refuses(run):
    broken = KBANK + "KB3,KEY,yesterday,PAID,1.00,THB,,,\n" * 30
    with pytest.raises(CommandError) as refused:
        run(broken)
    lines = str(refused.value).splitlines()
    assert lines[0] == "statement.csv is refused and nothing of it was taken:"
    assert lines[1] == "  line 4: this is not an instant: “yesterday” (instant)"
    assert lines[-1] == "  and 10 more, in the console"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"merchant": 12}, "provider 1 has no merchant 12"),
        ({"psp": 2}, "provider 2 has no merchant 11"),
        ({"profile": "nobody"}, "no profile and no file 'nobody'"),
        ({"encoding": "utf-16"}, "encoding"),
        ({"time_zone": "Asia/Nowhere"}, "time zone"),
        ({"profile": "paypal", "encoding": "cp932"}, "itself"),
    ],
)
def test_refuses_what_it_cannot_do(run, options, complaint):
    with pytest.raises(CommandError, match=complaint):
        run(KBANK, **options)


def test_refuses_a_profile_that_is_none_and_a_file_that_is_not_there(run, tmp_path):
    profile = tmp_path / "broken.toml"
    profile.write_text("name = 1")
    with pytest.raises(CommandError, match="cannot be used"):
        run(KBANK, profile=str(profile))
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_statement", tmp_path / "nothing.csv", profile="kbank", **WHERE)
