from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from pipeline import atomic, goals, goalsource, intent, source
from pipeline.errors import HostError
from pipeline.model import DirectorySource, Intent, Ladder, Targets, Variant
from pipeline.values import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.engine import Engine

NOWHERE = cast("Engine", None)  # whoever asks it for a container fails
TREE = Tree(variant="v", image="i", digest="d", origin="")
MANY = "".join(f"CONFIG_FILL{number}=m\n" for number in range(goals.FEW + 1))
FULL = f"{MANY}CONFIG_HYPERV=y\nCONFIG_HYPERV_VMBUS=m\nCONFIG_HYPERV_BALLOON=m\n"
BUS, BALLOON = "drivers/hv/hv_vmbus.ko", "drivers/hv/hv_balloon.ko"


@pytest.fixture(autouse=True)
def nothing_read() -> Iterator[None]:
    goalsource._texts.clear()
    yield
    goalsource._texts.clear()


@pytest.fixture
def tree(engine: Engine, toolchain: str, trees: str, tmp_path: Path, faketree: Path) -> Tree:
    assert trees  # a store of the test's own
    (faketree / "Kbuild").write_text("obj-y += drivers/\n")
    (faketree / "drivers" / "Makefile").write_text("obj-y += hv/\n")
    wanted = Variant(name="v", source=DirectorySource(name="s", path=faketree))
    return source.tree(engine, wanted, toolchain, tmp_path / "cache", fresh=False, say=lambda _: None)


def of(engine: Engine, tree: Tree, cache: Path, final: str = FULL, meant: Intent = intent.HYPERV) -> tuple[str, ...]:
    return goalsource.of(engine, tree, final, meant, cache)


def test_nobody_reads_a_tree_for_everything(tmp_path: Path) -> None:
    assert goalsource.of(NOWHERE, TREE, FULL, intent.HYPERV, tmp_path, targets=Targets.ALL) == goals.ALL
    assert of(NOWHERE, TREE, tmp_path, "CONFIG_HYPERV=y\nCONFIG_HYPERV_VMBUS=m\n") == goals.ALL
    assert list(tmp_path.iterdir()) == []


@pytest.mark.docker
def test_the_goals_of_a_tree_are_kept(engine: Engine, tree: Tree, tmp_path: Path) -> None:
    cache = tmp_path / "goals"
    found = of(engine, tree, cache)
    assert found == (goals.IMAGE, BALLOON, BUS)
    assert of(NOWHERE, tree, cache) == found
    assert of(NOWHERE, tree, cache, "# a comment\n# CONFIG_NEW is not set\n" + FULL) == found


@pytest.mark.docker
def test_other_configs_and_intents_have_goals_of_their_own(engine: Engine, tree: Tree, tmp_path: Path) -> None:
    cache = tmp_path / "goals"
    assert of(engine, tree, cache) == (goals.IMAGE, BALLOON, BUS)
    assert of(NOWHERE, tree, cache, FULL.replace("BALLOON=m", "BALLOON=y")) == (goals.IMAGE, BUS)  # the texts are there
    assert of(NOWHERE, tree, cache, MANY) == (goals.IMAGE,)
    own = Intent(name="own", symbols=(("FILL1", Ladder.BOOTED),))
    assert of(NOWHERE, tree, cache, FULL, own) == (goals.IMAGE, BALLOON, BUS)
    assert len(list((cache / "goals").iterdir())) == 4
    with pytest.raises(AttributeError):
        of(NOWHERE, replace(tree, digest="another"), cache)


@pytest.mark.docker
@pytest.mark.parametrize("damage", ["", "{}", "[]", '["drivers/hv/hv_vmbus.ko"]', '["bzImage", 1]'])
def test_a_damaged_answer_is_asked_for_again(engine: Engine, tree: Tree, tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "goals"
    found = of(engine, tree, cache)
    (memo,) = (cache / "goals").iterdir()
    atomic.write(memo, damage)
    assert of(NOWHERE, tree, cache) == found
    assert atomic.read_note(memo) == list(found)


@pytest.mark.docker
def test_a_fresh_run_asks_again(engine: Engine, tree: Tree, tmp_path: Path) -> None:
    of(engine, tree, tmp_path)
    (memo,) = (tmp_path / "goals").iterdir()
    atomic.write_note(memo, [goals.IMAGE])
    assert of(NOWHERE, tree, tmp_path) == (goals.IMAGE,)
    assert len(goalsource.of(NOWHERE, tree, FULL, intent.HYPERV, tmp_path, fresh=True)) == 3


@pytest.mark.docker
def test_a_tree_without_texts_is_no_tree(engine: Engine, toolchain: str, tmp_path: Path) -> None:
    with pytest.raises(HostError):
        of(engine, replace(TREE, image=f"{toolchain}-none"), tmp_path)
