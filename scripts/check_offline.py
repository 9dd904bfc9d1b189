"""Check that a built website loads nothing from another host: `python scripts/check_offline.py site`.

Ordinary links (`<a href>`) may leave the site, since a browser follows them only when somebody clicks. Whatever a
browser loads by itself may not: scripts, style sheets, fonts, pictures, frames, connections opened in advance, and
addresses inside scripts.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LOADED = {"src", "srcset", "data", "poster", "href", "action", "content"}
"""Attributes whose addresses a browser may load."""
FOLLOWED = {("a", "href"), ("area", "href"), ("meta", "content"), ("link", "canonical")}
"""Those that it does not load by itself; `link` with rel=canonical is a name."""
ADDRESS = re.compile(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"'`<>)]*", re.I)
NAMES = ("http://www.w3.org/",)
"""Namespaces of SVG and the like: names, not addresses."""
UNUSED = {
    "https://unpkg.com/resize-observer-polyfill": "for browsers without ResizeObserver; none has lacked it since 2020",
    "https://unpkg.com/mermaid": "for pages with a diagram; see DIAGRAM",
    "https://api.github.com": "for sites with a repository button; see BUTTON",
    "https://${e}/api/v4": "likewise",
    "https://bit.ly": "in the text of a warning",
}
"""What Material's own script could load, and does not on this site."""
OTHERS = "assets/javascripts/lunr/"
"""Material's search in languages that this site does not use: never loaded."""
DIAGRAM, BUTTON = 'class="mermaid"', 'data-md-component="source"'


class _Page(HTMLParser):
    """Collect the addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.inside: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read the attributes of an element."""
        values = {name: value or "" for name, value in attrs}
        self.inside = {"script": self.scripts, "style": self.styles}.get(tag)
        self.styles.append(values.get("style", ""))
        for name, value in values.items():
            names_only = (tag, name) in FOLLOWED or (
                tag == "link" and values.get("rel") in ("canonical", "next", "prev")
            )
            if name in LOADED and not names_only and ADDRESS.match(value.strip()):
                self.loaded.append(value.strip())

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style."""
        self.inside = None

    def handle_data(self, data: str) -> None:
        """Keep the text of scripts and styles."""
        if self.inside is not None:
            self.inside.append(data)


def loaded_by_style(text: str) -> list[str]:
    """Return the addresses on other hosts that a style sheet loads."""
    return [a for a in re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", text) if ADDRESS.match(a)]


def loaded_by_script(text: str) -> list[str]:
    """Return the addresses inside a script, except namespaces, comments and what this site does not use."""
    code = re.sub(r"/\*.*?\*/|(?:^|(?<=\s))//[^\n]*", "", text, flags=re.S | re.M)
    found = [match[0] for match in re.finditer(r"(?:https?:)//[\w.$-][^\s\"'`<>)]*", code)]
    return [address for address in found if not address.startswith((*NAMES, *UNUSED))]


def loaded_by_page(text: str) -> list[str]:
    """Return the addresses on other hosts that a page loads."""
    page = _Page()
    page.feed(text)
    out = page.loaded + loaded_by_style("\n".join(page.styles)) + loaded_by_script("\n".join(page.scripts))
    return out + [mark for mark in (DIAGRAM, BUTTON) if mark in text]


KINDS = {".html": loaded_by_page, ".css": loaded_by_style, ".js": loaded_by_script, ".svg": loaded_by_page}


def check(site: Path) -> list[str]:
    """Return one line for each reference to another host in the files of a built site.

    Raises:
        ValueError: The folder holds no page.
    """
    files = sorted(
        path
        for path in site.rglob("*")
        if path.suffix in KINDS and not path.relative_to(site).as_posix().startswith(OTHERS)
    )
    if not any(path.suffix == ".html" for path in files):
        raise ValueError(f"{site} holds no page; build it first: make docs")
    return [
        f"{path.relative_to(site)}: {address}"
        for path in files
        for address in KINDS[path.suffix](path.read_text(encoding="utf-8"))
    ]


if __name__ == "__main__":
    lines = check(Path(sys.argv[1] if len(sys.argv) > 1 else "site"))
    print("\n".join(lines) or "no request to another host")
    sys.exit(bool(lines))
