"""Check the built site: python docs/check_site.py docs/_build/html.

Every internal link and anchor must resolve. Pages must not load anything from another host. Every gallery
page must have a picture that is not empty.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import matplotlib.image
import numpy as np

#: Attributes of tags with files that the browser loads, and with links that a reader can follow.
_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """Anchors, links and loaded files of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.loaded = {"", "top"}, [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        loaded = attributes.get(_LOADED.get(tag, ""))
        if loaded and attributes.get("rel") not in ("canonical", "search", "index", "next", "prev"):
            self.loaded.append(loaded)


def check_links(root: Path) -> list[str]:
    """One line for each broken link, and for each file that would be loaded from another host."""
    pages = {path: Page(path) for path in sorted(root.rglob("*.html")) if "_static" not in path.parts}
    faults = []
    for path, page in pages.items():
        shown = path.relative_to(root)
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    faults.append(f"{shown}: loads {link} from another host")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                faults.append(f"{shown}: no such file: {link}")
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                faults.append(f"{shown}: no such place: {link}")
    return faults


def check_gallery(root: Path) -> list[str]:
    """One line for each gallery page without a picture, and for each picture with a single colour."""
    faults = []
    scripts = sorted((Path(__file__).resolve().parent.parent / "examples").glob("plot_*.py"))
    for script in scripts:
        pictures = sorted((root / "_images").glob(f"sphx_glr_{script.stem}_0*.png"))
        if not pictures:
            faults.append(f"{script.name}: its page has no picture")
        for picture in pictures:
            pixels = matplotlib.image.imread(picture)
            if np.ptp(pixels.reshape(-1, pixels.shape[-1]), axis=0).max() == 0:
                faults.append(f"{picture.name}: is empty")
    return faults


def main() -> None:
    root = Path(sys.argv[1]).resolve()
    faults = check_links(root) + check_gallery(root)
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
