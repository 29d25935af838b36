"""A run as one page that needs nothing else: no network, light and dark, for a keyboard and a screen reader too.

Jinja escapes what stands in the frame, and all else is data that the page's own script puts in as text. The page's
policy lets this one script run and no other.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pipeline import pagedata

if TYPE_CHECKING:
    from jinja2 import Template

    from pipeline.reportrun import Report

FOLDER = Path(__file__).resolve().parent / "page"
SCRIPTS = ("page.js", "detail.js", "timeline.js")


def written(run: Report) -> str:
    """The page."""
    value = pagedata.data(run)
    style, script = _part("page.css"), "\n".join(map(_part, SCRIPTS))
    head = {name: value["run"][name] for name in ("name", "through", "totals", "heads", "place")}
    variants = len({one["variant"] for one in run.cells})
    return _template().render(
        **head, variants=variants, data=_raw(pagedata.as_json(value)), style=_raw(style), script=_raw(script),
        style_hash=_hash(style), script_hash=_hash(script),
    )  # fmt: skip


def _raw(text: str) -> Markup:
    """What is ours, or escaped already: it goes into the page as it is."""
    return Markup(text)  # noqa: S704 - as above


@lru_cache
def _part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").replace("\r", "")


@lru_cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(_part("page.html.j2"))


def _hash(text: str) -> str:
    """The digest by which the page's policy knows its own style and script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
