"""Parse the Compose file, Dockerfile and .dockerignore, and check them."""

from __future__ import annotations

import io
import re
import tomllib
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from dockerfile_parse import DockerfileParser

from graphdb.server.local import version
from tests.conftest import ROOT

OWN_SERVICES = ("api", "ingest", "trainer")
SERVICES = ("neo4j", *OWN_SERVICES)
SECRETS = ("NEO4J_AUTH", "NEO4J_PASSWORD", "AFFINITY_API_KEY")
TEXT = (ROOT / "docker-compose.yml").read_text()
VARIABLES = {"NEO4J_PASSWORD": "secret", "AFFINITY_API_KEY": "key", "VIDEOS": "/somewhere/videos"}


def substitute(text: str, variables: dict[str, str]) -> str:
    """Replace `${NAME:?message}` and `${NAME:-default}`, as Compose does."""

    def value(match: re.Match[str]) -> str:
        name, operator, argument = match.groups()
        if name in variables:
            return variables[name]
        if operator == ":-":
            return argument
        raise KeyError(argument)

    return re.sub(r"\$\{(\w+)(:\?|:-)([^}]*)\}", value, text)


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TEXT)
    return loaded


@pytest.fixture
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def test_the_compose_file_follows_the_specification() -> None:
    parsed = PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(substitute(TEXT, VARIABLES))))
    parsed.validate()
    assert sorted(parsed.service_names()) == sorted(SERVICES)


@pytest.mark.parametrize("name", ["NEO4J_PASSWORD", "AFFINITY_API_KEY"])
def test_a_missing_secret_is_reported_with_a_remedy(name: str) -> None:
    with pytest.raises(KeyError, match=f"put {name} into .env"):
        substitute(TEXT, {key: value for key, value in VARIABLES.items() if key != name})


def test_no_secret_has_a_default(services: dict[str, Any]) -> None:
    found = [value for service in services.values() for key, value in service["environment"].items() if key in SECRETS]
    assert len(found) == 5
    assert all(re.fullmatch(r"(neo4j/)?\$\{\w+:\?put \w+ into \.env\}", value) for value in found)


def test_each_variable_is_read_by_the_code(services: dict[str, Any]) -> None:
    code = "".join(
        path.read_text() for package in ("graphdb", "api", "trainer") for path in (ROOT / package).rglob("*.py")
    )
    names = {name for service in OWN_SERVICES for name in services[service]["environment"]}
    assert names == {"NEO4J_URI", "NEO4J_USER", "NEO4J_PASSWORD", "AFFINITY_API_KEY"}
    assert [name for name in sorted(names) if f'"{name}"' not in code] == []


def test_images_are_pinned_and_neo4j_has_the_locked_version(services: dict[str, Any]) -> None:
    for service in services.values():
        name, _, tag = service["image"].partition(":")
        assert name and re.match(r"\d+\.\d+\.\d+", tag)
    assert services["neo4j"]["image"] == f"neo4j:{version()}-community"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {services[name]["image"].partition(":")[2] for name in OWN_SERVICES} == {project["version"]}


def test_each_dependency_has_a_health_check(services: dict[str, Any]) -> None:
    dependencies = {name: list(service.get("depends_on", {})) for name, service in services.items()}
    assert dependencies == {"neo4j": [], "api": ["neo4j"], "ingest": ["neo4j"], "trainer": ["api"]}
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert {"test", "interval", "timeout", "retries", "start_period"} <= set(services[name]["healthcheck"])
    assert "/readyz" in services["api"]["healthcheck"]["test"][-1]


def test_data_is_in_volumes_and_videos_are_read_only(compose: dict[str, Any], services: dict[str, Any]) -> None:
    mounted = {name: service["volumes"] for name, service in services.items()}
    assert mounted["neo4j"] == ["graph:/data"]
    assert mounted["api"] == ["data:/data"] == mounted["ingest"][:1]
    assert mounted["trainer"] == ["runs:/data"]
    assert substitute(mounted["ingest"][1], {}) == "./videos:/videos:ro"
    assert services["ingest"]["command"] == ["ingest", "/videos"]
    assert set(compose["volumes"]) == {"graph", "data", "runs"}


def test_ports_are_published_on_localhost_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:7474:7474", "127.0.0.1:7687:7687", "127.0.0.1:8477:8477"]


