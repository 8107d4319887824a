"""Whether all is well, and what is seen where it isn't."""

import logging

import pytest

EMAIL = "lezer1@voorbeeld.example"


def close(site) -> None:
    """Let go of the database file, as a server does that has been idle."""
    site.app.database.engine.dispose()


def lose_the_table(site, portal) -> None:
    with site.app.database.engine.connect() as connection, connection.begin():
        for table in ("log_theme", "log"):
            connection.exec_driver_sql(f"DROP TABLE {table}")


def lose_the_file(site, portal) -> None:
    close(site)
    for file in (portal.root / "var").glob("kennisportal.db*"):
        if file.is_file():
            file.unlink()


def lose_the_directory(site, portal) -> None:
    close(site)
    (portal.root / "var").rename(portal.root / "elders")


def damage_the_file(site, portal) -> None:
    close(site)
    for file in (portal.root / "var").glob("kennisportal.db-*"):
        file.unlink()
    (portal.root / "var" / "kennisportal.db").write_bytes(b"not a database " * 1000)


def test_a_portal_that_is_well_says_so(site) -> None:
    for path, text in (("/healthz", "ok\n"), ("/readyz", "ready\n")):
        answer = site.ask(path)
        assert (answer.status, answer.text) == (200, text)
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("lose", [lose_the_table, lose_the_file, lose_the_directory, damage_the_file])
def test_without_its_database_it_is_alive_but_not_ready(site, portal, lose) -> None:
    lose(site, portal)
    answer = site.ask("/readyz")
    assert (answer.status, answer.text) == (503, "the database does not answer\n")
    assert answer.headers["cache-control"] == "no-store"
    assert site.ask("/healthz").status == 200
    assert site.ask("/feeds/all.rss").status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_failure_is_a_page_for_the_reader_and_a_traceback_for_the_log(site, portal, method, caplog) -> None:
    leave = site.join(EMAIL)
    damage_the_file(site, portal)
    caplog.set_level(logging.ERROR)
    answer = site.ask(leave, method)
    assert answer.status == 500
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>Er ging iets mis</h1>" in answer.text
    for inside in ("Traceback", "sqlite", "database", "SELECT", str(portal.root)):
        assert inside not in answer.text
    site.stop()  # it answers first, and writes down what happened after that
    assert any(record.exc_info for record in caplog.records)
