"""The .config that is carried over: from every form of base, with fragments, and what is no complete one."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from pipeline import debian, kconfig, oldconfig
from pipeline.errors import UserError
from pipeline.model import Config, DebianConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.oldconfig import Old

IMAGES = Path(__file__).parent / "golden" / "ikconfig"
TEXT = b"# a comment\nCONFIG_ACPI=y\nCONFIG_HYPERVISOR_GUEST=y\nCONFIG_HYPERV=m\n# CONFIG_XEN is not set\n"
PACKAGE = DebianConfig(suite="trixie", package="linux-config-6.12", flavour="amd64_none_amd64")
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data, "gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}  # fmt: skip


def old(folder: Path, base: bytes, *fragments: bytes) -> Old:
    (folder / "old.config").write_bytes(base)
    paths = [folder / f"{number}.config" for number in range(len(fragments))]
    for path, data in zip(paths, fragments, strict=True):
        path.write_bytes(data)
    return oldconfig.local(Config(name="mine", base=folder / "old.config", fragments=tuple(paths)))


def refused(folder: Path, base: bytes, *fragments: bytes) -> UserError:
    with pytest.raises(UserError) as caught:
        old(folder, base, *fragments)
    assert caught.value.hint
    return caught.value


def values(found: Old) -> dict[str, str]:
    return kconfig.values(found.text)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_base_in_any_packing(tmp_path: Path, packing: str) -> None:
    found = old(tmp_path, PACKINGS[packing](TEXT))
    assert values(found) == {"ACPI": "y", "HYPERVISOR_GUEST": "y", "HYPERV": "m", "XEN": "n"}
    assert found.origin == str(tmp_path / "old.config")
    assert found.options["HYPERV"].origin == f"{tmp_path}/old.config:4"


@pytest.mark.parametrize("image", sorted(path.name for path in IMAGES.glob("vmlinuz.*")))
def test_a_base_that_a_kernel_image_carries(tmp_path: Path, image: str) -> None:
    shutil.copy(IMAGES / image, tmp_path / "vmlinuz")
    fragment = tmp_path / "more.config"
    fragment.write_bytes(b"CONFIG_ACPI=y\nCONFIG_HYPERVISOR_GUEST=y\n")
    found = oldconfig.local(Config(name="mine", base=tmp_path / "vmlinuz", fragments=(fragment,)))
    carried = kconfig.values((IMAGES / "config").read_text())
    assert carried
    assert values(found) == {**carried, "ACPI": "y", "HYPERVISOR_GUEST": "y"}


def test_fragments_are_laid_over_it_in_order(tmp_path: Path) -> None:
    found = old(tmp_path, TEXT, b"CONFIG_HYPERV=y\nCONFIG_NET=y\n", b"# CONFIG_NET is not set\n")
    assert values(found) == {"ACPI": "y", "HYPERVISOR_GUEST": "y", "HYPERV": "y", "XEN": "n", "NET": "n"}
    assert [kconfig.values(layer).get("HYPERV") for layer in found.layers] == ["m", "y", None]
    assert [kconfig.values(layer).get("NET") for layer in found.layers] == [None, "y", "n"]
    assert found.options["HYPERV"].origin == f"{tmp_path}/0.config:1"
    assert found.options["NET"].origin == f"{tmp_path}/1.config:1"
    assert found.origin == f"{tmp_path}/old.config + {tmp_path}/0.config + {tmp_path}/1.config"


def test_each_option_has_one_line(tmp_path: Path) -> None:
    found = old(tmp_path, TEXT + b"CONFIG_HYPERV=y\n", b"CONFIG_HYPERV=m\n")
    assert found.text.count("CONFIG_HYPERV=") == 1


def test_of_an_option_that_is_set_twice_conf_says_what_becomes(tmp_path: Path) -> None:
    """Conf warns, and keeps the first value where the second is invalid: a bool that is set to y and then to m."""
    twice = TEXT + b"CONFIG_HYPERV=y\r\n\n"
    assert old(tmp_path, twice).text == twice.decode().replace("\r", "").rstrip("\n") + "\n"
    assert old(tmp_path, twice).options["HYPERV"].value == "y"
    assert old(tmp_path, TEXT).text == TEXT.decode().replace("# a comment\n", "")


@pytest.mark.parametrize("symbol", oldconfig.COMPLETE)
def test_an_incomplete_config_is_refused(tmp_path: Path, symbol: str) -> None:
    error = refused(tmp_path, TEXT.replace(f"CONFIG_{symbol}=y\n".encode(), b""))
    assert error.brief == f"configs: mine: {tmp_path}/old.config is no complete .config"
    assert error.details == f"no line sets or unsets CONFIG_{symbol}"
    assert "make olddefconfig" in error.hint


def test_a_line_that_unsets_is_complete_and_so_is_one_in_a_fragment(tmp_path: Path) -> None:
    assert values(old(tmp_path, TEXT.replace(b"CONFIG_ACPI=y", b"# CONFIG_ACPI is not set")))["ACPI"] == "n"
    assert values(old(tmp_path, TEXT.replace(b"CONFIG_ACPI=y\n", b""), b"CONFIG_ACPI=y\n"))["ACPI"] == "y"


@pytest.mark.parametrize(
    ("base", "why"),
    [
        (b"", "an empty file"), (b"\x1f\x8b\x08" + b"0" * 50, "damaged gzip data"), (b"#\n", "no CONFIG_ line in it"),
        (b"<html>\n", "is not a .config"), (gzip.compress(b"\0\0"), ""), (b"PK\x03\x04" + b"0" * 50, "a zip archive"),
    ],
)  # fmt: skip
def test_a_base_that_is_none(tmp_path: Path, base: bytes, why: str) -> None:
    error = refused(tmp_path, base)
    assert why in error.brief
    assert str(tmp_path / "old.config") in error.brief


def test_an_image_without_a_config_is_told_what_it_lacks(tmp_path: Path) -> None:
    error = refused(tmp_path, b"\x7fELF" + b"\0" * 200)
    assert "CONFIG_IKCONFIG" in str(error)


def test_a_fragment_with_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, TEXT, b"CONFIG_HYPERV=y\nHYPERV_VMBUS=m\n")
    assert f"{tmp_path}/0.config:2: not a .config line" in error.details


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file") as caught:
        oldconfig.local(Config(name="mine", base=tmp_path / "gone"))
    assert caught.value.hint


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oldconfig, "FILE_LIMIT", len(TEXT) - 1)
    assert "larger than" in refused(tmp_path, TEXT).brief


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "old.config").touch(mode=0)
    with pytest.raises(UserError, match="Permission denied"):
        oldconfig.local(Config(name="mine", base=tmp_path / "old.config"))


def test_a_package_is_no_file() -> None:
    with pytest.raises(UserError, match="only an engine can fetch"):
        oldconfig.local(Config(name="mine", base=PACKAGE))


def test_a_package_that_was_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = "linux-config-6.12 6.12.57-1 amd64_none_amd64 (trixie)"

    def fetched(*_: object, **__: object) -> tuple[bytes, str]:
        return TEXT, origin

    monkeypatch.setattr(debian, "config", fetched)
    (tmp_path / "more.config").write_bytes(b"CONFIG_HYPERV=y\n")
    config = Config(name="mine", base=PACKAGE, fragments=(tmp_path / "more.config",))
    engine: Any = None
    found = oldconfig.fetched(engine, config, "toolchain", tmp_path, fresh=False, say=print)
    assert values(found)["HYPERV"] == "y"
    assert found.origin == f"{origin} + {tmp_path}/more.config"
    assert found.options["ACPI"].origin == f"{origin}:2"


def test_what_is_kept_of_a_package(tmp_path: Path) -> None:
    config = Config(name="mine", base=PACKAGE)
    assert oldconfig.kept(config, tmp_path) is None
    (tmp_path / "old.config").write_bytes(TEXT)
    here = oldconfig.kept(Config(name="mine", base=tmp_path / "old.config"), tmp_path)
    assert here is not None
    assert values(here)["HYPERV"] == "m"
