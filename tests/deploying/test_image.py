"""The Dockerfile: read by a strict reader, and its context and health check tried without a container engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploying.front import free_port
from deploying.typed import ROOT, refused, settings
from running import Running

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
FLAGS = re.compile(r"--[a-z-]+=\S+")
LEFT_OUT = {"browser", "dev", "spark", "speed"}
"""Extras that the image does without."""


class Step(NamedTuple):
    """One instruction: its name in capitals, its flags, and what follows."""

    name: str
    flags: dict[str, str]
    rest: str

    @property
    def words(self) -> list[str]:
        """What follows, as a JSON list or as words."""
        return list(json.loads(self.rest)) if self.rest.startswith("[") else self.rest.split()


KNOWN = {
    *("ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "LABEL", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL"),
    *("HEALTHCHECK", "ENTRYPOINT", "CMD"),
}


def steps() -> list[Step]:
    """The instructions, each known and whole."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = []
    for line in filter(str.strip, text.splitlines()):
        name, _, rest = line.partition(" ")
        assert name in KNOWN, f"{name} is no instruction that is used here"
        flags = {}
        while given := FLAGS.match(rest := rest.strip()):
            key, _, value = given[0].removeprefix("--").partition("=")
            flags[key], rest = value, rest[given.end() :]
        found.append(Step(name, flags, rest))
    return found


def stages() -> list[list[Step]]:
    """The instructions of each stage, its FROM first."""
    all_steps = steps()
    starts = [place for place, step in enumerate(all_steps) if step.name == "FROM"]
    return [all_steps[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


def of(stage: list[Step], name: str) -> list[Step]:
    return [step for step in stage if step.name == name]


def ignored(path: str) -> bool:
    """Whether a path of this repository stays out of the context: the last line that names it, or a folder above."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, kept = line.removeprefix("!"), line.startswith("!")
        parts = path.split("/")
        above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        anywhere = pattern.removeprefix("**/")
        named = parts if pattern.startswith("**/") else above
        if any(fnmatchcase(one, anywhere) and ("/" in anywhere or "/" not in one) for one in named):
            out = not kept
    return out


def context(step: Step) -> list[str]:
    """The files that a COPY brings from this repository."""
    *sources, _ = step.words
    found = []
    for source in sources:
        path = ROOT / source
        assert path.exists(), f"{source} is not in the repository"
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        kept = [str(one.relative_to(ROOT)) for one in files if not ignored(str(one.relative_to(ROOT)))]
        assert kept, f".dockerignore keeps {source} out"
        found += kept
    return found


def test_the_image_is_pinned_and_of_a_python_that_the_tests_know() -> None:
    """The base is named once, by its whole version; it is the minor version that the lock begins with."""
    [argument] = [step for step in steps() if step.name == "ARG"]
    found = re.fullmatch(r"PYTHON_IMAGE=python:(\d+\.\d+)\.\d+-slim-[a-z]+", argument.rest)
    assert found
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert found[1] in needs
    assert [stage[0].rest for stage in stages()] == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_what_runs_is_no_root_needs_no_shell_and_ends_in_order() -> None:
    """A user by number, exec forms only, SIGTERM, data in a volume, and a health check."""
    last = stages()[-1]
    names = [step.name for step in last]
    assert [step.rest for step in of(last, "USER")] == ["10001:10001"]
    assert [step.rest for step in of(last, "STOPSIGNAL")] == ["SIGTERM"]
    assert [step.words for step in of(last, "VOLUME")] == [["/data", "/backups"]]
    assert max(place for place, name in enumerate(names) if name == "RUN") < names.index("USER")
    for name in ("ENTRYPOINT", "CMD", "VOLUME"):
        assert all(step.rest.startswith("[") for step in of(last, name)), name
    assert [step.words for step in of(last, "ENTRYPOINT")] == [["hongshu"]]
    [command] = of(last, "CMD")
    assert refused(command.words) == ""
    [check] = of(last, "HEALTHCHECK")
    assert set(check.flags) == {"interval", "timeout", "start-period", "retries"}
    assert check.rest.startswith('CMD ["python",')


def test_nothing_is_downloaded_but_what_is_pinned() -> None:
    """No ADD, no address, no shell that fetches; every package by its hash; the project itself without the network."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"\b(curl|wget|git|apt-get|apk)\b", text)
    installs = [step.words for step in steps() if step.name == "RUN" and "install" in step.words and "pip" in step.rest]
    for words in installs:
        files = [words[place + 1] for place, word in enumerate(words) if word == "-r"]
        assert ("--require-hashes" in words) == bool(files)
        assert bool(files) != ({"--no-index", "--no-deps", "--no-build-isolation"} <= set(words))
        for one in files:
            assert "--hash=sha256:" in (ROOT / one).read_text(encoding="utf-8")
    assert len(installs) == 2


def test_no_secret_is_baked_in() -> None:
    """Variables are settings of ours or of Python, and none is secret; nothing is copied but code and its licence."""
    last = stages()[-1]
    [given] = of(last, "ENV")
    variables = dict(word.split("=", 1) for word in given.words)
    loaded = settings({name: value for name, value in variables.items() if name.startswith("HONGSHU_")})
    assert (loaded.config.server.host, loaded.config.server.port) == ("0.0.0.0", 8787)  # noqa: S104 - in a container
    assert str(loaded.data_dir) == "/data"
    assert [step.rest for step in of(last, "EXPOSE")] == [str(loaded.config.server.port)]
    assert not re.search(r"token|secret|password|key", " ".join(variables), flags=re.IGNORECASE)
    assert [step.flags.get("from") for step in of(last, "COPY")] == ["build"]


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".venv/bin/python", "deploy/.env", "deploy/secrets/joa.token", "docs/quickstart.md"),
        *("requirements/dev.txt", "src/hongshu/__pycache__/models.cpython-311.pyc", "money.db", "hongshu.key"),
    ],
)
def test_the_context_has_nothing_else_in_it(path: str) -> None:
    """No history, no data, no secret, nothing that only developers need."""
    assert ignored(path)
    assert not ignored("src/hongshu/store/migrations/money/0001.sql")


