"""The tiny tree as one that builds in no time, into what has the names of a kernel's files and nothing more."""

from __future__ import annotations

import shutil
from pathlib import Path

TREE = Path(__file__).resolve().parent / "faketree"
# `built` in the build folder says what was built: the word in word.c, and the .config.
MAKEFILE = """\
.DEFAULT_GOAL := all
all bzImage:
\t@cd $(O) && ! grep -q BROKEN .config && cp $(srctree)word.c . && $(CC) -c word.c -o vmlinux
\t@cd $(O) && touch System.map && mkdir -p arch/x86/boot include/config && cp vmlinux arch/x86/boot/bzImage
\t@cd $(O) && echo 1.0 > include/config/kernel.release && cat word.c .config | tr '\\n' ' ' >> built
modules:
\t@echo modules >> $(O)/built
modules_install:
\t@mkdir -p $(INSTALL_MOD_PATH)/lib
headers_install:
\t@mkdir -p $(INSTALL_HDR_PATH)
"""
PATCH = "diff --git a/word.c b/word.c\n--- a/word.c\n+++ b/word.c\n@@ -1 +1 @@\n-int plain;\n+int {};\n"


def write(folder: Path) -> Path:
    """Make the tree in a new folder."""
    shutil.copytree(TREE, folder)
    (folder / "Kbuild").touch()
    head = (TREE / "Makefile").read_text().partition("include/config/auto.conf:")[0]
    (folder / "Makefile").write_text(head + MAKEFILE)
    (folder / "word.c").write_text("int plain;\n")
    return folder
