"""The bytes of a mail, read by three parsers: both of the standard library, and a strict one below."""

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, message_from_string, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from html import escape

import pytest
from fast_mail_parser import parse_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from subscribers.message import Newsletter, Recipient, Template, address_header, message_id
from subscribers.piece import one_line
from subscribers.render import Letter
from subscribers.slot import Slot
from subscribers.subscriber import normal_address
from subscribers.token import UNSUBSCRIBE, Tokens

MOMENT = datetime(2026, 12, 7, 8, 0, 5, tzinfo=timezone(timedelta(hours=1)))
BASE = "https://kennisportal.example"
NEWSLETTER = Newsletter(
    "Kennisportal <nieuws@kennisportal.example>",
    "Redactie <redactie@kennisportal.example>",
    "Kennisportal",
    "digest.kennisportal.example",
    BASE,
)
LETTER = Letter(
    "Weekoverzicht",
    f"Beste {Slot.GREETING_NAME},\n\nÉén artikel.\n.\nAfmelden: {Slot.UNSUBSCRIBE}\n",
    f'<p title="{Slot.EMAIL}">Beste {Slot.GREETING_NAME},</p>\n<a href="{Slot.UNSUBSCRIBE}">Afmelden</a>\n',
)
RECIPIENT = Recipient(
    "anna@x.example",
    "Anna",
    f"{BASE}/unsubscribe/7.c2ln",
    f"{BASE}/preferences/7.a2V1",
    "0a1b@kennisportal.example",
)
HEADERS = [
    *["date", "message-id", "to", "list-unsubscribe", "from", "subject", "reply-to", "list-id", "list-help"],
    *["list-archive", "list-unsubscribe-post", "auto-submitted", "content-language", "mime-version"],
    "content-type",
]


# -- a parser that takes nothing but what the standards say ----------------------------------------

WORD = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/]+={0,2})\?=")
FIELD = re.compile(r"([!-9;-~]+): (\S.*)")


@dataclass(frozen=True)
class Entity:
    """A message or part: header fields in order, names in lower case, values unfolded; and its body."""

    fields: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        [value] = [value for key, value in self.fields if key == name]
        return value


def strict(raw: bytes) -> Entity:
    """Parses a message, or fails: CRLF alone ends a line, each field has a name, a space and a value."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    assert blank
    fields: list[tuple[str, str]] = []
    for line in head.decode().split("\r\n"):
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line), "a control character in a header"
        if line.startswith(" "):
            assert line.strip(), "a folded line with nothing in it"
            name, value = fields.pop()
            fields.append((name, value + line))
        else:
            match = FIELD.fullmatch(line)
            assert match, f"{line!r} is no header field"
            fields.append((match[1].lower(), match[2]))
    return Entity(fields, body)


def parts(message: Entity) -> list[Entity]:
    """The parts of a multipart message, each with its body decoded."""
    boundary = re.fullmatch(r'multipart/alternative; boundary="([ -~]{1,70})"', message["content-type"])
    assert boundary
    before, *found, after = re.split(rb"(?:^|\r\n)--" + re.escape(boundary[1].encode()), message.body)
    assert before == b""
    assert after == b"--\r\n"
    entities = [strict(part.removeprefix(b"\r\n")) for part in found]
    for entity in entities:
        assert entity["content-transfer-encoding"] == "quoted-printable"
    return [Entity(entity.fields, unquoted(entity.body)) for entity in entities]


def unquoted(body: bytes) -> bytes:
    """Quoted-printable decoded, or refused: every line must be as RFC 2045 §6.7 wants it."""
    decoded = b""
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert re.fullmatch(rb"(=[0-9A-F]{2}|[ -<>-~\t])*=?", line), line
        assert not line.endswith((b" ", b"\t"))
        text = re.sub(
            rb"=([0-9A-F]{2})", lambda code: bytes.fromhex(code[1].decode()), line.removesuffix(b"=")
        )
        decoded += text if line.endswith(b"=") else text + b"\r\n"
    return decoded.removesuffix(b"\r\n")


def words(value: str) -> str:
    """A header's text with its encoded words decoded; each must be whole characters (RFC 2047 §5)."""
    joined = re.sub(rf"(?<=\?=) +(?={WORD.pattern})", "", value)
    return WORD.sub(lambda word: b64decode(word[1], validate=True).decode(), joined)


def named(value: str) -> tuple[str, str]:
    """The name and what stands between angle brackets in From or List-Id."""
    match = re.fullmatch(r"(.*?) <([^<>\s]+)>", value)
    assert match
    name = match[1]
    if name.startswith('"'):
        assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', name)
        return re.sub(r"\\(.)", r"\1", name[1:-1]), match[2]
    assert re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", name)
    return words(name), match[2]