def test_what_is_copied_is_enough_to_build_the_whole_package(tmp_path: Path) -> None:
    """The files of the context, alone in a folder, make a wheel with every file of the package."""
    for step in of(stages()[0], "COPY"):
        for one in context(step):
            (tmp_path / one).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / one, tmp_path / one)
    build = "from flit_core.buildapi import build_wheel; print(build_wheel('.'))"
    made = subprocess.run(
        [sys.executable, "-I", "-c", build], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    with ZipFile(tmp_path / made.stdout.strip()) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("hongshu/")}
    package = ROOT / "src"
    wanted = {str(one.relative_to(package)) for one in package.rglob("*") if one.is_file()}
    assert packed == {one for one in wanted if "__pycache__" not in one}


def test_the_image_has_every_extra_in_versions_that_are_tested() -> None:
    """What is installed fits each extra's requirements, and is what the tests ran with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    image, dev = (pins(name) for name in ("image", "dev"))
    extras = set(project["optional-dependencies"]) - LEFT_OUT
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [given] = re.findall(r"^IMAGE := (.*)$", makefile, flags=re.MULTILINE)
    assert set(re.findall(r"--extra (\w+)", given)) == extras
    wanted = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    for requirement in map(Requirement, wanted):
        assert image[canonicalize_name(requirement.name)] in requirement.specifier, requirement
    assert {name: version for name, version in image.items() if dev.get(name, version) != version} == {}


def pins(name: str) -> dict[str, str]:
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


def health(port: int) -> int:
    """The exit status of the image's health check against a port of this machine."""
    [check] = of(stages()[-1], "HEALTHCHECK")
    command = json.loads(check.rest.removeprefix("CMD "))
    return subprocess.run(
        [sys.executable, *command[1:]],
        env={**os.environ, "HONGSHU_SERVER__PORT": str(port), "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        timeout=30,
        check=False,
    ).returncode


def test_the_health_check_tells_a_server_from_none(simulated: Running) -> None:
    """It is the very command of the image; no proxy of the environment stands between."""
    assert health(int(simulated.address.rpartition(":")[2])) == 0
    assert health(free_port()) != 0
