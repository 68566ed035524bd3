"""Mail: written in the reader's language, spooled in the store, handed over later.

A mail says that something waits, never what: it holds a link and no data. It is put
into the spool by the transaction that gives rise to it, and leaves as a file in a
folder or through an SMTP server.
"""

import asyncio
import logging
import os
import secrets
import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path

from sqlalchemy import Connection

from node.context import NodeContext
from node.settings import Mail as MailSettings
from node.store import people
from node.store.engine import Store
from node.texts.catalogue import text

TIMEOUT = 20.0
"""Seconds an SMTP server may take to answer."""
Transport = Callable[[EmailMessage], None]
_log = logging.getLogger(__name__)


def enqueue(
    connection: Connection,
    *,
    context: NodeContext,
    person_id: str,
    kind: str,
    path: str,
    at: datetime,
) -> None:
    """Spool a mail of `kind` with a link to `path` of the portal."""
    person = people.person(connection, vault=context.vault, id=person_id)
    if person is None or not person.email:
        return
    people.add_mail(
        connection,
        vault=context.vault,
        id=secrets.token_hex(16),
        person_id=person_id,
        kind=kind,
        lang=person.language,
        body=path.encode(),
        at=at,
    )


def compose(
    kind: str,
    language: str,
    *,
    to: str,
    name: str,
    sender: str,
    institution: str,
    link: str,
    at: datetime,
    readable: bool = False,
) -> EmailMessage:
    """Write a mail; names and addresses cannot add headers of their own.

    A `readable` one can be read as a file; servers want seven bits.
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _line(
        text(language, f"mail.{kind}.subject", institution=institution)
    )
    message["From"] = _line(sender)
    message["To"] = _line(to)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=sender.rsplit("@", 1)[-1])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        text(
            language,
            f"mail.{kind}.text",
            name=_line(name),
            institution=institution,
            link=link,
        ).lstrip(),
        cte="8bit" if readable else "base64",
    )
    message["Content-Language"] = language
    return message


def _line(value: str) -> str:
    return " ".join(value.split())


def transport_for(settings: MailSettings, folder: Path | None) -> Transport | None:
    """Return how mail leaves, as the settings say; None if they say nothing."""
    if folder is not None:
        return _into(folder)
    if settings.host is not None:
        return _through(settings)
    return None


def _into(folder: Path) -> Transport:
    def write(message: EmailMessage) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{secrets.token_hex(8)}.eml"
        draft = folder / f".{name}"
        # Whoever watches the folder must never see half a mail.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(bytes(message))
        draft.rename(folder / name)

    return write


def _through(settings: MailSettings) -> Transport:
    def send(message: EmailMessage) -> None:
        host = settings.host or ""
        with smtplib.SMTP(host, settings.port, timeout=TIMEOUT) as server:
            if settings.starttls:
                server.starttls(context=ssl.create_default_context())
            if settings.user and settings.password_file:
                password = settings.password_file.read_text().strip()
                server.login(settings.user, password)
            server.send_message(message)

    return send


async def deliver_due(store: Store, context: NodeContext) -> int:
    """Hand over what waits, and return how many mails left.

    A mail that could not be handed over waits for the next call; after ten attempts it
    stays where it is.
    """
    settings = context.settings
    folder = settings.mail.folder and settings.path(settings.mail.folder)
    transport = transport_for(settings.mail, folder)
    if transport is None:
        return 0
    sent = 0
    waiting = await store.read(people.unsent_mail, vault=context.vault)
    for one in waiting:
        person = await store.read(people.person, vault=context.vault, id=one.person_id)
        if person is None:
            await store.write(people.mark_mail_tried, id=one.id)
            continue
        message = compose(
            one.kind,
            one.lang,
            to=person.email,
            name=person.name,
            sender=settings.mail.sender,
            institution=settings.name.best("ja" if one.lang == "ja" else "en"),
            link=settings.portal_origin + one.body.decode(),
            at=one.created_at,
            readable=folder is not None,
        )
        try:
            await asyncio.to_thread(transport, message)
        except (OSError, smtplib.SMTPException) as error:
            _log.warning("mail not handed over", extra={"error": type(error).__name__})
            await store.write(people.mark_mail_tried, id=one.id)
        else:
            await store.write(people.mark_mail_sent, id=one.id, at=context.clock())
            sent += 1
    return sent
