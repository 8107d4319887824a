"""What docker-compose.yml says, done by processes of this machine, which needs no container engine."""

import json
import os
import re
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
import yaml
from crowd import address, enrol
from processes import KENNISPORTAL, Service, serving, wait_until
from sqlalchemy import make_url, text

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "web", "worker", "scheduler")
READERS = 6_000
VARIABLES = {"POSTGRES_PASSWORD": "geheim"}

_VARIABLE = re.compile(r"\$\{(\w+)(?::-(.*?)|:\?.*?)?\}")


def interpolated(value: Any) -> Any:
    """As the compose specification has it: ``${NAME:-default}``, ``${NAME:?message}`` and ``$$``."""
    if isinstance(value, dict):
        return {key: interpolated(one) for key, one in value.items()}
    if isinstance(value, list):
        return [interpolated(one) for one in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: VARIABLES.get(found[1], found[2] or ""), value).replace("$$", "$")
    return value


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    document: dict[str, Any] = interpolated(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))
    found: dict[str, Any] = document["services"]
    return found


def test_every_part_is_there_and_runs_with_as_little_as_it_needs(services) -> None:
    assert set(services) == {"db", "mailpit", *OURS}
    assert services["worker"]["deploy"]["replicas"] == 2
    assert services["mailpit"]["profiles"] == ["dev"]
    assert not any("profiles" in services[name] for name in ("db", *OURS))
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert "/tmp" in service["tmpfs"], name
        assert service.keys().isdisjoint({"privileged", "user"}), name
    for name in OURS:
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["command"][0] == "kennisportal"
    for name in ("web", "worker", "scheduler"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
    assert services["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    # Nothing is open to other machines: a proxy in front of it is.
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_slim_and_its_user_is_not_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert images
    assert all(image.endswith("-slim") for image in images)
    assert [line for line in lines if line.startswith("USER ")] == ["USER kennisportal"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()
    ]
    for name in ("requirements.lock", "feeds", "subscribers", "pipeline", "templates"):
        assert name in copied


def test_the_compose_file_is_one_by_the_word_of_compose_itself_where_that_is_installed(services) -> None:
    compose = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*compose, "version"], check=False).returncode:
        said = subprocess.run(
            [*compose, "--profile", "dev", "config", "--services"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | VARIABLES,
            check=True,
        )
        assert set(said.stdout.split()) == set(services)
        return
    # Where it is not, at least every key is one that a service may have.
    known = {
        *("build", "image", "environment", "volumes", "read_only", "tmpfs", "cap_drop", "security_opt"),
        *(
            "stop_grace_period",
            "restart",
            "depends_on",
            "command",
            "ports",
            "healthcheck",
            "deploy",
            "profiles",
        ),
    }
    assert {key for service in services.values() for key in service} <= known


class Composed:
    """The services, each as the process that its container would run, with what stands for its neighbours."""

    def __init__(
        self, services: dict[str, Any], stack: ExitStack, root: Path, database: str, mail: int
    ) -> None:
        self._services = services
        self._stack = stack
        self._root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._database = database
        self._mail = mail

    def environment(self, name: str) -> dict[str, str]:
        given = self._services[name]["environment"]
        url = make_url(given["KENNISPORTAL_DATABASE__URL"])
        assert (url.host, url.port, url.password) == ("db", 5432, VARIABLES["POSTGRES_PASSWORD"])
        assert given["KENNISPORTAL_MAIL__TRANSPORT"] == "smtp://mailpit:1025"
        return given | {
            "KENNISPORTAL_DATABASE__URL": self._database,
            "KENNISPORTAL_MAIL__TRANSPORT": f"smtp://127.0.0.1:{self._mail}",
            "KENNISPORTAL_CONFIG": str(self._root / "kennisportal.toml"),
        }

    def words(self, name: str, number: int = 1) -> list[str]:
        replaced = {
            "0.0.0.0": "127.0.0.1",
            "8000": str(self.port),
            "0.0.0.0:9100": "127.0.0.1:0",
            "/tmp/alive": str(self.alive(name, number)),
        }
        return [replaced.get(word, word) for word in self._services[name]["command"][1:]]

    def alive(self, name: str, number: int = 1) -> Path:
        return self._root / f"alive-{name}-{number}"

    def once(self, name: str) -> None:
        subprocess.run(
            [*KENNISPORTAL, *self.words(name)],
            env=os.environ | self.environment(name),
            check=True,
            timeout=60,
        )

    def start(self, name: str, number: int = 1) -> Service:
        return self._stack.enter_context(serving(self.words(name, number), self.environment(name)))

    def is_healthy(self, name: str, number: int = 1) -> bool:
        kind, test = self._services[name]["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        command = test.replace("/tmp/alive", str(self.alive(name, number)))
        return subprocess.run(["sh", "-c", command], stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.fixture
def composed(services, portal, recorder, database_url: str) -> Iterator[Composed]:
    with ExitStack() as stack:
        yield Composed(services, stack, portal.root, database_url, recorder.port)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_edition_reaches_everybody_once_though_a_worker_is_killed_in_the_middle(
    portal, recorder, composed: Composed
) -> None:
    portal.go_live()
    with portal.open() as app, app.database.engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        connection.commit()
    composed.once("migrate")
    due = portal.now.astimezone(ZoneInfo("Europe/Amsterdam")) + timedelta(seconds=20)
    portal.config.write_text(
        portal.config.read_text()
        .replace(
            'frequency = "weekly"', f'frequency = "weekly"\nday = "{due:%A}"\nat = "{due:%H:%M:%S}"'.lower()
        )
        .replace("[collect]", 'uncertain_after = "1s"\n\n[collect]')
    )
    enrol(portal, READERS)
    portal.write("a", "De cloud")

    composed.start("web")
    composed.start("scheduler")
    workers = [composed.start("worker", number) for number in (1, 2)]
    wait_until(lambda: recorder.size)
    wait_until(lambda: len(recorder.taken()) > READERS // 4)
    workers[0].kill()
    assert len(recorder.taken()) < READERS, "it was done before a worker could be killed"

    def status() -> dict[str, Any]:
        (edition,) = json.loads(portal.run("digest", "list", "--json").stdout)
        found: dict[str, Any] = json.loads(
            portal.run("digest", "status", edition["edition"], "--json").stdout
        )
        return found

    wait_until(lambda: status()["state"] == "done", 120)
    assert status()["deliveries"] == {"accepted": READERS}
    taken = Counter(recipient for recipient, _ in recorder.taken())
    assert set(taken.values()) == {1}, "somebody got it twice"
    lost = {address(one) for one in range(READERS)} - taken.keys()
    assert len(lost) <= 32, "only what the dead worker had in hand may not have been handed over"
    assert json.loads(portal.run("digest", "reconcile", status()["edition"], "--json").stdout)["balanced"]

    told = re.search(r"Figures on (http://\S+/metrics)", workers[1].said)
    assert told
    figures = httpx2.get(told[1]).text
    assert 'kennisportal_mails_total{state="accepted"}' in figures
    assert 'kennisportal_job_duration_seconds_count{job="deliver"}' in figures
    assert "@" not in figures
    assert composed.is_healthy("worker", 2)
    assert composed.is_healthy("scheduler")
    os.utime(composed.alive("worker", 1), (0, 0))
    assert not composed.is_healthy("worker", 1)
    base = f"http://127.0.0.1:{composed.port}"
    assert httpx2.get(f"{base}/readyz").status_code == 200
    assert "De cloud" in httpx2.get(f"{base}/feeds/cloud.atom").text
    assert workers[1].stop() == 0