# -- making one ------------------------------------------------------------------------------------


def make(letter: Letter = LETTER, newsletter: Newsletter = NEWSLETTER, **personal: str) -> bytes:
    recipient = Recipient(
        **{
            "email": RECIPIENT.email,
            "greeting_name": RECIPIENT.greeting_name,
            "unsubscribe_url": RECIPIENT.unsubscribe_url,
            "preferences_url": RECIPIENT.preferences_url,
            "message_id": RECIPIENT.message_id,
        }
        | personal
    )
    return Template(letter, newsletter, "nl").message(recipient, MOMENT)


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not any(part.defects for part in message.walk())
    return message


def parsed_loosely(raw: bytes) -> EmailMessage:
    """As text, since the library's reader of bytes knows no UTF-8 in headers (RFC 6532)."""
    message = message_from_string(raw.decode(), policy=policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    return message


def check_wire(raw: bytes) -> None:
    """What must hold of every message's bytes, whatever is in it."""
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw), "a bare line end"
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"^\.", raw, re.MULTILINE), "SMTP would have it changed"
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if b"=?" in line:
            assert len(line) <= 76
        assert all(len(word) <= 75 for word in re.findall(rb"=\?\S+\?=", line))
        if not line.lower().startswith((b"list-", b"message-id", b"to:")):
            assert len(line) <= 78


def check(raw: bytes) -> tuple[Entity, EmailMessage]:
    """The message as two parsers see it, who agree with others, one of them in Rust, on what it holds."""
    check_wire(raw)
    ours, theirs = strict(raw), parsed(raw)
    rust = parse_email(raw)
    assert sorted(name.lower() for name in rust.headers) == sorted(HEADERS)
    assert all(len(values) == 1 for values in rust.headers.values())
    # It counts the line end that belongs to the boundary as the text's, where a soft break comes before it.
    texts = [text.encode() for text in (*rust.text_plain, *rust.text_html)]
    assert [text.rstrip(b"\r\n") for text in texts] == [part.body.rstrip(b"\r\n") for part in parts(ours)]
    names = [name for name, _ in ours.fields]
    assert names == HEADERS
    assert [name.lower() for name in theirs] == names
    assert [name.lower() for name in message_from_bytes(raw, policy=policy.compat32)] == names
    return ours, theirs


# -- what every message is -------------------------------------------------------------------------


def test_a_message_has_each_header_once_and_nothing_else() -> None:
    ours, theirs = check(make())
    assert ours["from"] == "Kennisportal <nieuws@kennisportal.example>"
    assert ours["reply-to"] == "Redactie <redactie@kennisportal.example>"
    assert ours["to"] == "anna@x.example"
    assert ours["subject"] == "Weekoverzicht"
    assert ours["message-id"] == "<0a1b@kennisportal.example>"
    assert ours["mime-version"] == "1.0"
    assert ours["content-language"] == "nl"
    assert theirs["from"].addresses == (Address("Kennisportal", "nieuws", "kennisportal.example"),)
    assert theirs["to"].addresses == (Address("", "anna", "x.example"),)


def test_a_newsletter_says_what_it_is_and_how_to_leave() -> None:
    ours, _ = check(make())
    assert ours["list-unsubscribe"] == "<https://kennisportal.example/unsubscribe/7.c2ln>"
    assert ours["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert ours["list-id"] == "Kennisportal <digest.kennisportal.example>"
    assert ours["list-help"] == ours["list-archive"] == "<https://kennisportal.example/>"
    assert ours["auto-submitted"] == "auto-generated"
    assert "precedence" not in dict(ours.fields)


def test_the_date_is_the_moment_with_its_offset() -> None:
    ours, theirs = check(make())
    assert ours["date"] == "Mon, 07 Dec 2026 08:00:05 +0100"
    assert parsedate_to_datetime(ours["date"]) == MOMENT
    assert theirs["date"].datetime == MOMENT
    raw = Template(LETTER, NEWSLETTER, "nl").message(RECIPIENT, MOMENT.astimezone(UTC))
    assert strict(raw)["date"] == "Mon, 07 Dec 2026 07:00:05 +0000"


def test_without_a_reply_address_there_is_no_such_header() -> None:
    raw = make(newsletter=Newsletter("a@x.example", "", "K", "k.example", BASE))
    assert [name for name, _ in strict(raw).fields] == [name for name in HEADERS if name != "reply-to"]
    assert strict(raw)["from"] == "a@x.example"


def test_the_text_comes_before_the_html_and_both_are_filled_exactly() -> None:
    values = {"greeting_name": "Jan & <b>", "email": "o'brien@x.example"}
    ours, theirs = check(make(**values))
    text, html = parts(ours)
    assert text["content-type"] == "text/plain; charset=utf-8"
    assert html["content-type"] == "text/html; charset=utf-8"
    url = RECIPIENT.unsubscribe_url
    assert text.body.decode() == f"Beste Jan & <b>,\r\n\r\nÉén artikel.\r\n.\r\nAfmelden: {url}\r\n"
    assert html.body.decode() == (
        '<p title="o&#x27;brien@x.example">Beste Jan &amp; &lt;b&gt;,</p>\r\n'
        f'<a href="{url}">Afmelden</a>\r\n'
    )
    assert theirs.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in theirs.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().encode() for part in theirs.iter_parts()] == [text.body, html.body]


