"""Enrolling: rosters good and bad, consent written down, and nobody brought back who left."""

import json

import pytest
from rosters import rows_of

from pipeline.steps import enrol
from pipeline.steps.enrol import EnrolError
from subscribers.frequency import Frequency
from subscribers.preferences import Preferences
from subscribers.roster import COLUMNS, RosterError
from subscribers.subscriber import State

pytestmark = pytest.mark.each_database

HEAD = ",".join(COLUMNS)


def take(portal, *rows: str, head: str = HEAD, note: str = ""):
    document = "\n".join([head, *rows]).encode()
    with portal.open() as app:
        return app.enroller().take(rows_of(document), note)


def reader(portal, email: str):
    with portal.open() as app, app.store.read() as work:
        return work.subscribers.by_email(email)


def consents(portal, email: str):
    with portal.open() as app, app.store.read() as work:
        return work.subscribers.consents(work.subscribers.by_email(email).id)


ROW = (
    "lezer1@voorbeeld.example,Lezer,nl,Europe/Amsterdam,daily,cloud;gemeenten,"
    "2026-11-01T10:00:00+01:00,formulier,Ja graag"
)


def test_a_roster_is_taken_over_with_its_proof_of_consent(portal) -> None:
    report = take(portal, ROW)
    assert (report.added, report.pending, report.refused) == (1, 0, [])
    found = reader(portal, "LEZER1@voorbeeld.example")
    assert found.interests == ("cloud", "gemeenten")
    assert found.subscriber.state is State.ACTIVE
    assert found.subscriber.frequency == "daily"
    (consent,) = consents(portal, "lezer1@voorbeeld.example")
    assert (consent.action, consent.source, consent.text) == ("subscribe", "formulier", "Ja graag")
    assert consent.interests == "cloud;gemeenten"
    assert consent.at.isoformat() == "2026-11-01T09:00:00+00:00"


def test_importing_the_same_roster_again_changes_nothing(portal) -> None:
    take(portal, ROW)
    report = take(portal, ROW)
    assert (report.added, report.updated, report.unchanged) == (0, 0, 1)
    assert len(consents(portal, "lezer1@voorbeeld.example")) == 1


def test_a_row_changes_only_what_it_names(portal) -> None:
    take(portal, ROW)
    report = take(portal, "lezer1@voorbeeld.example,cloud", head="email,interests")
    assert report.updated == 1
    found = reader(portal, "lezer1@voorbeeld.example")
    assert found.interests == ("cloud",)
    assert (found.subscriber.name, found.subscriber.frequency) == ("Lezer", "daily")


