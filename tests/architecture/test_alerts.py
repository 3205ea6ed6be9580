"""An alert speaks of figures that are shown and names a runbook that exists."""

import json
import re

import pytest
import yaml
from django.conf import settings
from django.test import RequestFactory
from prometheus_client.parser import text_string_to_metric_families

from kernel import health

DEPLOYMENT = settings.BASE_DIR / "deploy" / "prometheus"
RULES = yaml.safe_load((DEPLOYMENT / "rules.yml").read_text())["groups"][0]["rules"]
ALERTS = {rule["alert"]: rule for rule in RULES}


DASHBOARDS = sorted((settings.BASE_DIR / "deploy" / "grafana").glob("*.json"))
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
NAMED = re.compile(r"\bmpac_\w+")


@pytest.fixture
def shown(database):
    """The names of all figures, as one who scrapes finds them."""
    text = health.metrics(RequestFactory().get("/metrics")).content.decode()
    families = text_string_to_metric_families(text)
    return {family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ())}


@pytest.mark.parametrize("alert", ALERTS)
def test_watches_figures_that_are_shown(alert, shown):
    watched = set(NAMED.findall(ALERTS[alert]["expr"]))
    assert watched - shown == set()
    assert watched or "up{" in ALERTS[alert]["expr"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_dashboards_draw_figures_that_are_shown(path, shown):
    drawn = [
        (panel["title"], target["expr"])
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", [])
    ]
    assert len(drawn) > 20
    assert [(title, name) for title, expr in drawn for name in NAMED.findall(expr) if name not in shown] == []
    assert all(NAMED.search(expr) for _title, expr in drawn)


@pytest.mark.parametrize("alert", ALERTS)
def test_names_a_runbook(alert):
    assert (settings.BASE_DIR / ALERTS[alert]["annotations"]["runbook"]).is_file()


def test_every_runbook_is_listed():
    runbooks = settings.BASE_DIR / "docs" / "runbooks"
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (runbooks / "README.md").read_text()))
    assert listed == {page.name for page in runbooks.glob("*.md")} - {"README.md"}


def test_every_target_is_a_process_that_listens():
    scraped = yaml.safe_load((DEPLOYMENT / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for job in scraped for one in job["static_configs"] for target in one["targets"]}
    assert targets == {"web:8000", "realtime:8001"}
    assert {target.partition(":")[0] for target in targets} <= set(
        yaml.safe_load((settings.BASE_DIR / "compose.yaml").read_text())["services"]
    )