def test_a_message_is_seven_bit_whatever_its_letter_says() -> None:
    newsletter = Newsletter("Café <a@x.example>", "Één <b@x.example>", "Kennis – café", "k.example", BASE)
    assert make(Letter("Één café", "café", "<p>café</p>"), newsletter, greeting_name="Zoë").isascii()


def test_one_template_makes_messages_that_differ_only_in_what_is_personal() -> None:
    template = Template(LETTER, NEWSLETTER, "nl")
    other = Recipient(
        "bob@x.example",
        "Bob",
        f"{BASE}/unsubscribe/8.eHh4",
        f"{BASE}/preferences/8.eHh5",
        "ff@kennisportal.example",
    )
    first, second, again = (template.message(to, MOMENT) for to in (RECIPIENT, other, RECIPIENT))
    assert first == again
    assert b"anna" not in second
    personal = {"to", "message-id", "list-unsubscribe"}
    differing = {
        name
        for (name, one), (_, two) in zip(strict(first).fields, strict(second).fields, strict=True)
        if one != two
    }
    assert differing == personal
    assert "Bob" in parts(strict(second))[0].body.decode()


# -- the message's id ------------------------------------------------------------------------------


def test_an_id_is_the_same_for_the_same_delivery_and_for_no_other() -> None:
    def id(edition: str = "weekly/2026-12-07", subscriber: int = 7, secret: bytes = b"s") -> str:
        return message_id("kennisportal.example", edition, subscriber, secret)

    assert id() == id()
    assert (
        len({id(), id("weekly/2026-12-07.2"), id("weekly/2026-12-14"), id(subscriber=8), id(secret=b"t")})
        == 5
    )
    assert re.fullmatch(r"[0-9a-f]{32}@kennisportal\.example", id())
    assert re.fullmatch(r"[0-9a-f]{32}@kennisportal\.example", id(secret=b"long" * 100))


@given(
    st.sets(
        st.tuples(st.sampled_from(["daily/1", "daily/11", "daily/1.2"]), st.integers(0, 2**63)), min_size=2
    )
)
def test_no_two_deliveries_share_an_id(deliveries: set[tuple[str, int]]) -> None:
    assert len({message_id("x.example", *delivery, b"s") for delivery in deliveries}) == len(deliveries)


# -- names and subjects ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_name, shown",
    [
        ("Kennisportal", "Kennisportal"),
        ("Kennisportal B.V.", '"Kennisportal B.V."'),
        ("Bedrijf, IT", '"Bedrijf, IT"'),
        ('"Bedrijf, IT"', '"Bedrijf, IT"'),
        (r'"De \"Kroon\""', r'"De \"Kroon\""'),
        ('De "Kroon"', r'"De \"Kroon\""'),
        ("Pad\\naam", r'"Pad\\naam"'),
        ("Café", "=?utf-8?b?Q2Fmw6k=?="),
        ("=?utf-8?q?=0A?=", "=?utf-8?b?PT91dGYtOD9xPz0wQT89?="),
    ],
)
def test_a_display_name_is_bare_quoted_or_encoded(given_name: str, shown: str) -> None:
    newsletter = Newsletter(f"{given_name} <a@x.example>", "", given_name.strip('"'), "k.example", BASE)
    raw = make(newsletter=newsletter)
    assert strict(raw)["from"] == f"{shown} <a@x.example>"
    [address] = parsed(raw)["from"].addresses
    assert address.addr_spec == "a@x.example"
    assert address.display_name == named(strict(raw)["from"])[0]


