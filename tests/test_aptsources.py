from __future__ import annotations

import pytest

from pipeline import aptsources
from pipeline.aptsources import Mirrors

MAIN, SECURITY = "http://mirror.example/debian", "http://mirror.example/debian-security"
OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\nID=debian\nHOME_URL="http://x/?a=b"\n'
ONE_LINE = f"""# See sources.list(5)
# deb http://commented.example/debian trixie main
deb-src http://source.example/debian trixie main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] {MAIN} trixie main contrib
deb {MAIN} trixie-updates main
deb {SECURITY} trixie-security main # comment
"""
DEB822 = f"""Types: deb deb-src
URIs: {MAIN} http://second.example/debian
Suites: trixie trixie-updates
Components: main contrib
# a comment within
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 URIs: http://key.example/debian
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: {SECURITY}
Suites: trixie-security
Components: main
"""


@pytest.mark.parametrize("text", [ONE_LINE, DEB822, DEB822.replace("\n\n", "\n \n"), DEB822.lower()])
def test_both_formats(text: str) -> None:
    assert aptsources.mirrors([text], "trixie") == Mirrors(MAIN, SECURITY)


def test_several_files_and_the_first_one_counts() -> None:
    first = "deb http://first.example/debian trixie main\n"
    assert aptsources.mirrors(["", first, DEB822], "trixie") == Mirrors("http://first.example/debian", SECURITY)


def test_lines_of_fields_may_go_on() -> None:
    text = f"Types: deb\nURIs:\n {MAIN}\nSuites: bookworm\n\ttrixie\nComponents: main\n"
    assert aptsources.mirrors([text], "trixie") == Mirrors(MAIN, "")


NONE = [
    ("nothing", ""),
    ("comments", "# deb http://mirror.example/debian trixie main\n"),
    ("source only", "deb-src http://mirror.example/debian trixie main\n"),
    ("another suite", "deb http://mirror.example/debian bookworm main\n"),
    ("another component", "deb http://mirror.example/extra trixie stable\n"),
    ("no component", "deb http://mirror.example/flat trixie/\n"),
    ("cdrom", "deb cdrom:[disc]/ trixie main\n"),
    ("cdrom stanza", "Types: deb\nURIs: cdrom:[disc]/\nSuites: trixie\nComponents: main\n"),
    ("source stanza", f"Types: deb-src\nURIs: {MAIN}\nSuites: trixie\nComponents: main\n"),
    ("commented stanza", f"# Types: deb\n# URIs: {MAIN}\n# Suites: trixie\n# Components: main\n"),
    ("no address", "Types: deb\nSuites: trixie\nComponents: main\n"),
    ("junk", "\0\x7f<html>\n: :\n\n :\n"),
]


@pytest.mark.parametrize("text", [case[1] for case in NONE], ids=[case[0] for case in NONE])
def test_no_mirror(text: str) -> None:
    assert aptsources.mirrors([text], "trixie") == Mirrors()


@pytest.mark.parametrize("word", ["no", "No", "false", "off", "0"])
def test_a_disabled_stanza_does_not_count(word: str) -> None:
    assert aptsources.mirrors([f"Enabled: {word}\n{DEB822}"], "trixie") == Mirrors("", SECURITY)
    assert aptsources.mirrors([f"Enabled: yes\n{DEB822}"], "trixie") == Mirrors(MAIN, SECURITY)


def test_codename() -> None:
    assert aptsources.codename_of(OS_RELEASE) == "trixie"
    quoted = OS_RELEASE.replace("=trixie", '="trixie"').replace("=debian", "='debian'")
    assert aptsources.codename_of(quoted) == "trixie"
    assert aptsources.codename_of("ID=debian\n") == ""
    assert aptsources.codename_of("") == ""


def test_ubuntu_serves_no_debian() -> None:
    release = 'NAME="Ubuntu"\nVERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n'
    text = "Types: deb\nURIs: http://mirror.example/ubuntu\nSuites: noble noble-security\nComponents: main universe\n"
    assert aptsources.mirrors([text], aptsources.codename_of(release)) == Mirrors()


def test_the_address_behind_a_file_of_mirrors() -> None:
    listed = f"# of the cloud\n\n{MAIN}/ priority:1\nhttp://second.example\n"
    texts = {"/etc/apt/mirrors/debian.list": listed, "/none": "#\n"}
    assert aptsources.behind("mirror+file:///etc/apt/mirrors/debian.list", texts.__getitem__) == f"{MAIN}/"
    assert aptsources.behind("mirror+file:/etc/apt/mirrors/debian.list", texts.__getitem__) == f"{MAIN}/"
    assert aptsources.behind("mirror+file:/none", texts.__getitem__) == ""
    assert aptsources.behind(MAIN, texts.__getitem__) == MAIN
    assert aptsources.behind("", texts.__getitem__) == ""
