"""The schema in itself, its words in step with model.py, and any bytes whatever as a matrix.yaml.

Never relies on the files in kconfig/.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pipeline import matrix
from pipeline.errors import UserError
from pipeline.matrix_words import SCHEMA
from pipeline.model import Ladder, Loudness, Matrix, Outcome, Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT = (Path(__file__).parent / "golden" / "matrix" / "matrix.yaml").read_bytes()
WORDS: Any = json.loads(SCHEMA.read_text("utf-8"))
DEFS = WORDS["$defs"]
PIECES = [b"[", b"]", b"{", b"}", b": ", b"- ", b"'", b'"', b"&a ", b"*a", b"!!x ", b"\n", b"  ", b"<<: ", b"~"]
PIECES += [b"6.10", b"yes", b"..", b"/", b"\0", b"\xff", b"|\n", b"? ", b"#", b"---\n", b"\t", b"9" * 20, b"null"]


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from objects(inner)


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(WORDS)
    assert WORDS["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_property_has_a_title_and_a_description() -> None:
    found = [inner for schema in objects(WORDS) for inner in schema.get("properties", {}).values()]
    assert len(found) > 25
    assert all(inner["title"] and inner["description"] for inner in [*found, *DEFS.values(), WORDS])


def test_every_key_is_known_or_a_name() -> None:
    for schema in objects(WORDS):
        named = schema.get("propertyNames") in ({"$ref": "#/$defs/name"}, {"$ref": "#/$defs/symbol"})
        assert named != (schema["additionalProperties"] is False)


def test_enums_are_in_step_with_the_model() -> None:
    known = DEFS["expectation"]["properties"]
    assert DEFS["ladder"]["enum"] == list(Ladder)
    assert known["outcome"]["enum"] == list(Outcome)
    assert known["loudness"]["enum"] == list(Loudness)
    assert WORDS["properties"]["targets"]["enum"] == list(Targets)


def test_the_default_matrix_names_the_schema() -> None:
    first = DEFAULT.decode().splitlines()[0]
    assert first == "# yaml-language-server: $schema=pipeline/matrix.schema.json"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("any")
    for name in ("configs/slim", "fragments/distro-m", "fragments/builtin-y", "fragments/off-n"):
        file = made / "kconfig" / f"{name}.config"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    return made / "matrix.yaml"


def mutated(seed: int) -> bytes:
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    text = bytearray(DEFAULT)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text))
        text[start : start + chance.choice((0, 1, 8, 60))] = chance.choice(PIECES)
    return bytes(text)


def parsed(text: bytes, path: Path) -> Matrix | UserError:
    try:
        return matrix.parse(text, path, policies=["olddefconfig"], toolchains=["gcc"])
    except UserError as error:
        return error


def test_the_default_matrix_is_a_matrix(path: Path) -> None:
    assert isinstance(parsed(DEFAULT, path), Matrix)


@settings(max_examples=800, deadline=None, database=None)
@given(
    text=st.one_of(
        st.binary(max_size=60),
        st.lists(st.sampled_from(PIECES)).map(b"".join),
        st.integers(0, 2**32).map(mutated),
    ),
)
@example(text=b"a: 1\n---\nb: 2\n")
@example(text=b'"\\UFFFFFFFF"')
def test_any_bytes_are_a_matrix_or_a_user_error(path: Path, text: bytes) -> None:
    found = parsed(text, path)
    if isinstance(found, UserError):
        lines = found.details.splitlines()
        assert found.brief.startswith(f"matrix.yaml: {len(lines)} problem")
        assert all(line.startswith(f"{path}:") for line in lines)
    else:
        assert found.cells
