"""Keys that sign links: a new one signs, and old links go on working."""

import stat

import pytest

from pipeline.edges import secrets
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


def test_a_file_that_is_no_key_file_is_left_as_it_is(tmp_path) -> None:
    file = tmp_path / "secret.key"
    file.write_text("suppression zz\n")
    with pytest.raises(secrets.SecretError):
        secrets.rotate(file)
    assert file.read_text() == "suppression zz\n"
