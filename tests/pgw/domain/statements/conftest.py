"""Short ways to read a statement from text."""

import io

import pytest

from mpac.pgw.domain.statements.lines import Fault, FileFault, StatementLine
from mpac.pgw.domain.statements.profiles import PROFILES, declared_profile


class Reader:
    """Reads texts and bytes by a profile."""

    def all(self, content: str | bytes, profile) -> list[StatementLine | Fault]:
        raw = content.encode() if isinstance(content, str) else content
        return list((PROFILES[profile] if isinstance(profile, str) else profile).read(io.BytesIO(raw)))

    def lines(self, content: str | bytes, profile) -> list[StatementLine]:
        found = self.all(content, profile)
        assert [each for each in found if isinstance(each, Fault)] == []
        return found

    def faults(self, content: str | bytes, profile) -> list[tuple[int, str]]:
        """Faults of lines, and that of the file at the end."""
        found = []
        raw = content.encode() if isinstance(content, str) else content
        profile = PROFILES[profile] if isinstance(profile, str) else profile
        try:
            read = profile.read(io.BytesIO(raw))
            found.extend((each.line, each.code) for each in read if isinstance(each, Fault))
        except FileFault as refusal:
            found.append((refusal.fault.line, refusal.fault.code))
        return found

    def declared(self, text: str):
        return declared_profile(text)


@pytest.fixture
def read() -> Reader:
    return Reader()
