"""A mail server that answers exactly what a test wants, and several connections at a time."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader

HANG_UP = b""
THEN_HANG_UP = b"\0"
Script = Mapping[str, bytes]
"""Answers by verb: ``220`` is the greeting, ``.`` the end of a message, ``MAIL 2`` the second MAIL.

``RCPT weg`` is the answer to recipients whose address begins so. ``forgets`` makes it throw away whatever
came along with a command; ``slow`` is how many seconds it thinks about a message.
"""

PIPELINING = b"250-mail.example\r\n250 PIPELINING"

_POLITE = {
    "220": b"220 mail.example",
    "EHLO": b"250-mail.example\r\n250 8BITMIME",
    "MAIL": b"250 ok",
    "RCPT": b"250 ok",
    "DATA": b"354 go on",
    ".": b"250 taken",
    "RSET": b"250 ok",
    "QUIT": b"221 bye",
}


@dataclass
class Scripted:
    """Connections follow the scripts in turn; the last one goes for all later connections.

    ``heard`` are the verbs, ``lines`` the commands, ``taken`` the recipients whose message was whole.
    """

    scripts: Sequence[Script]
    port: int = 0
    heard: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def messages(self) -> int:
        return self.heard.count(".")

    def run(self, listener: socket.socket) -> None:
        threads: list[threading.Thread] = []
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                break
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            connection.settimeout(10)  # a client that never hangs up fails its test and holds up no other
            threads.append(threading.Thread(target=self._serve, args=[connection, _POLITE | dict(script)]))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _serve(self, connection: socket.socket, answers: Script) -> None:
        with connection, suppress(OSError):
            self._talk(connection, answers)

    def _talk(self, connection: socket.socket, answers: Script) -> None:
        asked: Counter[str] = Counter()
        with connection.makefile("rb") as lines:
            verb, line = "220", b""
            recipient = ""
            while True:
                asked[verb] += 1
                answer = self._answer(answers, verb, asked[verb], recipient if verb == "RCPT" else "")
                if answer == HANG_UP:
                    return
                if "forgets" in answers and verb in ("MAIL", "RCPT", "DATA"):
                    self._throw_away(connection, lines)
                connection.sendall(answer.removesuffix(THEN_HANG_UP) + b"\r\n")
                if verb == "QUIT" or answer.endswith(THEN_HANG_UP):
                    return
                if verb == "DATA" and answer.startswith(b"354"):
                    body = []
                    while (line := lines.readline()) not in (b".\r\n", b""):
                        body.append(line)
                    verb = "."
                    if line and body:
                        time.sleep(float(answers.get("slow", b"0")))
                        self.taken.append(recipient)
                        self.contents.append(b"".join(body))
                elif line := lines.readline():
                    verb = line.split()[0].decode().upper()
                    self.lines.append(line.decode().strip())
                    if verb == "RCPT":
                        recipient = line.decode().partition("<")[2].partition(">")[0]
                if not line:
                    return
                self.heard.append(verb)

    @staticmethod
    def _throw_away(connection: socket.socket, lines: BufferedReader) -> None:
        time.sleep(0.05)  # for the rest to come
        connection.setblocking(False)
        lines.read1(65536)
        connection.settimeout(10)

    @staticmethod
    def _answer(answers: Script, verb: str, number: int, recipient: str) -> bytes:
        for key, answer in answers.items():
            name, _, who = key.partition(" ")
            if name == verb and who and not who.isdigit() and recipient.startswith(who):
                return answer
        return answers.get(f"{verb} {number}", answers[verb])


@contextmanager
def serving(*scripts: Script) -> Iterator[Scripted]:
    """The server, until the block ends."""
    server = Scripted(scripts or ({},))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=[listener])
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
