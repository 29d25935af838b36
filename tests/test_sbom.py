"""The contents of the images: valid documents by CycloneDX' own schema, with every package in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from pipeline import images, sbom

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.engine import Engine

TAG = "localhost/hvmatrix/host:0123456789abcdef"
PACKAGES = "bash\t5.2.37-2\nlibc6:amd64\t2.41-12\nqemu-system-x86\t1:10.0.2+ds-2\nlinux-image-6.12.9 (middle machine)"


def problem(text: str) -> object:
    """What the schema has against a document; None for a valid one."""
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)


def test_every_package_is_listed_with_its_version() -> None:
    text = sbom.document(TAG, "sha256:abc", PACKAGES)
    assert problem(text) is None
    found = json.loads(text)
    assert found["metadata"]["component"]["name"] == "localhost/hvmatrix/host"
    assert found["metadata"]["component"]["properties"] == [{"name": "hvmatrix:image", "value": "sha256:abc"}]
    assert {(one["name"], one.get("version")) for one in found["components"]} == {
        ("bash", "5.2.37-2"), ("libc6:amd64", "2.41-12"), ("qemu-system-x86", "1:10.0.2+ds-2"),
        ("linux-image-6.12.9", None),
    }  # fmt: skip
    addresses = {one["name"]: PackageURL.from_string(one["purl"]) for one in found["components"]}
    assert addresses["libc6:amd64"].name == "libc6"
    assert addresses["libc6:amd64"].qualifiers == {"arch": "amd64", "distro": "debian-13"}
    assert addresses["qemu-system-x86"].version == "1:10.0.2+ds-2"
    (middle,) = [one for one in found["components"] if "description" in one]
    assert middle["description"] == "middle machine"


def test_the_same_image_has_the_same_number_and_another_another() -> None:
    one, again, other = (
        json.loads(sbom.document(TAG, image, PACKAGES))["serialNumber"] for image in ("a", "a", "b")
    )  # fmt: skip
    assert one == again != other


@pytest.mark.parametrize("packages", ["", "\n\t1\n", "a\tb\tc", "ä b\t1", "a:b:c\t1\na:b:c\t1", "a%/@?#\t<&>"])
def test_whatever_an_image_lists_the_document_is_valid(packages: str) -> None:
    assert problem(sbom.document(TAG, "i", packages)) is None


def test_the_schema_says_no() -> None:
    found = json.loads(sbom.document(TAG, "i", PACKAGES))
    del found["components"][0]["name"]
    assert problem(json.dumps(found)) is not None


@pytest.mark.docker
def test_the_images_that_there_are(engine: Engine, tmp_path: Path) -> None:
    tags = [images.toolchain(engine, "gcc", lambda _: None), images.guest(engine, lambda _: None)]
    sbom.keep(engine, tmp_path, tags)
    toolchain, guest = (
        next((tmp_path / "sbom").glob(f"{name}-*.cdx.json")).read_text() for name in ("toolchain-gcc", "guest")
    )  # fmt: skip
    for text, names in ((toolchain, {"gcc", "make", "ccache"}), (guest, {"busybox-static"})):
        assert problem(text) is None
        assert names <= {one["name"] for one in json.loads(text)["components"]}