@pytest.mark.parametrize(
    "row, why",
    [
        ("geen-adres,,,,,cloud,,,", "no e-mail address"),
        (",,,,,cloud,,,", "no email"),
        ("a@voorbeeld.example,,,,,wolken,,,", "theme 'wolken' does not exist; choose from: overheid"),
        ("a@voorbeeld.example,,,,,,,,", "no interests"),
        ("a@voorbeeld.example,,fr,,,cloud,,,", "language 'fr'"),
        ("a@voorbeeld.example,,,Mars/Olympus,,cloud,,,", "time zone 'Mars/Olympus'"),
        ("a@voorbeeld.example,,,,hourly,cloud,,,", "frequency 'hourly' is not one of immediate, daily"),
        ("a@voorbeeld.example,,,,,cloud,gisteren,,", "consented_at 'gisteren'"),
        ("a@voorbeeld.example,,,,,cloud,2099-01-01,,", "in the future"),
        ("a@voorbeeld.example,,,,,cloud", "more or fewer fields"),
        ("a@voorbeeld.example,,,,,cloud,,,,,", "more or fewer fields"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_on(portal, row: str, why: str) -> None:
    report = take(portal, ROW, row, ROW.replace("lezer1", "lezer2"))
    assert report.added == 2
    ((line, said),) = report.refused
    assert line == 3
    assert why in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "document, why",
    [
        (b"", "name the columns"),
        (b"name,interests\nx,cloud\n", "'email'"),
        (b"email,interests,phone\na@b.example,cloud,1\n", "column 'phone' is unknown"),
        (b"email,email\na@b.example,c@d.example\n", "stands twice"),
        (b'email,interests\n"a@b.example,cloud\n', "begins on line 2 is no CSV"),
    ],
)
def test_a_file_that_is_no_roster_is_refused_as_a_whole(document: bytes, why: str) -> None:
    with pytest.raises(RosterError, match=why):
        list(rows_of(document))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_encoding_and_the_separator_are_found_out(encoding: str, separator: str) -> None:
    lines = ["Email,Name,Interests", "lezer1@voorbeeld.example,Zoë Müller – van Eén,cloud|gemeenten"]
    document = "\r\n".join(line.replace(",", separator) for line in lines).encode(encoding)
    ((line, row),) = rows_of(document)
    assert line == 2
    assert row == {
        "email": "lezer1@voorbeeld.example",
        "name": "Zoë Müller – van Eén",
        "interests": "cloud|gemeenten",
    }


def test_columns_with_names_of_their_own_are_taken_for_ours_or_left_out() -> None:
    document = b"E-mailadres;Telefoon;Thema's;Opmerking\na@b.example;06;cloud;\n"
    renamed = {"e-mailadres": "email", "thema's": "interests", "telefoon": "", "opmerking": ""}
    assert list(rows_of(document, renamed)) == [(2, {"email": "a@b.example", "interests": "cloud"})]
    with pytest.raises(RosterError, match="there is no column 'mobiel'"):
        list(rows_of(document, renamed | {"mobiel": ""}))
    with pytest.raises(RosterError, match=r"column 'telefoon' is unknown; .* --map 'telefoon=…'"):
        list(rows_of(document, renamed | {"telefoon": "telefoon"}))


ROSTER = """\
email,interests
nieuw@voorbeeld.example,cloud
nieuw@voorbeeld.example,gemeenten
bekend@voorbeeld.example,gemeenten
geen adres,cloud
weg@voorbeeld.example,cloud
onderdrukt@voorbeeld.example,cloud
ander@voorbeeld.example,onzin
,cloud
"""


def test_a_rehearsal_says_what_an_import_would_do_and_keeps_nothing(portal) -> None:
    file = portal.root / "lezers.csv"
    with portal.open() as app:
        for name in ("bekend", "weg"):
            app.enroller().add({"email": f"{name}@voorbeeld.example", "interests": "cloud"}, "op papier")
        app.enroller().unsubscribe(reader(portal, "weg@voorbeeld.example").id, "test")
        app.enroller().suppress("onderdrukt@voorbeeld.example", "op verzoek")
    file.write_text(ROSTER)
    words = ("subscribers", "import", str(file), "--confirmed", "--consent-note", "op papier", "--json")
    rehearsed = portal.run(*words, "--dry-run")
    assert reader(portal, "nieuw@voorbeeld.example") is None
    assert reader(portal, "bekend@voorbeeld.example").interests == ("cloud",)
    done = portal.run(*words)
    assert json.loads(rehearsed.stdout) == json.loads(done.stdout)
    found = json.loads(done.stdout)
    assert (found["added"], found["updated"]) == (1, 1)
    assert found["reasons"] == {
        "duplicate": 1,
        "bad address": 1,
        "suppressed or left": 2,
        "unknown theme": 1,
        "bad row": 1,
    }
    assert reader(portal, "nieuw@voorbeeld.example").interests == ("cloud",)
    assert "subscribers import" in portal.run("audit").stdout
    again = json.loads(portal.run(*words).stdout)
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 2)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_of_several_rows_for_one_address_the_first_counts(portal, monkeypatch, batch: int) -> None:
    monkeypatch.setattr(enrol, "_BATCH", batch)
    head = "email,interests"
    take(portal, "bekend@voorbeeld.example,cloud", head=head, note="op papier")
    report = take(
        portal,
        "bekend@voorbeeld.example,gemeenten",
        "nieuw@voorbeeld.example,cloud",
        "Nieuw@Voorbeeld.example,gemeenten",
        "ander@voorbeeld.example,cloud",
        "bekend@voorbeeld.example,cloud",
        "nieuw@voorbeeld.example,gemeenten",
        head=head,
        note="op papier",
    )
    assert (report.added, report.updated) == (2, 1)
    assert [line for line, _ in report.refused] == [4, 6, 7]
    assert all("stands in a row above" in why for _, why in report.refused)
    assert reader(portal, "bekend@voorbeeld.example").interests == ("gemeenten",)
    assert reader(portal, "nieuw@voorbeeld.example").interests == ("cloud",)


def test_a_map_that_makes_no_sense_is_refused(portal) -> None:
    file = portal.root / "lezers.csv"
    file.write_text(ROSTER)
    for bad in ("email", "=email", "telefoon=mobiel"):
        result = portal.run("subscribers", "import", str(file), "--map", bad)
        assert result.exit_code == 2
        assert "must be like 'E-mailadres=email'" in result.stderr


def test_a_spreadsheets_own_csv_is_read(portal) -> None:
    head, row = "Email;Name;Interests", 'lezer1@voorbeeld.example;"Lezer; de eerste";cloud|gemeenten'
    document = f"\ufeff{head}\r\n{row}\r\n"
    with portal.open() as app:
        report = app.enroller().take(rows_of(document.encode()), "op papier")
    assert report.added == 1
    assert reader(portal, "lezer1@voorbeeld.example").subscriber.name == "Lezer; de eerste"


@pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_a_separator_named_above_it_all_is_no_row(line: str) -> None:
    rows = list(rows_of(f"{line}email;interests\na@voorbeeld.example;cloud,gemeenten,ict\n".encode()))
    assert rows == [(3, {"email": "a@voorbeeld.example", "interests": "cloud,gemeenten,ict"})]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    document = 'email,name\n"a@b.example","twee\nregels"\nc@d.example,x\n'
    assert [line for line, _ in rows_of(document.encode())] == [2, 4]


def test_without_proof_of_consent_a_reader_stays_pending(portal) -> None:
    report = take(portal, "lezer1@voorbeeld.example,cloud", head="email,interests")
    assert (report.added, report.pending) == (1, 1)
    assert reader(portal, "lezer1@voorbeeld.example").subscriber.state is State.PENDING
    take(portal, ROW)
    assert reader(portal, "lezer1@voorbeeld.example").subscriber.state is State.ACTIVE


def test_an_administrators_word_is_kept_as_proof(portal) -> None:
    take(portal, "lezer1@voorbeeld.example,cloud", head="email,interests", note="getekend op de bijeenkomst")
    (consent,) = consents(portal, "lezer1@voorbeeld.example")
    assert (consent.source, consent.text) == ("administrator", "getekend op de bijeenkomst")


def test_an_import_brings_nobody_back_who_left(portal) -> None:
    take(portal, ROW)
    with portal.open() as app:
        app.enroller().unsubscribe(reader(portal, "lezer1@voorbeeld.example").id, "link")
    report = take(portal, ROW)
    assert "has left" in report.refused[0][1]
    assert reader(portal, "lezer1@voorbeeld.example").subscriber.state is State.UNSUBSCRIBED
    assert [one.action for one in consents(portal, "lezer1@voorbeeld.example")] == [
        "subscribe",
        "unsubscribe",
    ]


@pytest.mark.each_database
def test_an_import_takes_back_nothing_that_a_reader_chose_by_themselves(portal) -> None:
    take(portal, ROW)
    portal.wait(days=1)
    id = reader(portal, "lezer1@voorbeeld.example").id
    with portal.open() as app:
        wish = Preferences(("gemeenten",), Frequency.MONTHLY, "nl", "Europe/Amsterdam", None)
        app.enroller().prefer(id, wish, "Door op te slaan")
    for note in ("", "op papier"):
        for row in (ROW, ROW.replace("2026-11-01T10:00:00+01:00", "")):
            report = take(portal, row, note=note)
            assert (report.updated, report.kept, report.refused) == (0, 1, [])
    found = reader(portal, "lezer1@voorbeeld.example")
    assert (found.interests, found.subscriber.frequency) == (("gemeenten",), "monthly")
    portal.wait(days=1)
    report = take(portal, ROW.replace("2026-11-01T10:00:00", "2026-11-26T09:00:00"))
    assert (report.updated, report.kept) == (1, 0)
    assert reader(portal, "lezer1@voorbeeld.example").interests == ("cloud", "gemeenten")


def test_a_suppressed_address_is_refused_however_it_is_written(portal) -> None:
    with portal.open() as app:
        app.enroller().suppress("Lezer1@Voorbeeld.example", "klacht")
    report = take(portal, ROW)
    assert report.added == 0
    assert "is suppressed" in report.refused[0][1]
    with portal.open() as app:
        app.enroller().unsuppress("lezer1@voorbeeld.example")
    assert take(portal, ROW).added == 1


@pytest.mark.parametrize(
    "words",
    [
        ("add", "--interests", "cloud"),
        ("edit", "--name", "Anneke"),
        ("feed",),
        ("confirm", "--consent-note", "belde"),
        ("export-data",),
        ("erase", "--yes"),
    ],
)
def test_nothing_is_written_about_who_was_erased(portal, words: tuple[str, ...]) -> None:
    take(portal, ROW)
    with portal.open() as app:
        app.accounts().erase(reader(portal, "lezer1@voorbeeld.example").id)
    before = reader(portal, "lezer1@voorbeeld.example")
    result = portal.run("subscribers", words[0], "lezer1@voorbeeld.example", *words[1:])
    assert result.exit_code == 1
    assert "about lezer1@voorbeeld.example was erased" in result.stderr
    assert reader(portal, "lezer1@voorbeeld.example") == before


def test_lifting_a_suppression_is_no_consent(portal) -> None:
    take(portal, ROW)
    with portal.open() as app:
        app.enroller().suppress("lezer1@voorbeeld.example", "klacht")
        assert app.enroller().unsuppress("lezer1@voorbeeld.example") is State.UNSUBSCRIBED
        with pytest.raises(EnrolError, match="is not suppressed"):
            app.enroller().unsuppress("lezer1@voorbeeld.example")


def test_a_first_digest_reaches_back_one_period_and_no_further(portal) -> None:
    def collect() -> None:
        with portal.open() as app:
            app.collector().collect(app.settings.source, force=True)

    portal.write("a", "De cloud")
    collect()
    portal.wait(days=5)
    portal.write("b", "De cloud twee")
    collect()
    portal.wait(hours=1)
    for number, (frequency, cursor) in enumerate([("weekly", 0), ("daily", 1), ("immediate", 2)]):
        row = f"l{number}@voorbeeld.example,,,,{frequency},cloud,2026-01-01,,"
        assert take(portal, row).added == 1
        assert reader(portal, f"l{number}@voorbeeld.example").subscriber.cursor == cursor


def test_who_left_and_asks_to_come_back_is_served_nothing_twice(portal) -> None:
    take(portal, ROW)
    found = reader(portal, "lezer1@voorbeeld.example")
    with portal.open() as app:
        app.enroller().unsubscribe(found.id, "link")
        with app.store.write() as work:
            work.subscribers.begin(found.id, 7, portal.now)
            work.subscribers.set_state(found.id, State.UNSUBSCRIBED)
        app.enroller().confirm("lezer1@voorbeeld.example", "belde op")
    back = reader(portal, "lezer1@voorbeeld.example").subscriber
    assert (back.state, back.cursor) == (State.ACTIVE, 7)
    assert [one.action for one in consents(portal, "lezer1@voorbeeld.example")] == [
        "subscribe",
        "unsubscribe",
        "subscribe",
    ]


def test_what_is_exported_can_be_imported_again(portal, other_portal) -> None:
    take(
        portal,
        ROW,
        'twee@voorbeeld.example,"Zoë, ""Z""",en,Europe/Amsterdam,weekly,gemeenten,2026-11-02,,"op\npapier"',
        "wacht@voorbeeld.example,,,,,cloud,,,",
        ROW.replace("lezer1", "weg"),
    )
    with portal.open() as app:
        app.enroller().unsubscribe(reader(portal, "weg@voorbeeld.example").id, "link")
    file = portal.root / "uit.csv"
    result = portal.run("subscribers", "export", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 subscribers written" in result.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    found = other_portal.run("subscribers", "import", str(file), "--json")
    assert json.loads(found.stdout)["added"] == 3
    for email in ("lezer1@voorbeeld.example", "twee@voorbeeld.example", "wacht@voorbeeld.example"):
        before, after = reader(portal, email), reader(other_portal, email)
        same = {"name", "language", "timezone", "frequency", "state", "confirmed_at"}
        assert before.subscriber.model_dump(include=same) == after.subscriber.model_dump(include=same)
        assert before.interests == after.interests
        assert consents(portal, email)[-1:] == consents(other_portal, email)[-1:] or email.startswith("wacht")
    assert json.loads(other_portal.run("subscribers", "import", str(file), "--json").stdout)["unchanged"] == 3


def test_an_export_can_be_of_some_states_or_one_theme(portal) -> None:
    take(portal, ROW, ROW.replace("lezer1", "weg").replace("cloud;gemeenten", "gemeenten"))
    with portal.open() as app:
        app.enroller().unsubscribe(reader(portal, "weg@voorbeeld.example").id, "link")
    lines = portal.run("subscribers", "export", "--state", "unsubscribed").stdout.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["email", "weg@voorbeeld.example"]
    assert len(portal.run("subscribers", "export", "--theme", "cloud").stdout.splitlines()) == 2


def test_who_left_is_exported_without_a_proof_that_would_bring_them_back(portal, other_portal) -> None:
    take(portal, ROW)
    with portal.open() as app:
        app.enroller().unsubscribe(reader(portal, "lezer1@voorbeeld.example").id, "link")
    file = portal.root / "weg.csv"
    assert portal.run("subscribers", "export", str(file), "--state", "unsubscribed").exit_code == 0
    assert "formulier" not in file.read_text(encoding="utf-8-sig")
    assert other_portal.run("subscribers", "import", str(file)).exit_code == 0
    assert reader(other_portal, "lezer1@voorbeeld.example").subscriber.state is State.PENDING


def test_a_list_of_suppressed_addresses_goes_out_and_in_again(portal, other_portal) -> None:
    take(portal, ROW, ROW.replace("lezer1", "lezer2"), ROW.replace("lezer1", "lezer3"))
    with portal.open() as app:
        app.enroller().suppress("Lezer1@Voorbeeld.example", "klacht")
        app.enroller().suppress("niemand@voorbeeld.example", "op verzoek")
        app.accounts().erase(reader(portal, "lezer2@voorbeeld.example").id)
    file = portal.root / "onderdrukt.csv"
    assert portal.run("subscribers", "suppressed", str(file)).exit_code == 0
    written = file.read_text(encoding="utf-8-sig")
    assert "lezer1@voorbeeld.example" in written
    assert "klacht" in written
    assert "lezer2" not in written
    assert "niemand" not in written
    assert len(written.splitlines()) == 4
    again = json.loads(portal.run("subscribers", "suppress", "--from", str(file), "--json").stdout)
    assert (again["added"], again["unchanged"]) == (0, 3)
    with other_portal.open() as app:
        app.enroller().add({"email": "lezer1@voorbeeld.example", "interests": "cloud"}, "op papier")
    taken = json.loads(other_portal.run("subscribers", "suppress", "--from", str(file), "--json").stdout)
    assert taken["added"] == 3
    assert reader(other_portal, "lezer1@voorbeeld.example").subscriber.state is State.SUPPRESSED


FORMULAS = [
    "=1+1@voorbeeld.example",
    "+31@voorbeeld.example",
    "-x@voorbeeld.example",
    "'=x@voorbeeld.example",
]


def test_no_address_is_a_formula_to_a_spreadsheet_and_each_comes_back_as_it_was(portal, other_portal) -> None:
    with portal.open() as app:
        for email in FORMULAS:
            app.enroller().add({"email": email, "interests": "cloud", "name": "=A1"}, "op papier")
    file = portal.root / "uit.csv"
    assert portal.run("subscribers", "export", str(file)).exit_code == 0
    cells = [cell for line in file.read_text("utf-8-sig").splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert other_portal.run("subscribers", "import", str(file)).exit_code == 0
    for email in FORMULAS:
        assert reader(other_portal, email).subscriber.name == "=A1"


@pytest.mark.each_database
def test_a_byte_that_is_no_text_is_left_out(portal) -> None:
    report = take(portal, ROW.replace("Lezer", "Le\0zer").replace("Ja", "J\0a").replace("formulier", "f\0"))
    assert (report.added, report.refused) == (1, [])
    (consent,) = consents(portal, "lezer1@voorbeeld.example")
    assert (consent.source, consent.text) == ("f", "Ja graag")
    file = portal.root / "lijst.csv"
    file.write_text("email,reason\nlezer1@voorbeeld.example,\0klacht\n")
    assert portal.run("subscribers", "suppress", "--from", str(file)).exit_code == 0


def test_a_list_that_breaks_off_is_refused_as_a_whole(portal, monkeypatch) -> None:
    monkeypatch.setattr(enrol, "_BATCH", 1)
    file = portal.root / "lijst.csv"
    file.write_text('email\nlezer1@voorbeeld.example\nlezer2@voorbeeld.example\n"lezer3@voorbeeld.example\n')
    result = portal.run("subscribers", "suppress", "--from", str(file))
    assert result.exit_code == 1
    assert "begins on line 4 is no CSV" in result.stderr
    with portal.open() as app, app.store.read() as work:
        assert list(work.rosters.suppressions()) == []


def test_a_list_from_elsewhere_may_be_addresses_alone(portal) -> None:
    take(portal, ROW)
    file = portal.root / "lijst.csv"
    file.write_text("email\nlezer1@voorbeeld.example\nonzin\n\nander@voorbeeld.example\n")
    result = portal.run("subscribers", "suppress", "--from", str(file), "--reason", "oude lijst")
    assert result.exit_code == 1
    assert "lijst.csv:3:" in result.stderr
    assert "Suppressed: 2 added." in result.stdout
    assert reader(portal, "lezer1@voorbeeld.example").subscriber.state is State.SUPPRESSED
    assert (
        "ander@voorbeeld.example is suppressed" in take(portal, ROW.replace("lezer1", "ander")).refused[0][1]
    )
    assert portal.run("subscribers", "suppress").exit_code == 2


def test_a_list_by_hashes_makes_nobody_else_of_who_was_erased(portal) -> None:
    take(portal, ROW)
    with portal.open() as app:
        id = reader(portal, "lezer1@voorbeeld.example").id
        app.accounts().erase(id)
        file = portal.root / "weg.csv"
        portal.run("subscribers", "suppressed", str(file))
        app.enroller().unsuppress("lezer1@voorbeeld.example")
    assert portal.run("subscribers", "suppress", "--from", str(file)).exit_code == 0
    with portal.open() as app, app.store.read() as work:
        assert work.subscribers.by_id(id).subscriber.state is State.ERASED
        assert work.subscribers.suppressed(["lezer1@voorbeeld.example"])
