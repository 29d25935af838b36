"""The default matrix with kernels that are built in a minute."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The slim config has what Hyper-V's drivers of network, disks and input hang on; the ladder needs none of it.
SMALL = (
    ("builtin-y: {base: kconfig/configs/slim.config, fragments: [kconfig/fragments/builtin-y.config]}",
     "builtin-y: {base: small.config, fragments: [small-y.config]}"),
    ("off-n:     {base: kconfig/configs/slim.config,", "off-n:     {base: small.config,"),
    ("distro-m:  {base: kconfig/configs/slim.config, fragments: [kconfig/fragments/distro-m.config]}",
     "distro-m:  {base: small.config, fragments: [small-m.config]}"),
)  # fmt: skip


def project(folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy of the default matrix, with small kernels, and with some texts replaced."""
    text = (ROOT / "matrix.yaml").read_text()
    shutil.copy(ROOT / "tests" / "small.config", folder)
    (folder / "small-y.config").write_text("CONFIG_HYPERV=y\nCONFIG_HYPERV_BALLOON=y\n")
    (folder / "small-m.config").write_text("CONFIG_HYPERV=m\nCONFIG_HYPERV_BALLOON=m\n")
    for old, new in (*SMALL, *changes):
        assert old in text
        text = text.replace(old, new, 1)  # the machine `hyperv` is the first
    (folder / "matrix.yaml").write_text(text)
    shutil.copytree(ROOT / "kconfig", folder / "kconfig", dirs_exist_ok=True)
    return folder
