"""`lrx keys`: which keys this node has, and new ones in their place."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from node import identity, rotation
from node.cli.common import Exit, UsageError, about, read_settings, say, show, words
from node.context import system_clock
from node.handle import opened_at
from node.identity import KEPT, RELATIONSHIPS
from node.reloading import LOOK_EVERY, SETTLED
from node.rotation import Change
from node.services import rekeying
from node.settings import Settings
from protocol.identity.dids import DidHistory

_ELSEWHERE = ("log", "vault")
"""Jobs whose key does not change by an entry of the DID log."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One key, as it is listed."""

    job: str
    file: str
    name: str | None
    """In the DID document."""
    thumbprint: str | None
    state: str
    """A key of the table `say.key-state`."""


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx keys`."""
    parser.add_argument("--json", action="store_true", help=about("json"))
    parser.set_defaults(command=keys)
    actions = parser.add_subparsers(metavar="ACTION")
    for name, command in (("rotate", rotate), ("retire", retire)):
        told = about(f"keys-{name}")
        action = actions.add_parser(name, help=told, description=told)
        action.add_argument(
            "jobs",
            nargs="*",
            metavar="JOB",
            help=about("keys-jobs", jobs=", ".join(rotation.JOBS)),
        )
        action.add_argument(
            "--update-keys",
            type=Path,
            metavar="DIR",
            help=about("keys-update-keys"),
        )
        action.add_argument("--json", action="store_true", help=about("json"))
        action.set_defaults(command=command)


async def keys(arguments: Namespace) -> int:
    """List each key with its thumbprint; nothing private is printed."""
    settings = read_settings(arguments)
    folder = settings.path(settings.keystore)
    identity.load(folder, settings.did)
    history, _ = identity.read_log(folder, settings.did)
    lines = [
        *_in_document(folder, history),
        *(_beside(folder, job) for job in ("update", "next", "log")),
    ]
    if arguments.json:
        show({"did": str(settings.did), "keys": [asdict(one) for one in lines]})
        return Exit.VALID
    say(str(settings.did))
    for one in lines:
        state = words(f"key-state.{one.state}", days=KEPT.days)
        say(f"{one.file:26} {one.name or '':8} {one.thumbprint or '':43} {state}")
    return Exit.VALID


def _in_document(folder: Path, history: DidHistory) -> Iterator[_Line]:
    document = history.current()
    replaced = rotation.replaced(document)
    for job in RELATIONSHIPS:
        for one in identity.stored(folder, job):
            names = one.names(document)
            former = [url for v in history.versions for url in one.names(v.document)]
            url = next(iter(names or former), None)
            state = "unused"
            if url in replaced:
                state = "replaced"
            elif names:
                state = "in-use"
            elif former:
                state = "left"
            name = url.fragment if url else None
            yield _Line(job, one.path.name, name, one.thumbprint, state)


def _beside(folder: Path, job: str) -> _Line:
    path = folder / f"{job}.json"
    if not path.exists():
        return _Line(job, path.name, None, None, "offline")
    key = identity.signing_key(path).verification_key
    state = {"update": "spent", "next": "announced"}.get(job, "in-use")
    return _Line(job, path.name, None, key.thumbprint(), state)


async def rotate(arguments: Namespace) -> int:
    """Make new keys, publish them in the DID log, put them in use."""
    settings = read_settings(arguments)
    jobs = _jobs(arguments.jobs)
    change = rotation.rotate(
        settings.path(settings.keystore),
        settings.did,
        jobs,
        safe=_safe(settings, arguments),
        at=system_clock(),
    )
    await _note(settings)
    _report(change, settings, arguments)
    return Exit.VALID


async def retire(arguments: Namespace) -> int:
    """Take replaced keys out of the DID document."""
    settings = read_settings(arguments)
    change = rotation.retire(
        settings.path(settings.keystore),
        settings.did,
        _jobs(arguments.jobs),
        safe=_safe(settings, arguments),
        at=system_clock(),
    )
    await _note(settings)
    if change is None:
        say(words("keys.nothing-to-retire"))
        return Exit.VALID
    _report(change, settings, arguments)
    return Exit.VALID


def _jobs(named: list[str]) -> tuple[str, ...]:
    """Return the jobs to work on: those named, or all; none for `update` alone."""
    for job in named:
        if job in _ELSEWHERE:
            raise UsageError(words(f"keys.not-{job}"))
        if job not in {*rotation.JOBS, "update"}:
            known = ", ".join((*rotation.JOBS, "update"))
            raise UsageError(words("keys.unknown-job", job=job, known=known))
    return tuple(j for j in rotation.JOBS if j in named) if named else rotation.JOBS


def _safe(settings: Settings, arguments: Namespace) -> Path:
    chosen: Path | None = arguments.update_keys
    return chosen or settings.path(settings.keystore)


def _report(change: Change, settings: Settings, arguments: Namespace) -> None:
    if arguments.json:
        show(asdict(change))
        return
    none = words("keys.none")
    say(
        words("keys.version", version=change.version),
        words("keys.added", names=", ".join(change.added) or none),
        words("keys.removed", names=", ".join(change.removed) or none),
        words("keys.destroyed", names=", ".join(change.destroyed) or none),
    )
    folder = settings.path(settings.keystore)
    history, _ = identity.read_log(folder, settings.did)
    if rotation.replaced(history.current()):
        say(words("keys.then-retire"))
    say(words("keys.running", seconds=int(SETTLED.total_seconds() + 2 * LOOK_EVERY)))
    if arguments.update_keys is None and not settings.test:
        say(words("keys.move-offline", folder=folder))


async def _note(settings: Settings) -> None:
    """Bring the audit log up to the DID log, also after a rotation that was cut off."""
    async with opened_at(settings) as node:
        await node.store.write(
            rekeying.note, context=node.context, at=node.context.clock()
        )
