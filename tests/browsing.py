"""A page in a real browser, in a container without network: steps in, answers out."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from pipeline import archive, bootstrap, images
from pipeline.container import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.engine import Engine

Step = tuple[str, Any]
PAGE = "file:///work/page.html"
LIMITS = Limits(memory=3072, seconds=300, processes=512)


def driven(engine: Engine, page: str, steps: Sequence[Step], address: str = PAGE) -> list[Any]:
    """The browser's answers to some steps of its protocol, each a method and its parameters, with the page opened."""
    asked = [("Page.navigate", {"url": address}), *steps]
    files = {"page.html": page.encode(), "steps": "\n".join(map(json.dumps, asked)).encode()}
    tag = images.browser(engine, bootstrap.say)
    with engine.container(tag, limits=LIMITS) as box:
        box.put("/work", _packed(files))
        environment = {"HOME": "/tmp"}  # noqa: S108 - in the container
        done = box.run(["drive", "/work/steps"], seconds=200, environment=environment)
    assert done.exit_status == 0, done.log
    return [json.loads(line) for line in done.stdout.splitlines()][1:]


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), archive.READABLE
            out.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def run(script: str) -> Step:
    """A step that evaluates JavaScript in the page and answers its value."""
    return ("Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True})


def value(answer: dict[str, Any]) -> Any:
    """What a script came to. Raises AssertionError when it failed."""
    assert "exceptionDetails" not in answer, answer
    return answer["result"].get("value")


def screen(width: int, height: int, scheme: str) -> list[Step]:
    """Steps to a screen of so many pixels with a colour scheme, light or dark."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    return [("Emulation.setDeviceMetricsOverride", size), ("Emulation.setEmulatedMedia", media)]


SHOT: Step = ("Page.captureScreenshot", {"format": "png"})


def picture(answer: dict[str, Any]) -> bytes:
    """The PNG that SHOT answers."""
    return base64.b64decode(answer["data"])


def key(name: str) -> list[Step]:
    """Steps that press and let go a key."""
    codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowLeft": 37, "ArrowDown": 40, "ArrowUp": 38}
    more = {"text": "\r"} if name == "Enter" else {}
    facts = {"key": name, "code": name, "windowsVirtualKeyCode": codes[name]}
    down = {"type": "keyDown" if more else "rawKeyDown", **facts, **more}
    return [("Input.dispatchKeyEvent", down), ("Input.dispatchKeyEvent", {"type": "keyUp", **facts})]
