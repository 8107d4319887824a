"""The doctor, among real servers on loopback: DNS, SMTP with and without TLS, IMAP, the time, the site."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from dns_server import BROKEN, answering
from dovecot import imap_server
from pytest_httpserver import HTTPServer
from scripted import PIPELINING, serving
from time_server import telling

SERVER = Path(__file__).parents[1] / "support" / "smtp_server.py"
SOUND = {
    ("portaal.example", "TXT"): ['"v=spf1 mx ~all"'],
    ("_dmarc.portaal.example", "TXT"): ['"v=DMARC1; p=quarantine"'],
    ("terug.portaal.example", "TXT"): ['"v=spf1 mx ~all"'],
    ("terug.portaal.example", "MX"): ["10 mx.portaal.example."],
}


def look(portal, zone: dict, off: float = 0) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and what was found by check."""
    with answering(zone) as resolver, telling(off) as clock:
        result = portal.run("doctor", "--json", "--resolver", resolver, "--time-server", clock)
    found = {
        one["check"]: (one["verdict"], f"{one['saw']} / {one['advice']}") for one in json.loads(result.stdout)
    }
    return result.exit_code, found


@pytest.fixture
def sound(portal, httpserver: HTTPServer):
    """A portal of which everything is as it should be, as far as that can be on loopback."""
    httpserver.expect_request("/healthz").respond_with_data("ok\n")
    key = rsa.generate_private_key(65537, 2048)
    pem = portal.root / "dkim.pem"
    pem.touch(0o600)
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"
    with serving({"EHLO": PIPELINING}) as server:
        text = portal.config.read_text()
        text = text.replace("https://portaal.example", httpserver.url_for("").rstrip("/"), 1)
        text = text.replace("maildir://mail", f"smtp://127.0.0.1:{server.port}")
        text = text.replace("[collect]", 'bounce_domain = "terug.portaal.example"\n\n[collect]')
        text += '\n[mail.dkim]\ndomain = "portaal.example"\nselector = "w1"\nkey_file = "dkim.pem"\n'
        portal.config.write_text(text)
        portal.zone = SOUND | {
            ("w1._domainkey.portaal.example", "TXT"): [f'"{record[:250]}" "{record[250:]}"']
        }
        yield portal


def test_where_all_is_well_nothing_is_wrong(sound) -> None:
    code, found = look(sound, sound.zone)
    assert code == 0, found
    ok = {check for check, (verdict, _) in found.items() if verdict == "ok"}
    assert ok >= {
        "config",
        "secret secret.key",
        "secret dkim.pem",
        "database",
        "integrity",
        "schema",
        "clock",
        "disk",
        "SPF of terug.portaal.example",
        "DKIM key at w1._domainkey.portaal.example",
        "DMARC of portaal.example",
        "MX of terug.portaal.example",
    }
    assert any(check.startswith("mail server 127.0.0.1") for check in ok)
    assert found["PTR"][0] == "not known"


