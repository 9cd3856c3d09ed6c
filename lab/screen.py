"""Where results appear: in a notebook rich HTML with a plain text beside it, elsewhere plain text.

A screen is one output that changes while something is at work, and then holds the result.
"""

import html
import io
import sys
import time
from contextlib import contextmanager
from uuid import uuid4

from rich.console import Console
from rich.text import Text

from lab.trouble import Trouble

WIDTH = 100  # columns of plain text
BETWEEN = 0.1  # seconds, at least, between two states of a text that grows


def in_notebook() -> bool:
    """Whether a frontend shows what is displayed: JupyterLab, Notebook, VS Code, nbconvert."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return getattr(shell, "kernel", None) is not None


class Notebook:
    """Replaces its one output each time."""

    def __init__(self) -> None:
        self._id = ""
        self._poured, self._shown = "", 0.0
        self._known = "", ""

    def work(self, doing: str, seconds: float, body: str = "", text: str = "") -> None:
        """What is being done, for how long. body, text: what is known so far, as HTML and text."""
        line = f"{doing} … {seconds:.0f} s"
        self._known = body, text
        self.show(
            f'<div class="mingpt-lab-work" style="opacity:.75;padding:.3rem 0">{html.escape(line)}'
            "</div>" + body,
            f"{text}\n{line}".strip(),
        )

    def show(self, body: str, text: str) -> None:
        self.put({"text/html": body, "text/plain": text})

    def put(self, data: dict) -> None:
        """What is shown now: by MIME type."""
        from IPython.display import display, update_display

        if self._id:
            update_display(data, raw=True, display_id=self._id)
        else:
            self._id = uuid4().hex
            display(data, raw=True, display_id=self._id)

    def pour(self, piece: str) -> None:
        """More of a text that comes piece by piece."""
        self._poured += piece
        if time.monotonic() - self._shown > BETWEEN:
            self._shown = time.monotonic()
            self.show(preformatted(self._poured), self._poured)

    def drain(self, rest: str) -> None:
        """The end of that text, and what stands below it."""
        text = f"{self._poured}\n{rest}".rstrip()
        self.show(preformatted(text), text)

    def stop(self) -> None:
        """It was interrupted: what is known so far stays."""
        body, text = (preformatted(self._poured), self._poured) if self._poured else self._known
        self.show(body + preformatted("Interrupted."), f"{text}\nInterrupted.".lstrip())

    def close(self) -> None:
        pass


class Terminal:
    """Prints results; on a terminal a line below them says what is being done."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False, force_jupyter=False)
        self._status = None

    def work(self, doing: str, seconds: float, body: str = "", text: str = "") -> None:
        if not self._console.is_terminal:
            return
        line = Text(f"{doing} … {seconds:.0f} s")
        if self._status is None:
            self._status = self._console.status(line)
            self._status.start()
        self._status.update(line)

    def show(self, body: str, text: str) -> None:
        self.put({"text/plain": text})

    def put(self, data: dict) -> None:
        self.close()
        print(data["text/plain"])

    def pour(self, piece: str) -> None:
        print(piece, end="", flush=True)

    def drain(self, rest: str) -> None:
        print(f"\n{rest}")

    def stop(self) -> None:
        self.close()

    def close(self) -> None:
        if self._status:
            self._status.stop()
            self._status = None


def plain_console() -> Console:
    """Writes plain text into its `file`, wherever this runs (rich shows by itself in Jupyter)."""
    options = {"highlight": False, "markup": False, "emoji": False, "force_jupyter": False}
    options |= {"force_terminal": False}  # Jupyter asks programs for colours (FORCE_COLOR)
    return Console(file=io.StringIO(), width=WIDTH, color_system=None, **options)


@contextmanager
def screen():
    """A Notebook or a Terminal. A Trouble in the block is what it shows in the end."""
    made = Notebook() if in_notebook() else Terminal()
    try:
        yield made
    except Trouble as trouble:
        made.show(preformatted(str(trouble)), str(trouble))
        trouble.shown = True
        raise
    except KeyboardInterrupt:
        made.stop()
        raise
    finally:
        made.close()


def say(message: str) -> None:
    """A line or a few, such as what is wrong and what to do."""
    with screen() as out:
        out.show(preformatted(message), message)


def preformatted(text: str) -> str:
    """Plain text as HTML."""
    style = "white-space:pre-wrap;margin:.3rem 0;background:none;color:inherit"
    return f'<pre style="{style}">{html.escape(text)}</pre>'
