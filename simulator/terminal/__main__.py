"""`python -m simulator.terminal --demo .mpac/demo.json sell|cash|watch`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import httpx2

from simulator.terminal.client import Terminal
from simulator.terminal.errors import TerminalError
from simulator.terminal.sales import Steps, say, sell, sell_for_cash, watch

SALES = {"sell": sell, "cash": sell_for_cash}


def main() -> int:
    """0 when everything went as the contract says, 1 at the first difference, 130 when interrupted."""
    chosen = _arguments()
    steps = Steps(say)
    try:
        demo: dict[str, Any] = json.loads(chosen.demo.read_text())
        with Terminal(demo) as terminal:
            if chosen.command == "watch":
                watch(terminal, after=chosen.after, show=say)
            for number in range(1, chosen.count + 1):
                steps = Steps(say)
                say(f"{chosen.command} {number} of {chosen.count}")
                SALES[chosen.command](terminal, steps)
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, KeyError) as error:
        return _failed("reading the demo file", error)
    except (TerminalError, httpx2.HTTPError) as error:
        return _failed(steps.current, error)
    return 0


def _failed(step: str, error: Exception) -> int:
    sys.stderr.write(f"FAILED at {step}: {error}\n")
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator.terminal", description="A virtual terminal.")
    parser.add_argument("--demo", type=Path, default=Path(".mpac/demo.json"), help="the platform's demo file")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("sell", "sell and take a QR payment"), ("cash", "sell and take cash")):
        sale = commands.add_parser(name, help=text)
        sale.add_argument("--count", type=int, default=1, help="how often")
    pushes = commands.add_parser("watch", help="print what is pushed until interrupted")
    pushes.add_argument("--after", type=int, help="begin after this sequence number")
    pushes.set_defaults(count=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
