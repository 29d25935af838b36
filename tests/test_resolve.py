"""Every policy on a tiny tree with a small conf of its own: what comes out, who refuses, and whose fault it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import atomic, intent, kconfig, localtree, policy, resolve, run, showing
from pipeline.errors import HostError
from pipeline.model import DirectorySource, Loudness
from pipeline.slots import Slots
from pipeline.values import Resolution
from tests import fakematrix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.engine import Engine

    Carry = Callable[..., dict[str, Resolution | HostError]]

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("trees")]
NAMES = tuple(policy.policies())
EOF = "Error in reading or end of file."
QUESTION = "Microsoft Hyper-V VMBus driver (HYPERV_VMBUS) [Y/?] (NEW)"
# the old config of a tree from before the split, mended by hand: the bus is new here, and everybody is asked for it
MENDED = fakematrix.OLD.replace("HYPERV=m", "HYPERV=y")


@pytest.fixture
def carry(engine: Engine, toolchain: str, trees: str, tmp_path: Path, faketree: Path) -> Carry:
    """Resolves an old .config and its fragments under some policies; what came of each."""
    assert trees  # a store of the test's own

    def carried(
        names: str | tuple[str, ...], *layers: str, ways: dict[str, policy.Policy] | None = None, fresh: bool = False,
    ) -> dict[str, Resolution | HostError]:  # fmt: skip
        known, wanted = ways or policy.policies(), names.split() if isinstance(names, str) else names
        tree = localtree.directory(
            engine, DirectorySource(name="s", path=faketree), toolchain, tmp_path / "cache", lambda _: None,
        )  # fmt: skip
        old = kconfig.compose([kconfig.parse(text.encode(), "x") for text in layers])
        asked = [resolve.Asked(kconfig.render(old.values()), layers, known[name]) for name in wanted]
        found = resolve.resolve(
            engine, tree, asked, tmp_path / "cache", slots=Slots(2), jobs=2, fresh=fresh,
        )  # fmt: skip
        return dict(zip(wanted, found, strict=True))

    return carried


def good(found: Resolution | HostError) -> Resolution:
    assert isinstance(found, Resolution), found
    return found


def bus(found: Resolution | HostError) -> str:
    return kconfig.values(good(found).final).get("HYPERV_VMBUS", "-")


def test_each_policy_carries_it_over_in_its_own_way(carry: Carry) -> None:
    fragment = "CONFIG_HYPERV_BALLOON=y\n"
    found = carry(NAMES, MENDED, fragment)
    assert {name: bus(one) for name, one in found.items() if name != "merge-s"} == {
        "olddefconfig": "y", "oldconfig-eof": "y", "oldconfig-enter": "y", "syncconfig": "y", "merge": "y",
        "merge-n": "n", "allnoconfig": "n", "alldefconfig": "y", "savedefconfig": "y", "localmodconfig": "y",
        "explicit-core": "y", "explicit-split": "m", "werror": "y", "w-c": "y", "listnewconfig": "y",
    }  # fmt: skip
    refused = {name for name, one in found.items() if good(one).exit_status}
    assert refused == {"merge-s"}
    changes = {change.symbol: change for change in good(found["merge-n"]).changes}
    assert changes["HYPERV_BALLOON"].parents == ("HYPERV_VMBUS",)
    balloon = {name: kconfig.values(good(one).final).get("HYPERV_BALLOON") for name, one in found.items()}
    assert balloon["merge"] == balloon["olddefconfig"] == "y"
    assert balloon["explicit-split"] == "m"


def test_what_was_run_can_be_typed(carry: Carry) -> None:
    found = carry("olddefconfig merge-n werror savedefconfig explicit-core allnoconfig", MENDED, "CONFIG_ACPI=y\n")
    assert {name: list(good(one).commands) for name, one in found.items()} == {
        "olddefconfig": ["make olddefconfig"],
        "merge-n": ["/src/scripts/kconfig/merge_config.sh -n layer-0.config layer-1.config"],
        "werror": ["KCONFIG_WERROR=1 make olddefconfig"],
        "savedefconfig": ["make savedefconfig", "make KCONFIG_ALLCONFIG=defconfig alldefconfig"],
        "explicit-core": ["/src/scripts/config --file .config --enable HYPERV", "make olddefconfig"],
        "allnoconfig": ["make KCONFIG_ALLCONFIG=old.config allnoconfig"],
    }


def test_enter_is_pressed_or_the_input_ends(carry: Carry) -> None:
    found = {name: good(one) for name, one in carry("oldconfig-eof oldconfig-enter syncconfig", MENDED).items()}
    assert all(QUESTION in one.stdout for one in found.values())
    assert {name: EOF in one.stderr for name, one in found.items()} == {
        "oldconfig-eof": True, "oldconfig-enter": False, "syncconfig": True,
    }  # fmt: skip


def test_enter_is_pressed_at_every_question(carry: Carry, faketree: Path) -> None:
    more = "".join(f'config NEW_{number}\n\tbool "new"\n\tdefault y\n' for number in range(50))
    (faketree / "drivers/hv/Kconfig").write_text((faketree / "drivers/hv/Kconfig").read_text() + more)
    found = good(carry("oldconfig-enter", MENDED)["oldconfig-enter"])
    assert found.stdout.count("(NEW)") == 51
    assert EOF not in found.stderr
    assert kconfig.values(found.final)["NEW_49"] == "y"


def test_a_policy_that_refuses_is_refused_and_no_error(carry: Carry) -> None:
    found = {name: good(one) for name, one in carry("werror merge-s olddefconfig", fakematrix.OLD, MENDED).items()}
    assert found["olddefconfig"].exit_status == 0
    assert found["merge-s"].exit_status != 0
    assert "Value of CONFIG_HYPERV is redefined by fragment" in found["merge-s"].stdout
    assert found["merge-s"].final == ""
    lost = good(carry("werror", fakematrix.OLD)["werror"])
    assert lost.exit_status != 0
    assert ".config:4:warning: symbol value 'm' invalid for HYPERV" in lost.stderr
    assert kconfig.values(lost.final)["HYPERV"] == "m"  # as it was
    assert intent.loudness(intent.HYPERV, lost) is Loudness.REFUSED


def test_a_policy_that_the_tree_does_not_have(carry: Carry, faketree: Path) -> None:
    assert bus(carry("w-c", MENDED)["w-c"]) == "y"
    (faketree / "scripts/kconfig/Makefile").write_text("# nothing\n")
    (faketree / "scripts/kconfig/merge_config.sh").unlink()
    found = {name: good(one) for name, one in carry("w-c merge-s", MENDED).items()}
    assert found["w-c"].absent == "w-c: this tree's scripts/kconfig/Makefile has no KCONFIG_WARN"
    assert found["merge-s"].absent == 'merge-s: this tree\'s scripts/kconfig/merge_config.sh has no "-s")'
    assert all(one.commands == () for one in found.values())


def test_a_cell_whose_policy_is_absent_is_skipped_with_the_reason(tmp_path: Path, faketree: Path) -> None:
    (faketree / "scripts/kconfig/Makefile").write_text("# nothing\n")
    fakematrix.write(tmp_path, faketree, policies="w-c, olddefconfig")
    assert run.run(fakematrix.options(tmp_path, "resolve")) == showing.UNAVAILABLE
    first, second = fakematrix.records(tmp_path)
    assert (first["status"], second["status"]) == ("SKIP", "PASS")
    assert first["reason"] == "w-c: this tree's scripts/kconfig/Makefile has no KCONFIG_WARN"


def test_a_target_that_is_missing_is_our_error_and_that_of_one_cell(carry: Carry, faketree: Path) -> None:
    makefile = faketree / "Makefile"
    makefile.write_text(makefile.read_text().replace(" allnoconfig", ""))
    found = carry("allnoconfig olddefconfig", MENDED)
    error = found["allnoconfig"]
    assert isinstance(error, HostError)
    assert "No rule to make target 'allnoconfig'" in error.details
    assert bus(found["olddefconfig"]) == "y"


@pytest.mark.parametrize(
    "line",
    ["flex: not found", "/bin/sh: 1: bison: not found", "cc1: No space left on device", "sh: gcc: command not found"],
)
def test_what_the_host_lacks_is_never_a_refusal(carry: Carry, faketree: Path, line: str) -> None:
    makefile = faketree / "Makefile"
    told = ".config:1:warning: symbol value 'm' invalid for HYPERV"
    text = f"\t@[ $@ != oldconfig ] || {{ echo \"{told}\" >&2; echo '{line}' >&2; exit 1; }}\n\t@$(CONF) $@"
    makefile.write_text(makefile.read_text().replace("\t@$(CONF) $@", text, 1))
    error = carry("oldconfig-eof", MENDED)["oldconfig-eof"]
    assert isinstance(error, HostError)
    assert line in error.details


def test_conf_that_cannot_be_run_at_all(carry: Carry, faketree: Path) -> None:
    (faketree / "scripts/kconfig/conf").unlink()
    with pytest.raises(HostError, match="the tree's own conf cannot be built or run") as caught:
        carry("olddefconfig", MENDED)
    assert "scripts/kconfig/conf" in caught.value.details


def test_a_policy_that_takes_for_ever_is_our_error(
    carry: Carry, faketree: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(resolve, "CONF_SECONDS", 15)
    makefile = faketree / "Makefile"
    text = "\t@[ $@ != oldconfig ] || sleep 60\n\t@$(CONF) $@"
    makefile.write_text(makefile.read_text().replace("\t@$(CONF) $@", text, 1))
    error = carry("oldconfig-eof", MENDED)["oldconfig-eof"]
    assert isinstance(error, HostError)
    assert "exit 124" in error.brief


def test_what_is_known_is_not_run_again(carry: Carry, faketree: Path, tmp_path: Path) -> None:
    first = good(carry("olddefconfig", MENDED)["olddefconfig"])
    assert not first.reused
    again = good(carry("olddefconfig", MENDED)["olddefconfig"])
    assert again.reused
    assert (again.final, again.changes, again.commands) == (first.final, first.changes, first.commands)
    assert not good(carry("olddefconfig", MENDED, fresh=True)["olddefconfig"]).reused
    for memo in (tmp_path / "cache" / "resolutions").iterdir():
        fields = atomic.read_note(memo)
        assert fields
        atomic.write_note(memo, {**fields, "changes": [{"symbol": "X"}], "unknown": 1})
    assert not good(carry("olddefconfig", MENDED)["olddefconfig"]).reused
    (faketree / "drivers/hv/Kconfig").write_text('config HYPERV\n\tbool "core"\n')
    assert not good(carry("olddefconfig", MENDED)["olddefconfig"]).reused


def test_fragments_matter_to_those_that_merge(carry: Carry) -> None:
    whole = MENDED.replace("BALLOON=m", "BALLOON=y")
    assert not good(carry("merge", whole)["merge"]).reused
    found = {name: good(one) for name, one in carry("merge olddefconfig", MENDED, "CONFIG_HYPERV_BALLOON=y\n").items()}
    assert not found["merge"].reused
    assert "Value of CONFIG_HYPERV_BALLOON is redefined by fragment layer-1.config" in found["merge"].stdout
    assert good(carry("olddefconfig", whole)["olddefconfig"]).reused  # the same text in one file