def test_every_mistake_is_found_with_what_to_do_about_it(sound) -> None:
    (sound.root / "dkim.pem").chmod(0o644)
    (sound.root / "var" / "secret.key").chmod(0o640)
    zone = {
        ("w1._domainkey.portaal.example", "TXT"): ['"v=DKIM1; p=AAAA"'],
        ("terug.portaal.example", "TXT"): ['"x"'],
    }
    code, found = look(sound, zone, off=90)
    assert code == 1
    wrong = {check: told for check, (verdict, told) in found.items() if verdict == "wrong"}
    assert set(wrong) == {
        "secret secret.key",
        "secret dkim.pem",
        "clock",
        "SPF of terug.portaal.example",
        "DKIM key at w1._domainkey.portaal.example",
        "DMARC of portaal.example",
        "MX of terug.portaal.example",
    }
    assert "chmod 600" in wrong["secret dkim.pem"]
    assert "-90" in wrong["clock"]
    assert "v=DKIM1; k=rsa; p=" in wrong["DKIM key at w1._domainkey.portaal.example"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_beside_the_clock_of_the_database_server_that_of_a_time_server_is_looked_at(sound) -> None:
    sound.go_live()
    code, found = look(sound, sound.zone, off=90)
    assert code == 1
    assert found["database clock"][0] == "ok"
    assert found["clock"][0] == "wrong"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_server_that_is_gone_is_said_and_the_rest_is_looked_at(sound) -> None:
    text = sound.config.read_text()
    lines = [
        'url = "postgresql+psycopg://postgres@127.0.0.1:1/weg"' if "postgresql" in line else line
        for line in text.splitlines()
    ]
    sound.config.write_text("\n".join(lines))
    code, found = look(sound, sound.zone)
    assert code == 1
    assert [check for check, (verdict, _) in found.items() if verdict == "wrong"] == ["database"]
    assert found["DKIM key at w1._domainkey.portaal.example"][0] == "ok"


def test_a_damaged_journal_is_named_and_hides_nothing_else(sound) -> None:
    (sound.root / "var" / "journal").write_text("x\n")
    code, found = look(sound, sound.zone)
    assert code == 1
    assert [check for check, (verdict, _) in found.items() if verdict == "wrong"] == ["journal"]
    assert {found[check][0] for check in ("database", "schema", "clock", "disk")} == {"ok"}


def test_a_password_is_only_a_fault_of_the_config_where_it_stands_in_it(portal, monkeypatch) -> None:
    transport = "smtp://lezer:geheim@127.0.0.1:1"
    monkeypatch.setenv("KENNISPORTAL_MAIL__TRANSPORT", transport)
    assert look(portal, {})[1]["config"][0] == "ok"
    portal.config.write_text(portal.config.read_text().replace("maildir://mail", transport))
    verdict, told = look(portal, {})[1]["config"]
    assert verdict == "warning"
    assert "it holds a password" in told


def test_what_can_t_be_asked_is_not_known_and_no_fault(sound) -> None:
    text = sound.config.read_text().replace("@portaal.example", f"@{BROKEN}")
    sound.config.write_text(text.replace("terug.portaal.example", f"terug.{BROKEN}"))
    with answering(sound.zone) as resolver:
        result = sound.run("doctor", "--json", "--resolver", resolver, "--time-server", "127.0.0.1:1")
    found = {one["check"]: one["verdict"] for one in json.loads(result.stdout)}
    assert result.exit_code == 0, found
    unknown = {f"SPF of terug.{BROKEN}", f"DMARC of {BROKEN}", f"MX of terug.{BROKEN}", "clock"}
    assert {found[check] for check in unknown} == {"not known"}


def test_a_mail_server_that_is_down_and_a_site_that_does_not_answer_are_told_apart(sound) -> None:
    text = sound.config.read_text()
    lines = [
        'transport = "smtp://127.0.0.1:1"' if line.startswith("transport") else line
        for line in text.splitlines()
    ]
    sound.config.write_text(
        "\n".join(lines).replace('base_url = "http://localhost', 'base_url = "http://127.0.0.1')
    )
    code, found = look(sound, sound.zone)
    assert code == 1
    assert found["mail server 127.0.0.1:1"][0] == "wrong"


def test_a_database_that_is_damaged_or_of_another_version_is_wrong(sound) -> None:
    with sound.open() as app, app.database.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    code, found = look(sound, sound.zone)
    assert code == 1
    assert found["schema"][0] == "wrong"
    assert "db upgrade" in found["schema"][1]


def certificate(directory: Path, days: int) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself and ends in so many days, and its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.mark.parametrize(
    "days, trusted, verdict", [(300, True, "ok"), (5, True, "warning"), (300, False, "wrong")]
)
def test_a_mail_server_s_certificate_is_looked_at(
    sound, tmp_path: Path, monkeypatch, days: int, trusted: bool, verdict: str
) -> None:
    sound.go_live()
    made, key = certificate(tmp_path, days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
    command = [
        sys.executable,
        str(SERVER),
        str(tmp_path / "inbox"),
        "--certificate",
        str(made),
        "--key",
        str(key),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            url = f"smtp+starttls://127.0.0.1:{int(server.stdout.readline())}"
            text = re.sub(r"smtp://127.0.0.1:\d+", url, sound.config.read_text())
            sound.config.write_text(text)
            _, found = look(sound, sound.zone)
        finally:
            server.terminate()
    [(how, told)] = [one for check, one in found.items() if check.startswith("mail server")]
    assert how == verdict
    assert f"({days - 1} days)" in told or not trusted


@pytest.mark.skipif(shutil.which("dovecot") is None, reason="no Dovecot on this machine")
def test_the_bounce_mailbox_is_logged_in_to(sound) -> None:
    with tempfile.TemporaryDirectory(prefix="imap") as directory:
        Path(directory).chmod(0o755)  # the server runs as another user
        _look_at_mailboxes(sound, Path(directory) / "d")


def _look_at_mailboxes(sound, root: Path) -> None:
    with imap_server(root) as box:
        for url, verdict in ((box.url, "ok"), (box.url.replace("geheim", "fout"), "wrong")):
            text = sound.config.read_text().partition("[bounces]")[0]
            sound.config.write_text(f'{text}\n[bounces]\nimap = "{url}"\n')
            _, found = look(sound, sound.zone)
            assert found["bounce mailbox"][0] == verdict
            assert "geheim" not in found["bounce mailbox"][1]
