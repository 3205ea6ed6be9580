"""The SQL that the platform sends for one create-intent call, as the server logged it, made into a pgbench script.

Two calls are recorded. What differs between them and must be unique gets a number from pgbench; everything else, times
and hashes included, stays as it was sent. Statements that came prepared and in a pipeline are replayed like this, the
others as plain queries, so that the bare database has the same advantages as the platform.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

PREFIX = "@@%u@%p@ "
ENTRY = re.compile(r"^@@(?P<user>[^@]*)@(?P<pid>[0-9]+)@ (?P<level>[A-Z]+):  (?P<text>.*)$")
STATEMENT = re.compile(r"^(?:statement|(?P<extended>execute) [^:]*): (?P<sql>.*)$", re.DOTALL)
LITERAL = re.compile(r"'(?:[^']|'')*'")
PARAMETER = re.compile(r"\$([0-9]+) = ((?:'(?:[^']|'')*')|NULL)")
WORD = re.compile(r"[0-9A-Za-z_]+")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGITS = 12
VARIABLE = ":mpacnumber"
# The variable itself, and every place where a colon would begin another one.
COLON = re.compile(rf"({VARIABLE})|(?<=:)(?=[A-Za-z_])")
# Words shorter than this are parts of times and small numbers, never identifiers.
IDENTIFIER = 20


class Unrecorded(Exception):
    """The statements could not be seen."""


@dataclass(frozen=True)
class Statement:
    """One statement as logged, its parameters written in; `extended` if it came with parameters of its own."""

    sql: str
    extended: bool


@dataclass(frozen=True)
class Script:
    """A pgbench script and the protocol to run it with."""

    text: str
    protocol: str


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

    def statements(self, *, since: int, marker: str) -> list[Statement]:
        """What the session that handled `marker` sent, in order. Raises Unrecorded."""
        with self.log.open("rb") as log:
            log.seek(since)
            entries = _entries(log.read().decode(errors="replace"))
        sessions = {pid for pid, statement in entries if marker in statement.sql}
        if len(sessions) != 1:
            raise Unrecorded(f"{len(sessions)} sessions logged {marker}")
        return [statement for pid, statement in entries if pid in sessions]

    def _set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self._reload()

    def _reload(self) -> None:
        self.admin.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)


def script(first: list[Statement], second: list[Statement]) -> Script:
    """A pgbench script of the first recording; the second shows what changes. Raises Unrecorded."""
    if [_outline(statement.sql) for statement in first] != [_outline(statement.sql) for statement in second]:
        raise Unrecorded("two equal calls sent different statements")
    changed = _words(first) - _words(second)
    lines = [
        r"\set mpacturn :mpacturn + 1",
        rf"\set {VARIABLE[1:]} {10 ** (DIGITS - 1)} + :client_id * 1000000000 + :mpacturn",
    ]
    numbered = [_number(statement.sql, changed) for statement in first]
    if all(statement.extended for statement in first):
        lines += [r"\startpipeline", *(_as_expression(sql) + ";" for sql in numbered), r"\endpipeline"]
        return Script("\n".join(lines) + "\n", "prepared")
    lines += [" \\; ".join(_split(sql)) + ";" for sql in numbered]
    return Script("\n".join(lines) + "\n", "simple")


def _entries(text: str) -> list[tuple[str, Statement]]:
    """Session and statement, in order; the parameters of a statement follow it as a detail."""
    found: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        if match := ENTRY.match(line):
            found.append((match["pid"], match["level"], [match["text"]]))
        elif found and line.startswith("\t"):
            found[-1][2].append(line[1:])
    statements: list[tuple[str, Statement]] = []
    for pid, level, lines in found:
        entry = "\n".join(lines)
        if level == "LOG" and (match := STATEMENT.match(entry)):
            statements.append((pid, Statement(match["sql"].strip(), extended=bool(match["extended"]))))
        elif level == "DETAIL" and statements and statements[-1][0] == pid:
            statement = statements[-1][1]
            sql = _with_parameters(statement.sql, entry)
            statements[-1] = (pid, Statement(sql, extended=statement.extended))
    return statements


def _with_parameters(statement: str, detail: str) -> str:
    values = dict(PARAMETER.findall(detail))
    return re.sub(r"\$([0-9]+)", lambda found: values.get(found[1], found[0]), statement)


def _outline(text: str) -> str:
    """A statement without its values."""
    return re.sub(r"'(?:[^']|'')*'|[0-9]+", "?", text)


def _words(statements: list[Statement]) -> set[str]:
    return {word for statement in statements for word in WORD.findall(statement.sql)}


def _number(sql: str, changed: set[str]) -> str:
    """The statement with the variable in the tail of every identifier that changes."""
    sql = UUID.sub(lambda found: _with_tail(found[0], changed=found[0][-DIGITS:] in changed), sql)
    return WORD.sub(
        lambda found: _with_tail(found[0], changed=found[0] in changed and len(found[0]) >= IDENTIFIER), sql
    )


def _with_tail(text: str, *, changed: bool) -> str:
    return text[:-DIGITS] + VARIABLE if changed else text


def _as_expression(sql: str) -> str:
    """A statement to be prepared: pgbench takes every `:name` for a parameter, which cannot stand inside quotes."""

    def rewrite(found: re.Match[str]) -> str:
        parts = [part for part in COLON.split(found[0][1:-1]) if part]
        if len(parts) < 2 and VARIABLE not in parts:
            return found[0]
        return "(" + " || ".join(f"{part}::text" if part == VARIABLE else f"'{part}'" for part in parts) + ")"

    return LITERAL.sub(rewrite, sql)


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
