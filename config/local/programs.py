"""The processes of MPAC, started by the same script as in the image, on the loopback interface."""

import os
import sys
from pathlib import Path

from config.local.environment import Environments
from config.local.options import ROOT, Options
from config.local.processes import Program
from config.local.supervisor import ProgramUnit

SCRIPT = ROOT / "deploy" / "process"
# Partition upkeep runs in these two; nothing that faces outside knows the owner roles.
WITH_OWNER_ROLES = ("worker", "relay")
PROCESSES = ("web", "realtime", "worker", "beat", "relay")


def all_programs(*, options: Options, environments: Environments) -> list[ProgramUnit]:
    """One unit per process, the simulator first."""
    units = [_unit("simulator", [sys.executable, "-m", "simulator"], environments.runtime, options)]
    for name in PROCESSES:
        environment = environments.upkeep if name in WITH_OWNER_ROLES else environments.runtime
        units.append(_unit(name, [str(SCRIPT), name], environment, options))
    return units


def _unit(name: str, argv: list[str], environment: dict[str, str], options: Options) -> ProgramUnit:
    path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    return ProgramUnit(
        Program(
            name=name,
            argv=argv,
            env=environment | {"PATH": path, "MPAC_HOST": "127.0.0.1"},
            cwd=ROOT,
            log=options.state / "logs" / f"{name}.log",
        )
    )