def test_no_service_runs_as_root(services: dict[str, Any]) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", services["neo4j"]["user"])
    for name in OWN_SERVICES:
        assert "user" not in services[name]  # the image sets its own user, which is not root
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]


def test_the_memory_settings_of_neo4j_are_below_its_limit(services: dict[str, Any]) -> None:
    def gibi(text: str) -> float:
        return float(text[:-1]) * {"M": 1 / 1024, "G": 1}[text[-1].upper()]

    environment = services["neo4j"]["environment"]
    sizes = [environment[f"NEO4J_server_memory_{name}"] for name in ("heap_max__size", "pagecache_size")]
    assert sum(map(gibi, sizes)) < gibi(services["neo4j"]["mem_limit"])
    assert "mem_limit" in services["api"]


def test_the_trainer_has_a_gpu_and_no_access_to_the_graph(services: dict[str, Any]) -> None:
    trainer = services["trainer"]
    assert trainer["profiles"] == ["gpu"]
    [device] = trainer["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert set(trainer["environment"]) == {"AFFINITY_API_KEY"}
    assert [name for name in SERVICES if "profiles" not in services[name]] == ["neo4j", "api"]


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_each_image_has_the_extras_of_its_command(name: str, services: dict[str, Any]) -> None:
    extras = services[name]["build"]["args"]["EXTRAS"].split(",")
    package = {"serve": "api", "ingest": "ingest", "train": "trainer"}[services[name]["command"][0]]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert package in extras and set(extras) <= set(project["optional-dependencies"])
    assert services[name]["build"]["context"] == "."


# The Dockerfile


@pytest.fixture
def instructions() -> list[tuple[str, str]]:
    parser = DockerfileParser(fileobj=io.BytesIO((ROOT / "Dockerfile").read_bytes()))
    return [(line["instruction"], line["value"]) for line in parser.structure if line["instruction"] != "COMMENT"]


def values(instructions: list[tuple[str, str]], name: str) -> list[str]:
    return [value for instruction, value in instructions if instruction == name]


def copied(instructions: list[tuple[str, str]]) -> list[str]:
    return [source for value in values(instructions, "COPY") for source in value.split()[:-1]]


def test_the_base_image_is_pinned_to_a_supported_python(instructions: list[tuple[str, str]]) -> None:
    [base] = values(instructions, "FROM")
    match = re.fullmatch(r"python:3\.(\d+)-slim-[a-z]+", base)
    assert match and 11 <= int(match[1]) < 15


def test_all_sources_of_the_wheel_exist_and_are_copied(instructions: list[tuple[str, str]]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sources = copied(instructions)
    assert [source for source in sources if not (ROOT / source).exists()] == []
    packed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    needed = {*packed, "pyproject.toml", "constraints.txt", project["project"]["readme"], "LICENSE"}
    assert needed <= set(sources)
    assert {path.name for path in ROOT.glob("affinity*.py")} <= set(packed)
    assert set(packed) <= set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    for value in values(instructions, "COPY"):
        *several, target = value.split()
        assert target == ("./" if len(several) > 1 else several[0])


def test_the_image_runs_as_its_own_user_who_owns_the_data(instructions: list[tuple[str, str]]) -> None:
    assert values(instructions, "USER") == ["affinity"]
    made = " ".join(values(instructions, "RUN"))
    assert "useradd --uid 10001" in made and "--owner affinity" in made
    names = [name for name, _ in instructions]
    assert "RUN" not in names[names.index("USER") :]
    assert values(instructions, "VOLUME") == ["/data"] and "AFFINITY_DATA=/data" in values(instructions, "ENV")[0]
    assert values(instructions, "EXPOSE") == ["8477"]
    assert values(instructions, "ENTRYPOINT") == ['["affinity"]']


def test_the_image_is_built_from_the_pinned_versions(instructions: list[tuple[str, str]]) -> None:
    [install] = [value for value in values(instructions, "RUN") if "pip install" in value]
    assert "--constraint constraints.txt" in install and ".[${EXTRAS}]" in install
    assert values(instructions, "ARG") == ["EXTRAS=ingest,api"]


def test_the_build_context_has_only_copied_files(instructions: list[tuple[str, str]]) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert kept == set(copied(instructions))
    for secret in (".env", ".git", ".venv", "samples", "tests"):
        assert not any(fnmatch(secret, name) for name in kept)
    assert all((ROOT / name).exists() for name in kept)