def test_a_long_ascii_subject_is_folded_and_read_back_whole() -> None:
    subject = "gemeentelijke samenwerking " * 4 + "."
    ours, theirs = check(make(Letter(subject, "t", "h")))
    assert words(ours["subject"]) == theirs["subject"] == subject


def test_a_subject_that_just_fits_is_left_alone() -> None:
    subject = "x" * 67
    assert strict(make(Letter(subject, "t", "h")))["subject"] == subject
    assert "=?" in strict(make(Letter(subject + "x", "t", "h")))["subject"]


INJECTIONS = [
    "\r\nBcc: dief@x.example",
    "\nBcc: dief@x.example",
    "\rBcc: dief@x.example",
    "\x85Bcc: dief@x.example",
    "\u2028Bcc: dief@x.example",
    "\x0bBcc: dief@x.example",
    "=?UTF-8?Q?=0A?=Bcc: dief@x.example",
    "=?utf-8?b?DQpCY2M6IGRpZWZAeC5leGFtcGxl?=",
    "\r\n\r\n--=_x\r\nContent-Type: text/html\r\n\r\n<script>",
    "a <dief@x.example>, b",
    '", dief@x.example, "',
    "\\",
    "\0",
]


@pytest.mark.parametrize("hostile", INJECTIONS)
def test_nothing_hostile_becomes_a_header_an_address_or_a_line(hostile: str) -> None:
    newsletter = Newsletter(
        f"Portaal {hostile} <a@x.example>", f"{hostile}x <b@x.example>", f"P{hostile}", "k.example", BASE
    )
    raw = make(Letter(f"Kop {hostile}", f"Tekst {hostile}", "h"), newsletter, greeting_name=hostile)
    ours, theirs = check(raw)
    assert [address.addr_spec for address in theirs["from"].addresses] == ["a@x.example"]
    assert [address.addr_spec for address in theirs["reply-to"].addresses] == ["b@x.example"]
    assert [address.addr_spec for address in theirs["to"].addresses] == ["anna@x.example"]
    assert words(ours["subject"]) == theirs["subject"] == one_line(f"Kop {hostile}")
    assert named(ours["list-id"]) == (one_line(f"P{hostile}"), "k.example")
    # Written out again, as a forwarding program does, there is still nothing more in it.
    assert len(message_from_bytes(theirs.as_bytes(), policy=policy.default).items()) == len(HEADERS)


@pytest.mark.parametrize("hostile", INJECTIONS)
def test_no_address_becomes_a_second_one_or_a_header(hostile: str) -> None:
    for address in (f"anna{hostile}@x.example", f"anna@x.example{hostile}"):
        raw = make(email=address)
        check_wire(raw)
        assert [name for name, _ in strict(raw).fields] == HEADERS
        assert message_from_bytes(raw, policy=policy.compat32).keys() == parsed_loosely(raw).keys()
        assert "bcc" not in parsed_loosely(raw)


@pytest.mark.parametrize(
    "address, shown",
    [
        ("anna@x.example", "anna@x.example"),
        ("o'brien+a=b/c@x.example", "o'brien+a=b/c@x.example"),
        ("josé@x.example", "josé@x.example"),
        ("संपर्क@xn--c2bd1gb.xn--h2brj9c", "संपर्क@xn--c2bd1gb.xn--h2brj9c"),
        ("a b@x.example", '"a b"@x.example'),
        ('"a b"@x.example', '"a b"@x.example'),
        ("a,b@x.example", '"a,b"@x.example'),
        ("a..b@x.example", '"a..b"@x.example'),
        ('a"b\\@x.example', r'"a\"b\\"@x.example'),
    ],
)
def test_an_address_is_quoted_only_where_it_must(address: str, shown: str) -> None:
    assert address_header(address) == shown
    [read] = parsed_loosely(make(email=address))["to"].addresses
    assert read.domain == shown.rpartition("@")[2]


def test_a_domain_beyond_ascii_is_mailed_as_a_labels_and_a_local_part_as_itself() -> None:
    for given_address, mailed in [
        ("Jan@MÜNCHEN.example", "Jan@xn--mnchen-3ya.example"),
        ("José@MÜNCHEN.example", "José@xn--mnchen-3ya.example"),
    ]:
        raw = make(email=normal_address(given_address))
        assert check(raw)[0]["to"] == mailed
        assert parsed_loosely(raw)["to"].addresses[0].addr_spec == mailed


def test_the_two_ways_to_leave_stand_on_a_line_each() -> None:
    raw = make(unsubscribe_address="unsubscribe+7-c2ln@terug.kennisportal.example")
    ours, _ = check(raw)
    url = "https://kennisportal.example/unsubscribe/7.c2ln"
    mailto = "mailto:unsubscribe+7-c2ln@terug.kennisportal.example"
    assert ours["list-unsubscribe"] == f"<{url}>, <{mailto}>"
    assert f"\r\nList-Unsubscribe: <{url}>,\r\n <{mailto}>\r\n".encode() in raw


