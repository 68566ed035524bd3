"""`lrx doctor`: what an operator would ask support for, and what to do about it."""

import importlib.util
import shutil
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, dataclass
from datetime import timedelta

from cryptography import x509

from node import identity, rotation
from node.cli.common import Exit, language, read_settings, say, show, words
from node.context import system_clock
from node.fetch import DID_LOG, FetchError, fetcher_for
from node.jurisdictions import law
from node.settings import Settings
from node.store import messages
from node.store.engine import StoreError, open_store
from node.texts.spoken import in_language
from protocol.errors import MalformedValueError, ProtocolError
from protocol.exchange import did_log
from protocol.identity.dids import document_url

LOW_DISK = 1024**3
OLD_MESSAGE = timedelta(hours=1)
LINGERS = timedelta(days=7)
"""How long a replaced key may stay in the DID document."""
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: `ok`, `warn` (works, but look) or `fail`."""

    name: str
    state: str
    found: str
    advice: str = ""


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx doctor`."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=doctor)


async def doctor(arguments: Namespace) -> int:
    """Look at everything and say what to do."""
    return await report(read_settings(arguments), as_json=arguments.json)


async def report(settings: Settings, *, as_json: bool) -> int:
    """Print every check; exit status 1 if one failed."""
    checks = await examine(settings)
    if as_json:
        show([asdict(check) for check in checks])
    else:
        for check in checks:
            lang = language()
            found = in_language(lang, check.found)
            say(f"{check.state:5} {check.name}: {found}")
            if check.advice and check.state != "ok":
                say(f"      -> {in_language(lang, check.advice)}")
    return Exit.INVALID if any(c.state == "fail" for c in checks) else Exit.VALID


async def examine(settings: Settings) -> list[Check]:
    """Make every check, none depending on another."""
    return [
        _keys(settings),
        await _store(settings),
        await _seen_from_outside(settings),
        _certificate(settings),
        _anchors(settings),
        _law(settings),
        _disk(settings),
        _mail(settings),
        _python(),
        _didkit(),
    ]


def _keys(settings: Settings) -> Check:
    try:
        keys = identity.load(settings.path(settings.keystore), settings.did)
    except identity.KeystoreError as error:
        return Check("keys", "fail", str(error), "mend the file the message names")
    offline = [
        job
        for job in ("update", "next")
        if (settings.path(settings.keystore) / f"{job}.json").exists()
    ]
    if offline and not settings.test:
        return Check(
            "keys",
            "warn",
            f"{' and '.join(offline)} key beside the running node",
            "move update.json and next.json to a medium in a safe",
        )
    history, _ = identity.read_log(settings.path(settings.keystore), settings.did)
    replaced = rotation.replaced(history.current())
    if replaced and history.versions[-1].at < system_clock() - LINGERS:
        names = ", ".join(url.fragment for url in replaced)
        return Check(
            "keys", "warn", f"replaced, but still valid: {names}", "lrx keys retire"
        )
    return Check("keys", "ok", f"{keys.did} speaks with {keys.message_kid.fragment}")


async def _store(settings: Settings) -> Check:
    try:
        store = await open_store(settings.store_url)
    except StoreError as error:
        return Check("database", "fail", str(error), "run lrx migrate")
    try:
        oldest = await store.read(messages.oldest_queued)
    finally:
        await store.close()
    if oldest is not None:
        age = system_clock() - oldest
        if age > OLD_MESSAGE:
            return Check(
                "database",
                "warn",
                f"a message has waited {age.total_seconds() / 3600:.1f} h to be sent",
                "is `lrx serve` running, and the peer up? `lrx peers` tells which",
            )
    return Check("database", "ok", "schema and consent gate as released")


async def _seen_from_outside(settings: Settings) -> Check:
    fetcher = fetcher_for(settings)
    url = document_url(settings.did)
    try:
        log = await fetcher.get(url, DID_LOG)
        did_log.read(settings.did, log)
    except (FetchError, ProtocolError) as error:
        return Check(
            "did",
            "warn",
            f"{url} is not as it should be: {error}",
            "start `lrx serve` and let the reverse proxy hand on /.well-known/",
        )
    finally:
        await fetcher.close()
    own = settings.path(identity.LOG_FILE).read_bytes()
    if log != own:
        return Check("did", "fail", f"{url} serves another log than ours", "compare")
    return Check("did", "ok", f"{url} serves our DID log")


def _certificate(settings: Settings) -> Check:
    if settings.tls_certificate is None:
        return Check("tls", "ok", f"ended by a proxy in front of {settings.listen}")
    path = settings.path(settings.tls_certificate)
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        return Check("tls", "fail", f"{path}: {error}", "point tls_certificate at PEM")
    end = certificate.not_valid_after_utc
    if end < system_clock() + SOON and not settings.test:
        return Check("tls", "warn", f"certificate ends {end:%Y-%m-%d}", "renew it")
    return Check("tls", "ok", f"certificate until {end:%Y-%m-%d}")


def _anchors(settings: Settings) -> Check:
    if not settings.trust_anchors:
        return Check(
            "trust",
            "warn",
            "no trust anchor: every accreditation will be undetermined",
            "name the DIDs you trust in trust_anchors",
        )
    return Check("trust", "ok", f"{len(settings.trust_anchors)} anchor(s)")


def _law(settings: Settings) -> Check:
    country = settings.country
    try:
        packs = law(settings.own_packs)
    except MalformedValueError as error:
        return Check("law", "fail", str(error), words("doctor.law-mend"))
    known = {p.end: p.id for p in packs if country in p.jurisdictions}
    lacking = [end for end in ("sender", "recipient") if end not in known]
    if lacking:
        ends = ", ".join(words(f"doctor.law-{end}") for end in lacking)
        return Check(
            "law",
            "fail",
            words("doctor.no-law", country=country, ends=ends),
            words("doctor.law-write", folder=settings.path(settings.law_packs)),
        )
    return Check("law", "ok", ", ".join(known.values()))


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.home).free
    found = f"{free / 1024**3:.1f} GiB free"
    if free < LOW_DISK:
        return Check("disk", "fail", found, "make room: nothing is accepted on a full")
    return Check("disk", "ok", found)


def _mail(settings: Settings) -> Check:
    if settings.mail.folder:
        return Check("mail", "ok", f"files in {settings.path(settings.mail.folder)}")
    if settings.mail.host:
        return Check("mail", "ok", f"{settings.mail.host}:{settings.mail.port}")
    return Check(
        "mail",
        "warn",
        "no mail server: learners are not told of requests",
        "set [mail] host, or folder for a trial",
    )


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", "ok", version)


def _didkit() -> Check:
    if importlib.util.find_spec("didkit") is None:
        return Check(
            "didkit",
            "warn",
            "no DIDKit for this Python",
            "only the second opinion on VC 1.1 is missing; our own code verifies",
        )
    return Check("didkit", "ok", "second opinion on VC 1.1")
