"""Headless Chromium, driven through the WebDriver protocol (W3C WebDriver).

The dozen commands these tests need are plain JSON over HTTP, so the standard library speaks them;
a client library would be one more thing to install for the same few lines.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

DEADLINE = 60.0  # seconds; only a failure takes this long
INSTALL = "apt-get install chromium chromium-driver"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element reference, WebDriver 12.1


def missing() -> str:
    """Name what is not installed, or return an empty string."""
    programs = ("chromium", "chromedriver")
    return ", ".join(name for name in programs if shutil.which(name) is None)


class WebDriverError(Exception):
    """The browser refused a command."""


class Browser:
    """One browser window with a fresh profile."""

    def __init__(self, profile: Path) -> None:
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._session = ""
        try:
            self._base = f"http://127.0.0.1:{self._port()}"
            options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
            made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self._session = f"/session/{made['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _port(self) -> int:
        assert self._driver.stdout is not None
        for line in self._driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                return int(found[1])
        raise WebDriverError("chromedriver did not start")

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self._base + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                refusal = json.load(error)["value"]
            raise WebDriverError(f"{refusal['error']}: {refusal['message']}") from None

    def close(self) -> None:
        """End the browser and its driver."""
        try:
            if self._session:
                self._send("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.wait()
            if self._driver.stdout is not None:
                self._driver.stdout.close()

    def go(self, url: str) -> None:
        """Open a page and wait until it has loaded."""
        self._send("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page; a promise that it returns is waited for."""
        command = {"script": script, "args": list(arguments)}
        return self._send("POST", f"{self._session}/execute/sync", command)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Send a command of the Chrome DevTools protocol."""
        body = {"cmd": command, "params": parameters}
        return self._send("POST", f"{self._session}/goog/cdp/execute", body)

    def _element(self, selector: str) -> str:
        query = {"using": "css selector", "value": selector}
        found = self._send("POST", f"{self._session}/element", query)
        return f"{self._session}/element/{found[ELEMENT]}"

    def click(self, selector: str) -> None:
        """Click on an element as a mouse does."""
        self._send("POST", f"{self._element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into an element; for a file input, the path of the file."""
        self._send("POST", f"{self._element(selector)}/value", {"text": text})

    def clear(self, selector: str) -> None:
        """Empty a field."""
        self._send("POST", f"{self._element(selector)}/clear", {})

    def text(self, selector: str) -> str:
        """The text of an element as it is shown."""
        return str(self._send("GET", f"{self._element(selector)}/text"))

    def wait(self, script: str, *arguments: Any) -> Any:
        """Run a script again and again until what it returns is true, and return that."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            try:
                if value := self.run(script, *arguments):
                    return value
            except WebDriverError as error:
                if "javascript error" not in str(error):  # the page is on its way to another
                    raise
            time.sleep(0.02)
        raise AssertionError(f"still not so: {script}; the page:\n{self.text('main')}")

    def wait_for_text(self, selector: str, text: str) -> None:
        """Wait until an element contains some text."""
        self.wait(
            "return document.querySelector(arguments[0])?.textContent.includes(arguments[1])",
            selector,
            text,
        )

    def complaints(self) -> list[str]:
        """The console's warnings and errors since the last call."""
        entries = self._send("POST", f"{self._session}/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] in ("WARNING", "SEVERE")]

    def traffic(self) -> list[tuple[str, dict[str, Any]]]:
        """The network events of the browser since the last call: name and parameters."""
        entries = self._send("POST", f"{self._session}/se/log", {"type": "performance"})
        events = (json.loads(entry["message"])["message"] for entry in entries)
        return [(e["method"], e["params"]) for e in events if e["method"].startswith("Network.")]
