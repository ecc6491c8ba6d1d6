"""compose.yaml: every word, command, setting, place and promise in it that can be checked without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploying.test_image import of, stages
from deploying.typed import ROOT, refused, settings
from hongshu.server.run import LONGEST_STOP_SECONDS

DEPLOY = ROOT / "deploy"
OURS = ("migrate", "server", "worker")
VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}|\$")
KNOWN = {
    *("image", "build", "pull_policy", "init", "read_only", "cap_drop", "cap_add", "security_opt", "restart"),
    *("stop_grace_period", "networks", "tmpfs", "volumes", "environment", "logging", "shm_size", "command"),
    *("healthcheck", "depends_on", "expose", "deploy", "ports"),
}


def examples() -> dict[str, str]:
    """The variables of .env.example."""
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    given = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in given}


def filled(variables: dict[str, str]) -> dict[str, Any]:
    """compose.yaml with variables put in, as Compose does; raises `KeyError` for one that must be given and is not."""

    def value(found: re.Match[str]) -> str:
        name, sign, other = found.groups()
        given = variables.get(name, "") if name else None
        assert given is not None, "a $ that begins no ${NAME}"
        if given or not sign:
            return given
        if sign == ":?":
            raise KeyError(name)
        return other

    def deep(one: Any) -> Any:
        if isinstance(one, str):
            return VARIABLE.sub(value, one)
        if isinstance(one, list):
            return [deep(each) for each in one]
        return {key: deep(each) for key, each in one.items()} if isinstance(one, dict) else one

    return dict(deep(yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))))


PASSWORD = "a-password"
COMPOSED = filled({**examples(), "POSTGRES_PASSWORD": PASSWORD})
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)s", text)
    assert found
    return int(found[1])


def test_every_variable_is_in_the_example_and_a_missing_password_is_told() -> None:
    """Nothing is taken from an environment that nobody wrote down; the example holds no secret, and is not enough."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert {name for name, _, _ in VARIABLE.findall(text)} == set(examples())
    assert examples()["POSTGRES_PASSWORD"] == ""
    with pytest.raises(KeyError, match="POSTGRES_PASSWORD"):
        filled(examples())
    defaults = {name: other for name, sign, other in VARIABLE.findall(text) if sign == ":-"}
    assert defaults == {name: value for name, value in examples().items() if name in defaults}


def test_every_word_is_one_of_compose() -> None:
    """A misspelt key would be ignored or refused at the worst moment; every reference leads somewhere."""
    assert set(COMPOSED) == {"name", "x-hongshu", "services", "networks", "volumes"}
    for name, service in SERVICES.items():
        assert set(service) <= KNOWN, name
        assert set(service["networks"]) <= set(COMPOSED["networks"]), name
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        conditions = {one["condition"] for one in service.get("depends_on", {}).values()}
        assert conditions <= {"service_healthy", "service_completed_successfully"}, name
        for volume in service["volumes"]:
            assert set(volume) <= {"type", "source", "target", "read_only", "bind"}, name
            assert volume["type"] == "bind" or volume["source"] in COMPOSED["volumes"], name


