"""Who may log in, by links that work once.

A link is an invitation: 256 random bits, of which the store keeps a hash, good for one
use within 15 minutes. Whoever uses it gets a session, whose token is kept in the same
way. How long a login is fresh enough to give records away is for `consenting` to say.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy import Connection

from node import mail
from node.context import NodeContext
from node.services import guarding
from node.store import audit, learners, people
from protocol.errors import NotFoundError

LINK_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(hours=8)
IDLE_LIFETIME = timedelta(minutes=30)
TOUCH_AFTER = timedelta(minutes=1)
"""How old `seen_at` may grow before a page view is worth a write."""
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Login:
    """A person who is logged in."""

    person_id: str
    role: str
    learner_id: str | None
    name: str
    language: str
    login_at: datetime
    seen_at: datetime
    csrf: str
    token_hash: bytes
    acts_for: str = ""
    """The learner's name, if this is a guardian."""


def hashed(token: str) -> bytes:
    """Return what the store keeps of a token."""
    return hashlib.sha256(token.encode()).digest()


def invite(
    connection: Connection,
    *,
    context: NodeContext,
    person_id: str,
    at: datetime,
    path: str = "/",
) -> str:
    """Make a link that logs a person in and leads to `path`; mail it and return it.

    Raises:
        NotFoundError: no such person.
    """
    if people.person(connection, vault=context.vault, id=person_id) is None:
        raise NotFoundError("no such person")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    people.add_invitation(
        connection,
        token_hash=hashed(token),
        person_id=person_id,
        created_at=at,
        expires_at=at + LINK_LIFETIME,
    )
    way = f"/login/{token}"
    if path != "/":
        way += f"?next={quote(path)}"
    mail.enqueue(
        connection,
        context=context,
        person_id=person_id,
        kind="invitation",
        path=way,
        at=at,
    )
    return context.settings.portal_origin + way


def invite_learner(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    email: str,
    language: str,
    viewer: Login,
    at: datetime,
) -> str:
    """Let a learner log in: note where to mail to, and make a link.

    An empty `email` leaves the address that is on file. The learner sees who did it.

    Raises:
        NotFoundError: no such learner, or no address on file.
    """
    record = learners.learner_record(connection, context.vault, learner_id=learner_id)
    if record is None:
        raise NotFoundError("no such learner")
    known = people.person_of_learner(connection, learner_id=learner_id)
    if known is None:
        if not email:
            raise NotFoundError("no address on file")
        name = record.person.name("kanji", "latin")
        person_id = secrets.token_hex(16)
        people.add_person(
            connection,
            vault=context.vault,
            id=person_id,
            role="learner",
            learner_id=learner_id,
            name=f"{name.family} {name.given}".strip(),
            email=email,
            language=language,
        )
    else:
        person_id = known.id
        people.set_language(connection, id=person_id, language=language)
        if email:
            people.set_email(connection, vault=context.vault, id=person_id, email=email)
    audit.add_access(
        connection,
        learner_id=learner_id,
        who=viewer.name,
        role=viewer.role,
        what="invite",
        reason="invite",
        at=at,
    )
    return invite(connection, context=context, person_id=person_id, at=at)


def people_at(
    connection: Connection, *, context: NodeContext, email: str
) -> tuple[str, ...]:
    """Return the id of the one person with this address, or of none.

    A guardian is one person for each learner they act for: all of them are returned.
    Addresses are sealed, so everybody's is opened, whether or not one fits.
    """
    wanted = email.strip().casefold()
    found = [
        one
        for one in people.people(connection, vault=context.vault)
        if one.email.casefold() == wanted
    ]
    clear = len(found) == 1 or all(one.role == "guardian" for one in found)
    return tuple(one.id for one in found) if wanted and clear else ()


def redeem(connection: Connection, *, token: str, at: datetime) -> str | None:
    """Use a link up and begin a session; return its token, None if the link is bad."""
    person_id = people.use_invitation(connection, token_hash=hashed(token), at=at)
    if person_id is None:
        return None
    begun = secrets.token_urlsafe(TOKEN_BYTES)
    people.prune(connection, at=at)
    people.add_session(
        connection,
        token_hash=hashed(begun),
        person_id=person_id,
        at=at,
        expires_at=at + SESSION_LIFETIME,
        csrf=secrets.token_urlsafe(TOKEN_BYTES),
    )
    return begun


def seen(
    connection: Connection, *, context: NodeContext, token: str, at: datetime
) -> Login | None:
    """Return who is logged in with `token`; None if nobody is, or not any more."""
    session = people.session(connection, token_hash=hashed(token), at=at)
    if session is None or at - session.seen_at > IDLE_LIFETIME:
        return None
    person = people.person(connection, vault=context.vault, id=session.person_id)
    if person is None:
        return None
    acts_for = ""
    if person.role == "guardian" and person.learner_id is not None:
        if not guarding.needed(
            connection, context=context, learner_id=person.learner_id, at=at
        ):
            # The learner has come of age: a guardian sees nothing any more.
            return None
        acts_for = _name(connection, context, person.learner_id)
    return Login(
        person.id,
        person.role,
        person.learner_id,
        person.name,
        person.language,
        session.login_at,
        session.seen_at,
        session.csrf,
        session.token_hash,
        acts_for,
    )


def _name(connection: Connection, context: NodeContext, learner_id: str) -> str:
    record = learners.learner_record(connection, context.vault, learner_id=learner_id)
    name = record.person.name("kanji", "latin") if record else None
    return f"{name.family} {name.given}".strip() if name else ""


def touch(connection: Connection, *, token_hash: bytes, at: datetime) -> None:
    """Note that the person is still there."""
    people.touch_session(connection, token_hash=token_hash, at=at)


def logout(connection: Connection, *, token_hash: bytes) -> None:
    """End a session."""
    people.end_session(connection, token_hash=token_hash)
