"""Figures keep their labels few and sum over processes."""

import subprocess
import sys

from kernel import metrics

CHILD = """
import sys
from django.conf import settings
settings.configure(PROMETHEUS_MULTIPROC_DIR=sys.argv[1])
from kernel import metrics
metrics.observe_request(method="GET", route="v1/orders", status=200, seconds=0.01)
if sys.argv[2] == "show":
    sys.stdout.write(metrics.render().decode())
"""


def test_a_request_is_counted_by_method_route_and_status():
    metrics.observe_request(method="POST", route="v1/test-metrics", status=201, seconds=0.03)
    text = metrics.render().decode()
    labels = 'method="POST",route="v1/test-metrics",status="201"'
    assert f"mpac_request_duration_seconds_count{{{labels}}} 1.0" in text
    assert f'mpac_request_duration_seconds_bucket{{le="0.02",{labels}}} 0.0' in text
    assert f'mpac_request_duration_seconds_bucket{{le="0.035",{labels}}} 1.0' in text


def test_callers_cannot_make_new_labels():
    metrics.observe_request(method="BREW", route="", status=404, seconds=0.001)
    text = metrics.render().decode()
    assert "BREW" not in text
    assert 'method="other",route="unmatched",status="404"' in text


def test_processes_that_share_a_directory_are_summed(tmp_path):
    def child(show):
        return subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path), show],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    child("quiet")
    text = child("show")
    assert 'mpac_request_duration_seconds_count{method="GET",route="v1/orders",status="200"} 2.0' in text
