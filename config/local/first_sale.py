"""The first sale: the virtual terminal sells once against the running platform and shows every step with its time."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from config.local.options import ROOT
from config.local.processes import end_with_parent
from config.local.steps import Steps

TIMEOUT_S = 120.0


def make_first_sale(
    *, demo: Path, env: Mapping[str, str], steps: Steps, complain: Callable[[str], None]
) -> bool:
    """Whether the sale went through. What the terminal prints goes straight to the console. Raises Interrupted."""
    argv = [sys.executable, "-m", "simulator.terminal", "--demo", str(demo), "sell"]
    sale = subprocess.Popen(
        argv,
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent(),
    )
    try:
        if not steps.wait(lambda: sale.poll() is not None, timeout_s=TIMEOUT_S):
            complain(f"The first sale was not done after {TIMEOUT_S:.0f} s.")
            return False
    finally:
        if sale.poll() is None:
            sale.kill()
        code = sale.wait()
    if code:
        complain(f"The first sale failed with exit code {code}.")
    return code == 0
