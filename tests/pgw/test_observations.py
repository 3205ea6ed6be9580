"""What the gateway has measured: how long an outcome has been open."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kernel import observations
from mpac.pgw import api
from mpac.pgw.adapters.port import Unknown
from tests.pgw.doubles import answers


def open_outcome_s(now) -> float:
    text = observations.render(api.observations(), now=now).decode()
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return samples["mpac_open_outcome_seconds"]


def test_an_outcome_that_nobody_knows_grows_old(gateway, provider):
    provider.on_create.append(answers(Unknown(code="timeout", message="")))
    gateway.shown()
    assert open_outcome_s(gateway.later(301)) == pytest.approx(301)


def test_a_known_outcome_has_no_age(gateway):
    gateway.shown()
    assert open_outcome_s(gateway.later(301)) == 0
