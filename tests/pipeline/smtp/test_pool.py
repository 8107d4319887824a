"""Several connections at once, against servers that are slow, broken, picky or gone."""

import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from scripted import HANG_UP, PIPELINING, THEN_HANG_UP, Script, Scripted, serving

from pipeline.transports import smtp
from pipeline.transports.smtp import SmtpTransport
from pipeline.transports.smtp import relay as relays
from pipeline.transports.smtp.relay import Relay
from subscribers.delivery import (
    Accepted,
    Deferred,
    Outcome,
    Parcel,
    Rejected,
    TransportUnavailable,
    Uncertain,
    Unsent,
)

MESSAGE = b"Subject: x\r\n\r\nhallo\r\n"
FAST = {"EHLO": PIPELINING}


def parcels(number: int) -> list[Parcel]:
    return [Parcel(one, "van@p.example", f"r{one}@x.example", MESSAGE) for one in range(1, number + 1)]


@contextmanager
def transport_to(*servers: Scripted, connections: int = 1) -> Iterator[SmtpTransport]:
    transport = SmtpTransport([Relay(f"smtp://127.0.0.1:{server.port}") for server in servers], connections)
    try:
        yield transport
    finally:
        transport.close()


def drive(transport: SmtpTransport, waiting: list[Parcel]) -> tuple[dict[int, Outcome], str]:
    """Send these as a worker does: what was not handed over is tried again, until nothing can be.

    Gives the last outcome of each, and why it ended where it could not go on.
    """
    queue = deque(waiting)
    under_way: set[int] = set()
    found: dict[int, Outcome] = {}

    def take(room: int) -> list[Parcel]:
        parcels = [queue.popleft() for _ in range(min(room, len(queue)))]
        assert under_way.isdisjoint(parcel.id for parcel in parcels), "handed over twice at once"
        under_way.update(parcel.id for parcel in parcels)
        return parcels

    for _ in range(10_000):
        if not (queue or under_way):
            return found, ""
        try:
            settled = transport.pump(take, len(queue), 5)
        except TransportUnavailable as error:
            assert not under_way, "unavailable, though something is under way"
            return found, str(error)
        for parcel, outcome in settled:
            assert parcel.id in under_way, "settled twice"
            under_way.discard(parcel.id)
            found[parcel.id] = outcome
            if isinstance(outcome, Unsent):
                queue.appendleft(parcel)
    raise AssertionError("it never ends")


def check(found: dict[int, Outcome], server: Scripted, number: int) -> None:
    """What no server may bring about: a message twice, or one of which we think wrongly."""
    taken = Counter(server.taken)
    assert set(taken.values()) <= {1}, "somebody got it twice"
    for id in range(1, number + 1):
        outcome, arrived = found.get(id), taken[f"r{id}@x.example"]
        if isinstance(outcome, Accepted):
            assert arrived
        elif not isinstance(outcome, Uncertain | Rejected | Deferred):
            assert not arrived, "it arrived, and would be sent again"


POINTS = ["MAIL", "RCPT", "DATA", "."]
BREAKS = {
    "hangs up": HANG_UP,
    "421": b"421 4.3.2 bye",
    "421 and gone": b"421 bye" + THEN_HANG_UP,
    "?": b"moo",
    "nothing": b" ",
}


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "one by one"])
@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("answer", BREAKS.values(), ids=BREAKS.keys())
def test_a_server_that_breaks_off_at_any_point_costs_no_more_than_the_message_it_was_at(
    answer: bytes, point: str, number: int, pipelining: bool
) -> None:
    script = {f"{point} {number}": answer} | (FAST if pipelining else {})
    with serving(script, FAST if pipelining else {}) as server, transport_to(server) as transport:
        found, why = drive(transport, parcels(8))
    check(found, server, 8)
    if why:  # on a connection that carried nothing yet, it is the server's fault
        assert number == 1
        assert "127.0.0.1" in why
        return
    others = [outcome for id, outcome in found.items() if not isinstance(outcome, Accepted)]
    assert len(others) <= 1
    assert all(isinstance(outcome, Uncertain | Deferred) for outcome in others)


@pytest.mark.parametrize("script", [FAST, {}], ids=["pipelining", "one by one"])
def test_a_server_that_rejects_one_in_ten_takes_the_others(script: Script) -> None:
    refusing = script | {"RCPT r7@": b"550 5.1.1 nobody", "RCPT r17@": b"450 4.2.2 full"}
    with serving(refusing) as server, transport_to(server) as transport:
        found, why = drive(transport, parcels(20))
    assert not why
    assert found[7] == Rejected("550 5.1.1 nobody")
    assert found[17] == Deferred("450 4.2.2 full")
    assert sum(isinstance(outcome, Accepted) for outcome in found.values()) == 18
    assert len(server.taken) == 18
    assert server.connections == 1


