"""JupyterLab in a folder, as a person starts it, and its cells in a real browser."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SECONDS = 1000  # of playwright's milliseconds


class Server:
    """A server of its own for `folder`; what it says is in folder / jupyter.log. close() it."""

    def __init__(self, folder: Path, environment: dict[str, str], *options: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.token = secrets.token_hex(8)
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "jupyter.log"
        command = [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1"),
            *(f"--port={port}", f"--IdentityProvider.token={self.token}", "--allow-root"),
            *options,
        ]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 90
        while True:
            try:
                self.get("status")
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
                time.sleep(0.3)

    def get(self, what: str):
        """What the server's REST API says."""
        with urllib.request.urlopen(f"{self.url}/api/{what}?token={self.token}", timeout=5) as said:
            return json.load(said)

    def open(self, browser, path: str, width: int = 1440, height: int = 900):
        """A page of it, in the browser."""
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60 * SECONDS)
        page.goto(f"{self.url}{path}{'&' if '?' in path else '?'}token={self.token}")
        return page

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)  # it ends its kernels
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)


def run_cell(page, source: str = ""):
    """Run the first cell that has `source` in it, by keyboard; its output area.

    Where Jupyter takes the keys for something else (it is still starting, a message pops up), they
    are pressed again.
    """
    cell = page.locator(".jp-Notebook .jp-CodeCell").filter(has_text=source).first
    prompt = cell.locator(".jp-InputPrompt")
    ready = "document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"
    page.wait_for_function(ready, timeout=120 * SECONDS)
    before, running = prompt.inner_text(), re.compile(r"\[(\*|\d+)\]")
    for _ in range(6):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        end = time.monotonic() + 10
        while time.monotonic() < end:
            now = prompt.inner_text()
            if now != before and running.search(now):
                return cell.locator(".jp-OutputArea").first
            page.wait_for_timeout(50)
    raise AssertionError(f"the cell does not run: {page.locator('body').inner_text()}")
