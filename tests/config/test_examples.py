"""The examples of the environment ..."""

import re

from django.conf import settings

FOLDER = settings.BASE_DIR
READERS = ("config/env.py", "config/settings/base.py", "deploy/process", "compose.yaml")
READ = re.compile(r'(?:\benv\.\w+|\bpath)\(\s*f?"([A-Z_]+)|\$\{([A-Z_]+)')
NAMED = re.compile(r"^(?:# )?([A-Z][A-Z_]+)=", re.MULTILINE)
# What the image and the composition set by themselves, and what is for development and tests alone.
SET_ELSEWHERE = {"DATABASE_URL", "REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"} | {
    f"MPAC_{name}" for name in ("ENV", "HOST", "PORT", "WS_PORT", "STATE_DIR")
}
DEVELOPMENT = {
    f"MPAC_{name}"
    for name in ("SIMULATOR_URL", "CRASHPOINT_FILE", "PAYPAL_TRUSTED_HOSTS", "WEBHOOK_TRUSTED_HOSTS")
}
# Listed by the ends of their names, and one in full.
RATE_LIMIT = "MPAC_RATE_LIMIT_"


def read() -> set[str]:
    texts = [(FOLDER / name).read_text() for name in READERS]
    return {first or second for text in texts for first, second in READ.findall(text)}


def examples() -> str:
    return "\n".join(path.read_text() for path in sorted((FOLDER / "deploy").glob("*.env.example")))


def test_name_every_variable_that_is_read():
    named, text = set(NAMED.findall(examples())), examples()
    limits = {name for name in read() if name.startswith(RATE_LIMIT)}
    assert [name for name in sorted(limits) if not re.search(rf"\b{name[len(RATE_LIMIT) :]}\b", text)] == []
    prefixes = {name for name in read() if name.endswith("_")}  # one for each context
    assert [name for name in sorted(prefixes) if f"\n{name}PGW=" not in text] == []
    assert read() - limits - prefixes - named - SET_ELSEWHERE - DEVELOPMENT == set()


def test_name_none_that_nobody_reads():
    known = read()
    by_context = tuple(name for name in known if name.endswith("_"))
    unread = {name for name in NAMED.findall(examples()) if name not in known}
    assert {name for name in unread if not name.startswith(by_context)} - {
        "POSTGRES_DB",
        "POSTGRES_PASSWORD",
    } == set()
