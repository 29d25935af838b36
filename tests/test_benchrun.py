"""A whole `bench build` on a tree that builds in no time; it is interrupted once."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from docker.errors import NotFound

from pipeline import benchbuild, benchpage, benchpeers, benchsums, ccache, objecttrees
from pipeline.errors import UserError
from tests import fakematrix, tinykernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.benchpeers import Floor, Piece
    from pipeline.benchsums import Spent
    from pipeline.engine import Engine

pytestmark = pytest.mark.docker


@pytest.fixture
def own(engine: Engine, trees: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Caches of the test's own: nothing of what the engine keeps for its user is emptied."""
    del trees
    name = f"hvmatrix-test-{secrets.token_hex(6)}"
    monkeypatch.setattr(objecttrees, "LABEL", f"org.hvmatrix.{name}")
    monkeypatch.setattr(objecttrees, "NAME", f"{objecttrees.NAME}-{name}")
    monkeypatch.setattr(ccache, "PREFIX", f"{name}-ccache")
    monkeypatch.setattr(ccache, "SHARED", f"{name}-ccache-debian")
    monkeypatch.setattr(benchpeers, "VOLUME", f"{name}-bench")
    yield
    ccache.forget(engine)
    with suppress(NotFound):
        engine.client.volumes.get(f"{name}-bench").remove(force=True)


def matrix(folder: Path) -> None:
    """A plain and a patched tree, with one config each."""
    tree = tinykernel.write(folder / "tiny")
    (folder / "word.patch").write_text(tinykernel.PATCH.format("patched"))
    path = fakematrix.write(folder, tree)
    text = path.read_text().replace("{v: {source: s}}", "{v: {source: s}, w: {source: s, patches: [word.patch]}}")
    path.write_text(text.replace("variants: [v]", "variants: [v, w]"))


@pytest.mark.usefixtures("own")
def test_a_measurement_that_is_interrupted_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix(tmp_path)
    calls: list[str] = []
    build = benchpeers.Floor.build

    def interrupted(floor: Floor, piece: Piece, before: Piece | None) -> Spent:
        calls.append(piece.cell)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return build(floor, piece, before)

    monkeypatch.setattr(benchpeers.Floor, "build", interrupted)
    options = fakematrix.options(tmp_path, jobs=1)
    with pytest.raises(KeyboardInterrupt):
        benchbuild.measure(options, 1, changed=("w", "none"))
    found = benchbuild.measure(options, 1, changed=("w", "none"))
    assert calls == [calls[0], calls[1], calls[1]]
    assert found["facts"]["interrupted"].startswith("yes")
    assert {one["series"]: (one["built"], one["measured"], one["pieces"]) for one in found["totals"]} == {
        benchsums.FLOOR: (2, 2, 2), benchsums.COLD: (2, 2, 2), benchsums.WARM: (2, 2, 2),
        "this pipeline, cold": (2, 2, 2), "this pipeline, w changed (word.c)": (1, 1, 1),
        "this pipeline, nothing changed": (0, 1, 1),
    }  # fmt: skip
    assert found["ratios"][benchsums.FLOOR] == 1
    assert found["kinds"][benchsums.FIRST] == {"measured": 2, "pieces": 2}
    page = benchpage.page({**found, "date": "2026-11-23", "machine": "this one"})
    assert "in more than one go, on this one" in " ".join(page.split())
    assert [path.name for path in (tmp_path / "cache").glob("bench*")] == ["bench"]
    assert {path.name for path in (tmp_path / "cache" / "bench").iterdir()} == {"build-ours.last", "build-peers.last"}


def test_a_number_of_kernels_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--sample 0"):
        benchbuild.measure(fakematrix.options(tmp_path), 1, 0)
