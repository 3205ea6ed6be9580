"""A person before the console: a real Chromium where there is one, else a reader of pages that follows links and sends forms.

Both know pages as people do: by the words on links and buttons, and by the labels of fields.
"""

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import httpx2
import mechanicalsoup
from websockets.sync.client import ClientConnection, connect

from tests.journeys.conftest import until

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1280,1400",
)
FILL = """(() => {{
    const fields = [...document.querySelectorAll({name})], value = {value};
    const box = fields.find(each => ["checkbox", "radio"].includes(each.type) && each.value === value);
    if (box) box.checked = true; else fields[0].value = value;
}})()"""
PRESS = """[...document.querySelectorAll("button, input[type=submit], a")]
    .find(each => (each.value || each.textContent).trim() === {words}).click()"""


class Browser(Protocol):
    """What the journeys need of a browser."""

    def visit(self, address: str) -> None:
        """Go to an address."""

    def fill(self, **answers: str) -> None:
        """Type into fields, by their names."""

    def press(self, words: str) -> None:
        """Press the button, or follow the link, with these words."""

    @property
    def text(self) -> str:
        """What can be read on the page."""

    def close(self) -> None:
        """Leave nothing behind."""


def open_browser() -> Browser:
    """A browser: Chromium if it is installed."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    return Chromium(program) if program and not os.environ.get("MPAC_TEST_PLAIN_BROWSER") else Reader()


class Chromium:
    """A headless Chromium, steered over its debugging protocol."""

    def __init__(self, program: str) -> None:
        self._open = ExitStack()
        home = self._open.enter_context(
            tempfile.TemporaryDirectory(prefix="mpac-browser-", ignore_cleanup_errors=True)
        )
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={home}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._open.callback(self._end)
        told = Path(home, "DevToolsActivePort")
        port = until(lambda: told.exists() and told.read_text().partition("\n")[0], timeout_s=30)
        pages = httpx2.get(f"http://127.0.0.1:{port}/json", trust_env=False).json()
        [page] = [page for page in pages if page["type"] == "page"]
        address = page["webSocketDebuggerUrl"]
        self._socket: ClientConnection = self._open.enter_context(connect(address, max_size=None))
        self._numbers = itertools.count(1)
        self._call("Page.enable")

    def visit(self, address: str) -> None:
        self._loaded("Page.navigate", url=address)

    def fill(self, **answers: str) -> None:
        for name, value in answers.items():
            self._run(FILL.format(name=json.dumps(f'[name="{name}"]'), value=json.dumps(value)))

    def press(self, words: str) -> None:
        self._loaded("Runtime.evaluate", expression=PRESS.format(words=json.dumps(words)))

    @property
    def text(self) -> str:
        return str(self._run("document.body.innerText"))

    def picture(self, file: Path) -> None:
        """Keep what the page looks like."""
        shown = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shown["data"]))

    def close(self) -> None:
        self._open.close()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _run(self, expression: str) -> Any:
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _loaded(self, method: str, **parameters: Any) -> None:
        """Do something that leads to another page, and wait until that is there."""
        answer = self._call(method, **parameters)
        assert "exceptionDetails" not in answer, answer
        while json.loads(self._socket.recv(timeout=30)).get("method") != "Page.loadEventFired":
            pass

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv(timeout=30))).get("id") != number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result


class Reader:
    """Reads pages without running anything on them, which the console never needs."""

    def __init__(self) -> None:
        self._pages = mechanicalsoup.StatefulBrowser(raise_on_404=True)
        self._pages.session.trust_env = False
        self._answers: dict[str, str] = {}

    def visit(self, address: str) -> None:
        self._pages.open(address)
        self._answers.clear()

    def fill(self, **answers: str) -> None:
        for name in answers:
            assert self._page.select(f"form [name={name}]"), f"no field {name}"
        self._answers |= answers

    def press(self, words: str) -> None:
        for form in self._page.select("form"):
            for button in form.select("button, input[type=submit]"):
                if (button.get("value") or button.get_text()).strip() == words:
                    self._send(form, button)
                    return
        link = next(each for each in self._page.select("a") if each.get_text().strip() == words)
        self.visit(self._pages.absolute_url(link["href"]))

    @property
    def text(self) -> str:
        return str(self._page.body.get_text(" ", strip=True))

    def close(self) -> None:
        self._pages.close()

    @property
    def _page(self) -> Any:
        return self._pages.page

    def _send(self, form: Any, button: Any) -> None:
        filled = self._pages.select_form(form)
        for name, value in self._answers.items():
            filled.set(name, value)
        self._answers.clear()
        self._pages.submit_selected(btnName=button)
