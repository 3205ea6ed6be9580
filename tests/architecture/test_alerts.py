"""An alert speaks of figures that are shown and names a runbook that exists."""

import re

import pytest
import yaml
from django.conf import settings
from django.test import RequestFactory
from prometheus_client.parser import text_string_to_metric_families

from kernel import health, metrics

DEPLOYMENT = settings.BASE_DIR / "deploy" / "prometheus"
RULES = yaml.safe_load((DEPLOYMENT / "rules.yml").read_text())["groups"][0]["rules"]
ALERTS = {rule["alert"]: rule for rule in RULES}


@pytest.fixture
def shown(database):
    """The names of all figures, as one who scrapes finds them."""
    metrics.observe_request(method="GET", route="v1/orders", status=200, seconds=0.01)
    metrics.provider_calls.labels("scb", "create", "approved").inc()
    text = health.metrics(RequestFactory().get("/metrics")).content.decode()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.mark.parametrize("alert", ALERTS)
def test_watches_figures_that_are_shown(alert, shown):
    watched = set(re.findall(r"\bmpac_\w+", ALERTS[alert]["expr"]))
    assert watched - shown == set()
    assert watched or "up{" in ALERTS[alert]["expr"]


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