def test_a_server_that_throws_away_what_is_pipelined_is_spoken_to_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relays, "TIMEOUT", 0.3)
    with serving(FAST | {"forgets": b"1"}) as server, transport_to(server) as transport:
        found, why = drive(transport, parcels(4))
    assert not why
    check(found, server, 4)
    assert sum(isinstance(outcome, Accepted) for outcome in found.values()) >= 3


def test_a_server_that_calls_pipelining_a_bad_sequence_is_spoken_to_one_by_one() -> None:
    with (
        serving(FAST | {"RCPT": b"503 5.5.1 one at a time"}, FAST) as server,
        transport_to(server) as transport,
    ):
        found, why = drive(transport, parcels(3))
    assert not why
    assert [type(found[id]) for id in (1, 2, 3)] == [Accepted] * 3
    assert server.connections == 2


def test_a_server_that_limits_messages_per_connection_is_connected_to_anew() -> None:
    script = FAST | {"MAIL 4": b"421 4.7.0 too many messages" + THEN_HANG_UP}
    with serving(script) as server, transport_to(server) as transport:
        found, why = drive(transport, parcels(10))
    assert not why
    assert all(isinstance(outcome, Accepted) for outcome in found.values())
    assert sorted(server.taken) == sorted(f"r{id}@x.example" for id in range(1, 11))
    assert server.connections == 4


def test_a_server_that_loses_every_message_is_left_alone_after_a_few() -> None:
    with serving(FAST | {".": HANG_UP}) as server, transport_to(server) as transport:
        found, why = drive(transport, parcels(50))
    assert "breaks off" in why
    assert sum(isinstance(outcome, Uncertain) for outcome in found.values()) <= smtp.BREAK_OFFS
    check(found, server, 50)


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "TIMEOUT", 0.3)
    monkeypatch.setattr(smtp, "PATIENCE", 0.3)
    with serving(FAST | {".": b"250 taken", "slow": b"2"}) as server, transport_to(server) as transport:
        found, why = drive(transport, parcels(10))
    assert "does not answer" in why
    assert {type(outcome) for outcome in found.values()} <= {Uncertain, Unsent}
    check(found, server, 10)


