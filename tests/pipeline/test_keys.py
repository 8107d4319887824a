"""Keys that sign links: a new one signs, and old links go on working."""

import os
import stat

import pytest

from pipeline.edges import secrets
from pipeline.edges.config import replace
from pipeline.edges.journal import JournalFile
from subscribers.journal import Back
from subscribers.token import BOUNCE, UNSUBSCRIBE


def test_a_new_key_signs_and_the_links_and_addresses_in_old_mails_go_on_working(portal) -> None:
    with portal.open() as app:
        before = app.secrets
        link = app.tokens.sign(UNSUBSCRIBE, 7)
        address = app.tokens.address(BOUNCE, 7, "terug.example")
    assert portal.run("keys", "rotate").exit_code == 2, "it is not done unasked"
    result = portal.run("keys", "rotate", "--yes", "--as", "beheer")
    assert result.exit_code == 0
    assert "2 keys" in result.stdout
    with portal.open() as app:
        after = app.secrets
        assert after.suppression == before.suppression
        assert after.signing[:-1] == before.signing
        assert app.tokens.sign(UNSUBSCRIBE, 7) != link
        assert app.tokens.read(UNSUBSCRIBE, link) == 7
        assert app.tokens.read_address(BOUNCE, address) == 7
    file = portal.root / "var" / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.glob("*secret*")] == ["secret.key"]
    assert "keys rotate" in portal.run("audit").stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_what_root_writes_anew_stays_the_portals_own(portal) -> None:
    """The key file, the config and the journal: the portal runs as somebody who must go on reading them."""
    with portal.open() as app:
        app.enroller().suppress("lezer1@voorbeeld.example", "op verzoek")
        key = app.settings.path(app.settings.mail.secret_key_file)
        journal = app.settings.path(app.settings.database.journal)
    files = [key, portal.config, journal]
    for file in files:
        os.chown(file, 4321, 1234)
        file.chmod(0o640)
    secrets.rotate(key)
    replace(portal.config, portal.config.read_text() + "# anders\n")
    before = journal.stat().st_ino
    file = JournalFile(journal, lambda: portal.now)
    file._longest = 0
    file.append([Back("00", portal.now)])
    assert journal.stat().st_ino != before
    for file in files:
        found = file.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (4321, 1234, 0o640)


def test_a_key_file_behind_a_link_stays_where_it_is(portal) -> None:
    file = portal.root / "var" / "secret.key"
    elsewhere = file.rename(portal.root / "sleutel")
    file.symlink_to(elsewhere)
    assert secrets.rotate(file) == 2
    assert file.is_symlink()
    assert len(secrets.load(elsewhere).signing) == 2


def test_a_file_that_is_no_key_file_is_left_as_it_is(tmp_path) -> None:
    file = tmp_path / "secret.key"
    file.write_text("suppression zz\n")
    with pytest.raises(secrets.SecretError):
        secrets.rotate(file)
    assert file.read_text() == "suppression zz\n"
