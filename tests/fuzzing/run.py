"""Starts schemathesis with our callers and the checked-in document."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "api" / "openapi.json"
SETTINGS = Path(__file__).parent / "schemathesis.toml"
SECONDS = 300
PHASES = "examples,coverage,fuzzing,stateful"


def fuzz(demo_file: str, *options: str) -> int:
    """Fuzz the platform of this demo file with schemathesis; 0 when nothing was found. `options` go before ours.

    One worker: Python 3.11 can not parse in several threads at once, which hypothesis does.
    """
    base_url = json.loads(Path(demo_file).read_text())["base_url"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS), "run", str(DOCUMENT)]
    ours = ["--url", base_url, "--phases", PHASES, "--workers", "1", "--continue-on-failure", "--no-color"]
    environment = os.environ | {"MPAC_DEMO_FILE": demo_file, "SCHEMATHESIS_HOOKS": "tests.fuzzing.hooks"}
    return subprocess.run([*command, *ours, *options], cwd=ROOT, env=environment, check=False).returncode
