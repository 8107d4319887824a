"""What Prometheus is told, and who else is not; and that what is shown and alarmed on exists."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from handed_out import send_what_is_handed_out
from prometheus_client.parser import text_string_to_metric_families

from pipeline.upkeep import noted
from pipeline.web.figures import DOMAINS, bounded

DOCS = Path(__file__).parents[3] / "docs"
EMAIL = "lezer1@voorbeeld.example"


def figures(site) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    answer = site.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_the_figures_are_those_of_the_database(site, portal) -> None:
    site.join(EMAIL)
    site.plan()
    found = figures(site)
    assert found["kennisportal_database_up"] == {(): 1}
    assert found["kennisportal_log_head"] == {(): 2}
    assert found["kennisportal_articles"][(("theme", "overheid"),)] == 2
    assert found["kennisportal_subscribers"] == {(("state", "active"),): 1}
    assert found["kennisportal_sources"][(("condition", "all"),)] == 1
    assert set(found["kennisportal_feed_lag_entries"].values()) == {0}
    assert found["kennisportal_reader_lag_entries"] == {(): 2}
    [(labels, number)] = found["kennisportal_deliveries"].items()
    assert (dict(labels)["state"], number) == ("planned", 1)
    portal.wait(minutes=10)
    assert figures(site)["kennisportal_queue_age_seconds"] == {(): 600}
    send_what_is_handed_out(site.app)
    found = figures(site)
    assert found["kennisportal_recent_deliveries"] == {
        (("domain", "voorbeeld.example"), ("state", "accepted")): 1
    }
    assert found["kennisportal_reader_lag_entries"] == {(): 0}
    assert found["kennisportal_mails_total"][(("state", "accepted"),)] >= 1
    assert found["kennisportal_job_duration_seconds_count"][(("job", "deliver"),)] >= 1


@pytest.mark.each_database
def test_what_the_clock_asked_for_and_what_waits_for_workers_is_told(site, portal) -> None:
    assert "kennisportal_clock_timestamp_seconds" not in figures(site)
    with site.app.store.write() as work:
        work.register.advance("task.ping", "2026-11-24T09:00:00Z", portal.now, beyond="9999")
        work.queue.put("ping")
    found = figures(site)
    assert found["kennisportal_clock_timestamp_seconds"] == {(): portal.now.timestamp()}
    if not site.app.backend.scales:
        assert "kennisportal_jobs_waiting" not in found
        return
    assert found["kennisportal_jobs_waiting"] == {(): 1}
    assert found["kennisportal_workers"] == {(): 0}
    assert "kennisportal_jobs_age_seconds" in found


def test_no_address_of_anybody_is_among_them(site) -> None:
    leave = site.join(EMAIL)
    site.plan()
    send_what_is_handed_out(site.app)
    text = site.ask("/metrics").text
    assert EMAIL not in text
    assert "@" not in text
    assert leave.rpartition("/")[2] not in text


def test_however_many_domains_there_are_only_the_largest_are_named() -> None:
    counts = {(f"d{number}.example", "accepted"): number for number in range(1, 500)}
    found = bounded(counts)
    assert len(found) == DOMAINS + 1
    assert sum(found.values()) == sum(counts.values())
    assert found["d499.example", "accepted"] == 499


def test_processes_that_share_a_directory_are_told_of_together(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def python(code: str) -> str:
        command = [sys.executable, "-c", f"from pipeline import meters; {code}"]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    for _ in range(2):
        python("meters.settled({'accepted': 3}); meters.timed('deliver')(list)()")
    told = python(
        "from prometheus_client import generate_latest; print(generate_latest(meters.registry()).decode())"
    )
    assert 'kennisportal_mails_total{state="accepted"} 6.0' in told
    assert 'kennisportal_job_duration_seconds_count{job="deliver"} 2.0' in told


def test_who_is_not_named_in_the_config_learns_nothing(portal, serving) -> None:
    text = portal.config.read_text()
    portal.config.write_text(f'[web]\nmetrics_from = ["192.0.2.0/24"]\n\n{text}')
    with serving() as site:
        answer = site.ask("/metrics")
        assert (answer.status, answer.text) == (403, "not for you\n")


def test_who_comes_through_a_proxy_of_this_machine_is_who_the_proxy_says(site) -> None:
    assert site.ask("/metrics", headers={"X-Forwarded-For": "198.51.100.7"}).status == 403
    assert site.ask("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status == 200


def test_without_its_database_it_still_answers_and_says_so(site, portal) -> None:
    with site.app.database.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("DROP TABLE log_theme")
        connection.exec_driver_sql("DROP TABLE log")
    assert figures(site)["kennisportal_database_up"] == {(): 0}


def test_ready_is_only_who_knows_the_schema(site) -> None:
    with site.app.database.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    answer = site.ask("/readyz")
    assert answer.status == 503


@pytest.fixture
def names(site) -> set[str]:
    site.join(EMAIL)
    site.plan()
    before = set(figures(site))
    with noted(site.app, "plan_and_send"):
        send_what_is_handed_out(site.app)
    return before | set(figures(site)) | {"up"}


def used(expression: str) -> set[str]:
    return set(re.findall(r"\bkennisportal_\w+", expression))


def test_everything_that_the_dashboard_shows_is_told(names) -> None:
    board = json.loads((DOCS / "grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert asked
    assert set().union(*map(used, asked)) <= names
    assert all(map(used, asked))


def test_everything_that_the_alert_rules_go_by_is_told(names) -> None:
    rules = yaml.safe_load((DOCS / "alerts.yml").read_text())
    found = [rule for group in rules["groups"] for rule in group["rules"]]
    assert found
    assert all(used(rule["expr"]) <= names and used(rule["expr"]) for rule in found)
    assert all(rule["annotations"]["summary"] for rule in found)
