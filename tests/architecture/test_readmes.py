"""The README of a context ..."""

import re

import pytest
from django.apps import apps
from django.conf import settings

from kernel import events, jobs
from kernel.plumbing import IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage
from kernel.schema import rules_of

CONTEXTS = sorted(settings.MPAC_CONTEXTS)
PLUMBING = (IdempotencyKey, InboxEntry, JobRun, Nonce, OutboxMessage)
LINES = 160


def readme(context: str) -> str:
    return (settings.BASE_DIR / "mpac" / context / "README.md").read_text()


def own_words(context: str) -> str:
    """The text without the diagrams that are generated into it."""
    return re.sub(r"<!-- states -->.*<!-- /states -->", "", readme(context), flags=re.DOTALL)


def section(context: str, title: str) -> str:
    """The text below a heading."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", readme(context), re.MULTILINE | re.DOTALL)
    assert found, f"{context} has no section {title!r}"
    return found[1]


def named(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9.]+)`", text))


@pytest.mark.parametrize("context", CONTEXTS)
def test_names_every_table_and_no_other(context):
    own = {
        model._meta.db_table: model
        for model in apps.get_app_config(context).get_models()
        if rules_of(model) is not None
    }
    told = named(section(context, "Tables"))
    missing = {
        table
        for table, model in own.items()
        if table not in told
        and not (issubclass(model, PLUMBING) and "plumbing of every context" in section(context, "Tables"))
    }
    assert missing == set()
    if "| table |" not in section(context, "Tables"):
        assert told - own.keys() == set()


@pytest.mark.parametrize("context", CONTEXTS)
def test_names_every_event_that_leaves_it(context):
    told = named(section(context, "Events").partition("In:")[0])
    endings = tuple(name for name in told if name.startswith("_"))
    published = [
        kind for kind, event in events.registered().items() if event.__module__ == f"mpac.{context}.events"
    ]
    assert [kind for kind in published if kind not in told and not kind.endswith(endings)] == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_names_every_job(context):
    own = {job.name for job in jobs.registered() if job.function.__module__ == f"mpac.{context}.tasks"}
    assert own
    assert own - named(readme(context)) == set()


@pytest.mark.parametrize("context", CONTEXTS)
def test_is_short(context):
    assert len(own_words(context).splitlines()) <= LINES
