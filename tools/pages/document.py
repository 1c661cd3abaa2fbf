"""A whole HTML document in one string, and files as parts of it: nothing is fetched from elsewhere."""

import base64
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("style.css")

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".wav": "audio/wav", ".mp4": "video/mp4"}


def document(title: str, body: str) -> str:
    """`body` is HTML; it stands in a column under the project's style, which follows light and dark."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text()}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def inline(path: Path) -> str:
    """A file as a `data:` address, so that the page needs no other file."""
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def media(address: str, suffix: str, alt: str = "") -> str:
    """A picture, a player or a clip that runs, by the suffix of its file."""
    source, title = escape(address), f' title="{escape(alt)}"' if alt else ""
    if suffix == ".mp4":
        return f'<video src="{source}"{title} autoplay loop muted playsinline></video>'
    if suffix == ".wav":
        return f'<audio controls preload="none" src="{source}"{title}></audio>'
    return f'<img src="{source}" alt="{escape(alt)}">'
