"""Whether reports can harm who reads them: what a submission says must be shown as text only."""

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

TAGS = ("script", "iframe", "object", "embed", "img", "form", "base", "marquee")
PAGES = ("html", "lab")


def dangers(reports: Path) -> list[str]:
    """What is wrong with the reports in a folder, in words."""
    found = []
    texts = {path.name: path.read_bytes() for path in sorted(reports.iterdir())}
    for name, data in texts.items():
        if size := len(data) // 1_000_000:
            found.append(f"the report {name} has {size} MB")
        if b"\x1b" in data or b"\x00" in data:
            found.append(f"the report {name} has control characters")
    for name in ("json", "gradescope"):
        if problem := _not_json(texts[name]):
            found.append(f"the report {name} is not JSON: {problem}")
    try:
        ElementTree.fromstring(texts["junit"])
    except ElementTree.ParseError as error:
        found.append(f"the report junit is not XML: {error}")
    for name in PAGES:
        page = _Page()
        page.feed(texts[name].decode())
        found += [f"the report {name} has {what}" for what in page.found]
    return found


def _not_json(data: bytes) -> str:
    try:
        json.loads(data, parse_constant=_refuse)
        return ""
    except ValueError as error:
        return str(error)


def _refuse(name: str):
    raise ValueError(f"{name} is no number")


class _Page(HTMLParser):
    """Elements and attributes that run something, load something, or come from a submission."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in TAGS:
            self.found.append(f"an element {tag}")
        for name, value in attributes:
            if tag == "link" and name == "href" and not (value or "").startswith("data:"):
                self.found.append(f"a link to {value}")
            if name.startswith("on") or "javascript:" in (value or "").lower():
                self.found.append(f"an attribute {name} of {tag}")
            if "owned" in (value or ""):
                self.found.append(f"an element {tag} of the submission's")