def test_the_docker_client_takes_it_where_it_has_compose(tmp_path: Path) -> None:
    """The client's own reader, which needs no engine; without that plug-in the checks around this one stand alone."""
    docker = shutil.which("docker")
    asked = docker and subprocess.run([docker, "compose", "version"], capture_output=True, timeout=60, check=False)
    if docker and asked and asked.returncode == 0:
        (tmp_path / "env").write_text(f"POSTGRES_PASSWORD={PASSWORD}\n", encoding="utf-8")
        told = subprocess.run(
            [docker, "compose", "--env-file", tmp_path / "env", "-f", DEPLOY / "compose.yaml", "config", "--quiet"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 0, told.stderr


def test_every_command_is_one_of_hongshu() -> None:
    """What the services run, after the image's entry point, is taken by the command line."""
    assert [step.words for step in of(stages()[-1], "ENTRYPOINT")] == [["hongshu"]]
    assert {name for name, one in SERVICES.items() if one["image"].startswith("hongshu:")} == set(OURS)
    assert {name: refused(SERVICES[name]["command"]) for name in OURS} == dict.fromkeys(OURS, "")


def test_every_setting_is_one_of_hongshu() -> None:
    """The store is PostgreSQL at the service of that name, without a password in the address; servers only serve."""
    for name in OURS:
        given = SERVICES[name]["environment"]
        config = settings({key: value for key, value in given.items() if key.startswith("HONGSHU_")}).config
        assert config.store.reveal() == "postgresql://hongshu@postgres/hongshu"
        assert config.backup.folder == "/backups"
        assert config.server.background is False
        assert set(given) - {key for key in given if key.startswith("HONGSHU_")} == {"PGPASSWORD"}


def test_no_secret_stands_in_the_file() -> None:
    """The password comes from the environment, to PostgreSQL and to who signs in there, and to nobody else."""
    assert PASSWORD not in (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    holders = {name for name, one in SERVICES.items() if PASSWORD in str(one)}
    assert holders == {"postgres", *OURS}
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"deploy/.env", "deploy/hongshu.toml", "deploy/secrets/"} <= set(ignored)


def test_what_runs_of_hongshu_may_do_little() -> None:
    """A read-only root, no capability, no new one, a process that reaps others, and a place for passing files."""
    for name in OURS:
        service = SERVICES[name]
        assert (service["read_only"], service["init"], service["cap_drop"]) == (True, True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["tmpfs"][0].startswith("/tmp:mode=1777,size="), name  # noqa: S108 - a place in a container
        places = {one["target"]: one.get("read_only", False) for one in service["volumes"]}
        assert places == {"/data": False, "/backups": False, "/data/hongshu.toml": True, "/data/secrets": True}, name
    [volumes] = [step.words for step in of(stages()[-1], "VOLUME")]
    assert set(volumes) == {"/data", "/backups"}


def test_whoever_works_is_given_the_time_to_finish() -> None:
    """Longer than the server takes at most; nginx waits for its calls, PostgreSQL for everybody."""
    for name in ("server", "worker", "nginx", "postgres"):
        assert seconds(SERVICES[name]["stop_grace_period"]) > LONGEST_STOP_SECONDS, name


def test_postgresql_keeps_what_it_was_told() -> None:
    """Synced to disk, in UTF-8, healthy where the user of the address can sign in, and reached from inside only."""
    service = SERVICES["postgres"]
    assert {"--fsync=on", "--full_page_writes=on", "--synchronous_commit=on"} <= set(service["command"])
    assert "--encoding=UTF8" in service["environment"]["POSTGRES_INITDB_ARGS"]
    assert {"--username=hongshu", "--dbname=hongshu"} <= set(service["healthcheck"]["test"])
    assert (service["environment"]["POSTGRES_USER"], service["environment"]["POSTGRES_DB"]) == ("hongshu", "hongshu")
    assert service["networks"] == ["store"]
    assert COMPOSED["networks"]["store"] == {"internal": True}
    assert [one["target"] for one in service["volumes"]] == ["/var/lib/postgresql/data"]


def test_there_are_two_servers_behind_nginx_after_the_store_was_migrated() -> None:
    """Each waits for what it needs; nginx finds the servers by the name and port that the image listens on."""
    assert SERVICES["server"]["deploy"] == {"replicas": 2}
    [port] = [step.rest for step in of(stages()[-1], "EXPOSE")]
    assert SERVICES["server"]["expose"] == [port]
    named = (DEPLOY / "nginx" / "hongshu-upstream.compose.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"server (\S+) resolve", named)) == {f"server:{port}"}
    for name in ("server", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["nginx"]["depends_on"] == {"server": {"condition": "service_healthy"}}
    assert "healthcheck" not in SERVICES["server"]  # the image has one
    assert SERVICES["worker"]["healthcheck"] == SERVICES["migrate"]["healthcheck"] == {"disable": True}


def test_only_nginx_is_reached_and_only_from_this_machine() -> None:
    """Until somebody says otherwise, in .env."""
    assert {name: one["ports"] for name, one in SERVICES.items() if "ports" in one} == {"nginx": ["127.0.0.1:8080:80"]}
    mounted = {one["target"]: one["source"] for one in SERVICES["nginx"]["volumes"]}
    assert set(mounted) == {"/etc/nginx/conf.d/default.conf", "/etc/nginx/conf.d/hongshu-upstream.conf"}
    assert [source for source in mounted.values() if not (DEPLOY / source).is_file()] == []


def test_what_is_mounted_from_the_host_must_be_there_first() -> None:
    """Docker would make a folder where a file is missing; here it says that it is missing."""
    for name, service in SERVICES.items():
        for one in service["volumes"]:
            assert one["type"] == "volume" or one["bind"] == {"create_host_path": False}, name


def test_images_of_others_are_pinned_to_a_version() -> None:
    """Nothing changes under a running installation."""
    others = {one["image"] for one in SERVICES.values() if not one["image"].startswith("hongshu:")}
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", one) for one in others)
    version = re.findall(r"nginx:(\d+)\.(\d+)\.(\d+)", " ".join(others))[0]
    assert tuple(map(int, version)) >= (1, 27, 3)  # `resolve`