@pytest.mark.parametrize("script", [FAST, {}], ids=["pipelining", "one by one"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_hangs_is_given_up_and_the_next_relay_takes_over(
    monkeypatch: pytest.MonkeyPatch, verb: str, script: Script
) -> None:
    monkeypatch.setattr(relays, "TIMEOUT", 0.3)
    silent = script | {verb: b"250-and then nothing"}
    with serving(silent) as bad, transport_to(bad) as transport:
        found, why = drive(transport, parcels(9))
    assert "does not answer" in why
    assert bad.connections <= smtp.BREAK_OFFS + 1
    # Of those it hung at when it had taken the sender, it may be the recipient that it stumbled over.
    assert {type(outcome) for outcome in found.values()} <= {Deferred, Unsent}
    with serving(silent) as bad, serving(FAST) as good, transport_to(bad, good) as transport:
        found, why = drive(transport, parcels(9))
    assert not why
    deferred = sum(isinstance(outcome, Deferred) for outcome in found.values())
    assert deferred <= smtp.BREAK_OFFS
    assert len(good.taken) == 9 - deferred


def test_a_server_that_talks_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "OPENING", 0.3)
    with _endless() as bad, serving(FAST) as good:
        transport = SmtpTransport([Relay(f"smtp://127.0.0.1:{port}") for port in (bad, good.port)], 1)
        _, why = drive(transport, parcels(3))
        transport.close()
    assert not why
    assert len(good.taken) == 3


@contextmanager
def _endless() -> Iterator[int]:
    """A server whose greeting goes on and on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                while True:
                    connection.sendall(b"220-welcome\r\n")
                    time.sleep(0.01)

        thread = threading.Thread(target=greet)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_server_that_takes_few_connections_gets_no_more() -> None:
    busy, few = {"220": b"421 4.7.0 too many connections"}, FAST | {"slow": b"0.01"}
    with serving(few, few, busy, busy, few) as server, transport_to(server, connections=4) as transport:
        _, why = drive(transport, parcels(40))
    assert not why
    assert Counter(server.taken) == Counter(f"r{id}@x.example" for id in range(1, 41))


def test_a_provider_that_defers_by_hanging_up_costs_the_others_nothing() -> None:
    script = FAST | {"RCPT r2@": b"421 4.7.0 try later" + THEN_HANG_UP}
    with serving(script) as server, transport_to(server) as transport:
        some = [Parcel(one, "van@p.example", f"r{1 + one % 2}@x.example", MESSAGE) for one in range(12)]
        found, why = drive(transport, some)
    assert not why
    assert [found[one] for one in range(1, 12, 2)] == [Deferred("421 4.7.0 try later")] * 6
    assert all(isinstance(found[one], Accepted) for one in range(0, 12, 2))


def test_several_connections_share_the_work_and_nobody_gets_it_twice() -> None:
    with serving(FAST) as server, transport_to(server, connections=4) as transport:
        found, why = drive(transport, parcels(300))
    assert not why
    assert all(isinstance(outcome, Accepted) for outcome in found.values())
    assert Counter(server.taken) == Counter(f"r{id}@x.example" for id in range(1, 301))
    assert server.connections == 4


def test_what_is_under_way_when_we_break_off_is_told_apart() -> None:
    with serving(FAST | {"slow": b"1"}) as server, transport_to(server) as transport:
        queue = parcels(5)
        while not server.heard.count("DATA"):
            transport.pump(lambda room: [queue.pop(0) for _ in queue[:room]], len(queue), 0.05)
        transport.pump(lambda room: [], 0, 0.1)
        told = {parcel.id: outcome for parcel, outcome in transport.abort()}
    assert isinstance(told[1], Uncertain)
    assert all(isinstance(outcome, Unsent) for id, outcome in told.items() if id != 1)


# -- several relays --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        {"220": b"554 no service"},
        {"220": HANG_UP},
        {"EHLO": b"421 busy", "HELO": b"421 busy"},
        {"MAIL": b"550 5.7.1 we don't know you"},
        {"MAIL": HANG_UP},
        {"MAIL": b"moo"},
        {"MAIL": b" "},
        FAST | {"MAIL": b" "},
    ],
)
def test_when_a_relay_fails_its_mail_goes_to_the_next(first: Script) -> None:
    with serving(first) as bad, serving(FAST) as good, transport_to(bad, good) as transport:
        found, why = drive(transport, parcels(5))
    assert not why
    assert bad.taken == []
    assert sorted(good.taken) == [f"r{id}@x.example" for id in range(1, 6)]
    assert all(isinstance(outcome, Accepted) for outcome in found.values())


def fault_of_the_first(first: Relay, next: Relay) -> str:
    """What was wrong with a relay whose mail went by the next one."""
    transport = SmtpTransport([first, next], 1)
    try:
        found, why = drive(transport, parcels(2))
        assert not why
        assert all(isinstance(outcome, Accepted) for outcome in found.values())
        return first.fault
    finally:
        transport.close()


@pytest.mark.parametrize("mechanism", [b"CRAM-MD5", b"LOGIN", b"PLAIN"])
def test_when_a_relay_asks_for_the_password_in_nonsense_its_mail_goes_to_the_next(mechanism: bytes) -> None:
    asking = {"EHLO": b"250-mail.example\r\n250 AUTH " + mechanism, "AUTH": b"334 a"}  # no base64
    with serving(asking) as bad, serving(FAST) as good:
        asked = Relay(f"smtp://us:secret@127.0.0.1:{bad.port}")
        fault = fault_of_the_first(asked, Relay(f"smtp://127.0.0.1:{good.port}"))
    assert "can't be understood" in fault


def test_whatever_goes_wrong_on_the_way_to_a_relay_its_mail_goes_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(FAST) as good:
        broken, relay = (Relay(f"smtp://127.0.0.1:{good.port}") for _ in range(2))
        monkeypatch.setattr(broken, "connect", lambda: 1 // 0)
        fault = fault_of_the_first(broken, relay)
    assert "nobody foresaw (ZeroDivisionError: integer division or modulo by zero)" in fault


@pytest.mark.parametrize("number", [1, 2, 6])
@pytest.mark.parametrize("answer", [b"550 not from you", b"moo", HANG_UP], ids=["refuses", "?", "hangs up"])
def test_a_relay_that_greets_and_takes_nothing_is_left_alone_whatever_is_still_being_opened_to_it(
    answer: bytes, number: int
) -> None:
    with (
        serving(FAST | {"MAIL": answer}) as bad,
        serving(FAST) as good,
        transport_to(bad, connections=4) as alone,
        transport_to(bad, good, connections=4) as with_another,
    ):
        found, why = drive(alone, parcels(number))
        assert f"127.0.0.1:{bad.port}" in why
        assert all(isinstance(outcome, Unsent) for outcome in found.values())
        found, why = drive(with_another, parcels(number))
    assert not why
    assert all(isinstance(outcome, Accepted) for outcome in found.values())
    assert len(good.taken) == number


def test_when_all_relays_fail_each_is_named() -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(serving({"220": b"554 no"})) for _ in range(2)]
        transport = stack.enter_context(transport_to(*servers))
        found, why = drive(transport, parcels(3))
    assert found == {}
    assert all(f"127.0.0.1:{server.port}" in why for server in servers)


def test_a_relay_that_recovers_is_the_first_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "REST", 0.0)
    with (
        serving({"220": b"554 not yet"}, FAST) as first,
        serving(FAST | {"MAIL 2": b"421 enough"}) as second,
        transport_to(first, second) as transport,
    ):
        found, why = drive(transport, parcels(3))
    assert not why
    assert all(isinstance(outcome, Accepted) for outcome in found.values())
    assert first.taken
    assert len(first.taken) + len(second.taken) == 3
