"""The workflow files in docs/ci are what GitHub, GitLab and pre-commit take, and call commands that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from invoke import Collection

import tasks
from pipeline import shards
from pipeline.run import Options

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "ci"
GITHUB = ["--builtin-schema", "vendor.github-workflows"]
GITLAB = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
FILES = {"github.yml": GITHUB, "github-gate.yml": GITHUB, "gitlab.yml": GITLAB, "gitlab-shard.yml": GITLAB}
NOT_CI = {"pre-commit-config.yaml"}


def checked(path: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "check_jsonschema", *words, str(path)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_every_file_has_a_schema() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, *NOT_CI}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_its_schema_says(name: str) -> None:
    done = checked(FOLDER / name, FILES[name])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", FILES)
def test_the_schema_refuses_what_is_none(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text((FOLDER / name).read_text() + "\nbroken: [1, {two: 3}]\njobs: 4\n")
    assert checked(path, FILES[name]).returncode == 1


def test_the_child_pipeline_is_as_gitlabs_schema_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards.show(Options(file=ROOT / "matrix.yaml", cache=tmp_path), "3", "gitlab")
    path = tmp_path / "child.yml"
    path.write_text(capsys.readouterr().out)
    assert checked(path, GITLAB).returncode == 0
    shared = yaml.safe_load((FOLDER / "gitlab-shard.yml").read_text())
    assert {job["extends"] for job in yaml.safe_load(path.read_text()).values() if "extends" in job} == set(shared)


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_the_commands_and_flags_are_those_there_are(path: Path) -> None:
    known = Collection.from_module(tasks)
    calls = re.findall(r"inv (\w+)((?: +(?:--?[\w-]+|\"[^\"]*\"|[^\s|;&)]+))*)", path.read_text())
    flags = {name: {flag for one in known[name].get_arguments() for flag in one.names} for name, _ in calls}
    assert calls or path.name == "gitlab.yml"
    for name, words in calls:
        given = {flag.replace("-", "_") for flag in re.findall(r"--([\w-]+)", words)}
        assert given <= {flag.replace("-", "_") for flag in flags[name]}, name


def test_pre_commit_runs_one_config_after_the_other() -> None:
    (repo,) = yaml.safe_load((FOLDER / "pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repo["hooks"]
    assert {"id", "name", "language", "entry", "files"} <= set(hook)
    assert '--config "$config"' in hook["entry"]


def test_no_job_takes_an_echos_exit_status_for_a_commands() -> None:
    for path in FOLDER.glob("*.yml"):
        assert not re.search(r'echo "[^"]*\$\(', path.read_text()), path
