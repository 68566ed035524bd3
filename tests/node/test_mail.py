import socketserver
import threading
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from node import mail
from node.settings import Mail
from node.store import people
from tests.node.portal_fixtures import populated, world  # noqa: F401 - fixtures

AT = datetime(2026, 11, 24, tzinfo=UTC)


def compose(kind="consent-request", language="en", **changes):
    values = {
        "to": "aiko@uni-a.test",
        "name": "見本 愛子",
        "sender": "records@uni-a.test",
        "institution": "見本大学",
        "link": "https://portal.test/learner/requests/1",
        "at": AT,
    }
    return mail.compose(kind, language, **(values | changes))


@pytest.mark.parametrize("kind", ["invitation", "consent-request", "sent", "withdrawn"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_mail_holds_a_link_and_no_data(kind, language):
    read = message_from_bytes(bytes(compose(kind, language)), policy=default)

    assert "https://portal.test/learner/requests/1" in read.get_content()
    assert "見本 愛子" in read.get_content()
    assert read["Content-Language"] == language
    assert read["Auto-Submitted"] == "auto-generated"
    assert "見本大学" in read["Subject"] or kind in {"sent", "withdrawn"}


def test_a_name_adds_no_header():
    message = compose(
        institution="Uni\r\nBcc: x@evil.example",
        to="a@uni-a.test\r\nBcc: b@evil.example",
    )

    read = message_from_bytes(bytes(message), policy=default)
    assert read["Bcc"] is None


def spool(connection, world, path="/learner"):  # noqa: F811
    mail.enqueue(
        connection,
        context=world.context,
        person_id=world.ids["person.aiko"],
        kind="sent",
        path=path,
        at=AT,
    )


async def test_mail_becomes_files_in_a_folder(world):  # noqa: F811
    await world.store.write(spool, world)

    assert await mail.deliver_due(world.store, world.context) == 1
    assert await mail.deliver_due(world.store, world.context) == 0

    (file,) = world.context.settings.path("mail").glob("*")
    assert file.stat().st_mode & 0o777 == 0o600
    read = message_from_bytes(file.read_bytes(), policy=default)
    assert read["To"] == "aiko@uni-a.test"
    link = world.context.settings.portal_origin + "/learner"
    assert link in read.get_content()
    assert link.encode() in file.read_bytes()


async def test_nobody_without_address_gets_mail(world):  # noqa: F811
    await world.store.write(
        people.set_email,
        vault=world.context.vault,
        id=world.ids["person.aiko"],
        email="",
    )

    await world.store.write(spool, world)

    assert not await world.store.read(people.unsent_mail, vault=world.context.vault)


async def test_mail_that_cannot_leave_waits(world):  # noqa: F811
    world.context.settings.path("mail").write_text("not a folder")
    await world.store.write(spool, world)

    assert await mail.deliver_due(world.store, world.context) == 0

    (waiting,) = await world.store.read(people.unsent_mail, vault=world.context.vault)
    assert waiting.attempts == 1


def test_without_settings_mail_stays_where_it_is():
    assert mail.transport_for(Mail(), None) is None


class Server(socketserver.StreamRequestHandler):
    """As much of SMTP as one mail needs."""

    def handle(self):
        self.wfile.write(b"220 test\r\n")
        heard = self.server.heard
        while line := self.rfile.readline():
            heard.append(line)
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while (line := self.rfile.readline()) != b".\r\n":
                    heard.append(line)
            self.wfile.write(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")
            if verb == b"QUIT":
                return


def test_mail_leaves_through_a_server():
    with socketserver.TCPServer(("127.0.0.1", 0), Server) as server:
        server.heard = []
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        settings = Mail(host="127.0.0.1", port=server.server_address[1], starttls=False)
        send = mail.transport_for(settings, None)

        send(compose())

        thread.join(5)
    heard = b"".join(server.heard)
    assert b"rcpt TO:<aiko@uni-a.test>" in heard
    assert b"Auto-Submitted: auto-generated" in heard
