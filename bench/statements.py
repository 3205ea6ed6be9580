"""The SQL that the platform sends for one create-intent call, as the server logged it, made into a pgbench script.

Two calls are recorded. What differs between them and must be unique gets a number from pgbench; everything else, times
and hashes included, stays as it was sent. Calls of the extended protocol get their parameters written in.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

PREFIX = "@@%u@%p@ "
ENTRY = re.compile(r"^@@(?P<user>[^@]*)@(?P<pid>[0-9]+)@ (?P<level>[A-Z]+):  (?P<text>.*)$")
STATEMENT = re.compile(r"^(?:statement|execute [^:]*): (.*)$", re.DOTALL)
PARAMETER = re.compile(r"\$([0-9]+) = ((?:'(?:[^']|'')*')|NULL)")
WORD = re.compile(r"[0-9A-Za-z_]+")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGITS = 12
VARIABLE = ":mpacnumber"
# Words shorter than this are parts of times and small numbers, never identifiers.
IDENTIFIER = 20


class Unrecorded(Exception):
    """The statements could not be seen."""


@dataclass
class Recorder:
    """Switches the server's statement log on and reads it. Needs a superuser and the server's own log file."""

    admin: psycopg.Connection
    log: Path

    @classmethod
    def of(cls, admin: psycopg.Connection) -> "Recorder":
        """The recorder of the embedded server, whose log lies beside its data. Raises Unrecorded."""
        row = admin.execute("SELECT current_setting('data_directory')").fetchone()
        log = Path(row[0]).parent / "postgres.log" if row else Path()
        if not log.is_file():
            raise Unrecorded(f"the server's log is not at {log}")
        return cls(admin, log)

    def start(self) -> None:
        """Log every statement from now on."""
        self._set(log_statement="all", log_line_prefix=PREFIX)

    def end(self) -> int:
        """Where the log ends now."""
        return self.log.stat().st_size

    def stop(self) -> None:
        """Log as before."""
        for name in ("log_statement", "log_line_prefix"):
            self.admin.execute(f"ALTER SYSTEM RESET {name}")
        self._reload()

    def statements(self, *, since: int, marker: str) -> list[str]:
        """What the session that handled `marker` sent, in order. Raises Unrecorded."""
        with self.log.open("rb") as log:
            log.seek(since)
            entries = _entries(log.read().decode(errors="replace"))
        sessions = {pid for pid, text in entries if marker in text}
        if len(sessions) != 1:
            raise Unrecorded(f"{len(sessions)} sessions logged {marker}")
        return [text for pid, text in entries if pid in sessions]

    def _set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self._reload()

    def _reload(self) -> None:
        self.admin.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)


def script(first: list[str], second: list[str]) -> str:
    """A pgbench script of the first recording; the second shows what changes. Raises Unrecorded."""
    if [_outline(text) for text in first] != [_outline(text) for text in second]:
        raise Unrecorded("two equal calls sent different statements")
    changed = set(WORD.findall("\n".join(first))) - set(WORD.findall("\n".join(second)))
    lines = [
        r"\set mpacturn :mpacturn + 1",
        rf"\set {VARIABLE[1:]} {10 ** (DIGITS - 1)} + :client_id * 1000000000 + :mpacturn",
    ]
    for text in first:
        numbered = UUID.sub(lambda found: _number_uuid(found[0], changed), text)
        numbered = WORD.sub(lambda found: _number_word(found[0], changed), numbered)
        lines.append(" \\; ".join(_split(numbered)) + ";")
    return "\n".join(lines) + "\n"


def _entries(text: str) -> list[tuple[str, str]]:
    """Session and statement, in order; the parameters of a statement follow it as a detail."""
    found: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        if match := ENTRY.match(line):
            found.append((match["pid"], match["level"], [match["text"]]))
        elif found and line.startswith("\t"):
            found[-1][2].append(line[1:])
    statements: list[tuple[str, str]] = []
    for pid, level, lines in found:
        entry = "\n".join(lines)
        if level == "LOG" and (match := STATEMENT.match(entry)):
            statements.append((pid, match[1]))
        elif level == "DETAIL" and statements and statements[-1][0] == pid:
            statements[-1] = (pid, _with_parameters(statements[-1][1], entry))
    return statements


def _with_parameters(statement: str, detail: str) -> str:
    values = dict(PARAMETER.findall(detail))
    return re.sub(r"\$([0-9]+)", lambda found: values.get(found[1], found[0]), statement)


def _outline(text: str) -> str:
    """A statement without its values."""
    return re.sub(r"'(?:[^']|'')*'|[0-9]+", "?", text)


def _number_uuid(text: str, changed: set[str]) -> str:
    return text[:-DIGITS] + VARIABLE if text[-DIGITS:] in changed else text


def _number_word(word: str, changed: set[str]) -> str:
    return word[:-DIGITS] + VARIABLE if word in changed and len(word) >= IDENTIFIER else word


def _split(text: str) -> list[str]:
    """The statements of one message."""
    parts, quoted, at = [], False, 0
    for index, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif character == ";" and not quoted:
            parts.append(text[at:index])
            at = index + 1
    return [part.strip() for part in [*parts, text[at:]] if part.strip()]
