"""Does what Kconfig promised exist? Compares the built files with the .config that they were built from.

Never boots anything.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from pipeline import hyperv, kconfig, kmod
from pipeline.errors import UserError
from pipeline.values import Artifact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.values import Build

# Documentation/arch/x86/boot.rst: "HdrS" at 0x202; at 0x20e the offset, less 0x200, of the version string
MAGIC_AT, VERSION_AT, SETUP = 0x202, 0x20E, 0x200
BANNER = b"Linux version "
SHOWN = 200  # of a release; the kernel's own bound is 64 (scripts/setlocalversion, __NEW_UTS_LEN)


def release_of(image: Path) -> str:
    """The release string of a bzImage or a vmlinux. Raises UserError when the file is neither."""
    try:
        data = image.read_bytes()
    except OSError as error:
        raise UserError(f"{image}: {error.strerror}", hint="give a bzImage (vmlinuz) or a vmlinux") from error
    found = -1
    if data[MAGIC_AT : MAGIC_AT + 4] == b"HdrS" and len(data) >= VERSION_AT + 2:
        pointer = struct.unpack_from("<H", data, VERSION_AT)[0]
        found = pointer + SETUP if pointer else -1
    elif data.startswith(kmod.ELF) and BANNER in data:
        found = data.index(BANNER) + len(BANNER)
    if found >= 0 and (text := re.compile(rb"[\x21-\x7e]{1,%d}(?=[ \0])" % SHOWN).match(data, found)):
        return text[0].decode("ascii")
    raise UserError(f"{image}: not a Linux kernel for x86", hint="give a bzImage (vmlinuz) or a vmlinux")


def check(build: Build) -> Artifact:
    """The bootable kernel of a build, with every way in which it contradicts its .config."""
    image, modules = build.folder / "bzImage", kmod.find(build.folder / "modules")
    release = ""
    try:
        release = release_of(image)
        problems = _problems(build, release, modules)
    except (UserError, OSError) as error:  # a tree may leave anything in its build folder
        problems = [str(error).splitlines()[0]]
    return Artifact(image=image, release=release, modules=modules, problems=tuple(problems))


def _problems(build: Build, release: str, modules: Mapping[str, Path]) -> list[str]:
    folder, wanted = build.folder, kconfig.values(build.kernel.config)
    options = hyperv.completed(wanted, build.kernel.declared)
    return [
        *_release(release, (folder / "release").read_text(errors="replace").strip()[:SHOWN], build.kernel.localversion),
        *_config(kconfig.values((folder / ".config").read_text(errors="replace")), wanted),
        *_symbols((folder / "System.map").read_bytes(), options),
        *_modules(modules, options, release),
    ]


def _release(found: str, built: str, suffix: str) -> list[str]:
    problems = [] if found == built else [f"the image says {found}, the build says {built}"]
    return problems if found.endswith(suffix) else [*problems, f"release {found} does not end in {suffix}"]


def _config(built: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    names = sorted((set(built) | set(wanted)) - {"LOCALVERSION", "LOCALVERSION_AUTO"})
    pairs = ((name, wanted.get(name, "-"), built.get(name, "-")) for name in names)
    return [f"{name}={got} was built instead of {want}" for name, want, got in pairs if want != got]


def _symbols(text: bytes, options: Mapping[str, str]) -> list[str]:
    rules = (
        (hyperv.PLATFORM_SYMBOL, options.get("HYPERVISOR_GUEST", "n") == "y"),
        (hyperv.CORE_SYMBOL, hyperv.core(options)),
        (hyperv.VMBUS_SYMBOL, hyperv.vmbus(options) == "y"),
    )
    return [
        f"System.map {'lacks' if wanted else 'has'} {name}"
        for name, wanted in rules
        if wanted != bool(re.search(rb"(?m)[ \t]%s[ \t\r]*$" % name.encode(), text))
    ]


def _modules(modules: Mapping[str, Path], options: Mapping[str, str], release: str) -> list[str]:
    problems = []
    for name, wanted in hyperv.expected_modules(options).items():
        path = modules.get(name.replace("-", "_"))
        if wanted != (path is not None):
            problems.append(f"{name}.ko is {'missing' if wanted else 'there'}")
    for name, path in sorted(modules.items()):
        found = kmod.info(kmod.load(path))
        if found.release != release:
            problems.append(f"{name}.ko was built for {found.release}, not for {release}")
        # modpost names only modules there, never what is built in: of a choice of modules none may lack another
        problems += [f"{name}.ko needs {other}.ko, which is missing" for other in found.depends if other not in modules]
    return problems