def test_the_longest_unsubscribe_link_stays_on_one_line() -> None:
    token = Tokens([b"k"]).sign(UNSUBSCRIBE, 2**63)
    url = f"https://{'a' * 63}.{'b' * 63}.example/{'pad/' * 20}unsubscribe/{token}"
    raw = make(unsubscribe_url=url)
    check(raw)
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in raw


def test_a_long_name_is_folded_before_its_address() -> None:
    name, address = "Kennisplatform voor bedrijf en techniek", f"{'nieuwsbrief' * 4}@kennisportal.example"
    ours, theirs = check(
        make(newsletter=Newsletter(f"{name} <{address}>", f"é{name} <{address}>", name, "k.example", BASE))
    )
    assert named(ours["from"]) == (name, address)
    assert named(ours["reply-to"]) == (f"é{name}", address)
    assert theirs["from"].addresses[0].addr_spec == address


# -- whatever comes --------------------------------------------------------------------------------

ANY = st.text(st.characters(codec="utf-8"), max_size=150)
HOSTILE = st.lists(
    st.one_of(ANY, st.sampled_from([*INJECTIONS, *Slot, "=?", "?=", "\ud800"])), max_size=5
).map("".join)


@settings(max_examples=300, deadline=None)
@given(subject=HOSTILE.filter(one_line), name=HOSTILE.filter(one_line), greeting=HOSTILE)
@example(subject="é" * 500, name="é" * 100, greeting="")
@example(subject="\U0001f600" * 40, name="\U0001f600" * 40, greeting="\U0001f600")
@example(subject="x" * 400, name='"' * 100, greeting="")
def test_any_subject_and_name_come_back_as_they_were(subject: str, name: str, greeting: str) -> None:
    shown = name.replace("<", "").replace('"', "").replace("\\", "")
    newsletter = Newsletter(f"X{shown} <a@x.example>", f"Y{shown} <b@x.example>", name, "k.example", BASE)
    ours, theirs = check(make(Letter(subject, LETTER.text, LETTER.html), newsletter, greeting_name=greeting))
    assert words(ours["subject"]) == one_line(subject)
    assert theirs["subject"] == one_line(subject)
    assert named(ours["from"]) == (one_line(f"X{shown}"), "a@x.example")
    assert named(ours["reply-to"]) == (one_line(f"Y{shown}"), "b@x.example")
    assert named(ours["list-id"]) == (one_line(name), "k.example")
    assert [address.addr_spec for address in theirs["from"].addresses] == ["a@x.example"]


@settings(max_examples=200, deadline=None)
@given(text=ANY, html=ANY, greeting=ANY)
@example(text="\r\n.\r\n\n\n", html="\r\n", greeting="\r\nQUIT")
@example(text="", html="", greeting="")
@example(text="", html="", greeting=".00'\x1f\x08\x80\x80𐀀𐀀𐀀𐀀")
def test_any_text_decodes_to_itself_with_its_slots_filled(text: str, html: str, greeting: str) -> None:
    def lines(value: str) -> str:
        return re.sub(r"\r\n?|\n", "\r\n", value)

    marks = [f"{Slot.GREETING_NAME}|{Slot.EMAIL}|{Slot.UNSUBSCRIBE}"] * 2
    ours, theirs = check(make(Letter("s", text + marks[0], html + marks[1]), greeting_name=greeting))
    name = greeting.replace("\ue000", "").replace("\ue001", "")
    url = RECIPIENT.unsubscribe_url
    plain, marked = parts(ours)
    assert plain.body.decode() == f"{lines(text)}{lines(name)}|anna@x.example|{url}"
    assert marked.body.decode() == f"{lines(html)}{lines(escape(name))}|anna@x.example|{escape(url)}"
    assert [part.get_content().encode() for part in theirs.iter_parts()] == [plain.body, marked.body]


@settings(max_examples=200, deadline=None)
@given(local=st.text(st.characters(codec="utf-8"), min_size=1, max_size=64))
def test_any_address_that_is_one_is_mailed_to_and_to_nobody_else(local: str) -> None:
    try:
        address = normal_address(f"{local}@x.example")
    except ValueError:
        return
    raw = make(email=address)
    assert strict(raw)["to"] == address
    [read] = parsed_loosely(raw)["to"].addresses
    assert read.addr_spec == address
