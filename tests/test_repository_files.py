"""Files that people and platforms look for are there and well-formed."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
YAML = ["CITATION.cff", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / ".github").rglob("*.yml")))]


@pytest.mark.parametrize("name", YAML)
def test_yaml_files_parse(name: str) -> None:
    assert yaml.safe_load((ROOT / name).read_text())


def test_the_citation_names_the_version() -> None:
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert citation["authors"]


def test_the_workflow_runs_make() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text())["jobs"]
    targets = set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split())
    for name, job in jobs.items():
        command = job["steps"][-1]["run"].split()
        assert command[0] == "make", name
        assert command[1] in targets | {"docs"}, name


def test_constraints_are_exact_versions_alone() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.+!]+", line) for line in lines)
    names = [line.partition("==")[0] for line in lines]
    assert len(set(names)) == len(names)
    assert {"torch", "pytorch-lightning", "gymnasium", "safetensors"} <= set(names)


def test_the_dockerfile_copies_files_that_exist() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    copied = [name for line in re.findall(r"^COPY (?!--)(.*)$", text, re.MULTILINE) for name in line.split()[:-1]]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    assert "ARG DEVICE=cpu" in text
    assert text.rstrip().splitlines()[-1].startswith("CMD")
