"""`lrx demo`: builds the network, tells the story, takes it down again."""

import asyncio
import contextlib
import signal
import tempfile
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from node.context import system_clock
from node.demo import closing, exchange, network, opening, refusals
from node.demo.narrator import Narrator
from node.demo.processes import ProcessError, Processes
from node.demo.stage import Command, Stage
from node.demo.world import COUNCIL, World, create
from node.settings import load

STARTED = ("accreditor", "university-a", "university-b", "authority", "employer")
"""The stranger starts when it is its turn."""

Chapter = tuple[str, str, Callable[[], Awaitable[None]]]


async def run(arguments: Namespace, command: Command) -> int:
    """Tell the story; exit status 0 if every step went as it must."""
    narrator = Narrator(as_json=arguments.json)
    # Asked to end, end the nodes too: nobody else knows of them.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await _run(arguments, narrator, command)
    except ProcessError as error:
        narrator.say(f"FAILED: {error}")
        narrator.end()
        return 1


async def _run(arguments: Namespace, narrator: Narrator, command: Command) -> int:
    async with _stage(arguments, narrator, command) as (stage, processes):
        ok = await _tell(stage, processes)
        stage.write_story()
        if arguments.keep and processes is not None:
            await _keep_running(stage, processes)
    return 0 if ok else 1


@asynccontextmanager
async def _stage(
    arguments: Namespace, narrator: Narrator, command: Command
) -> AsyncIterator[tuple[Stage, Processes | None]]:
    with contextlib.ExitStack() as stack:
        if arguments.out:
            out = Path(arguments.out).resolve()
            out.mkdir(parents=True, exist_ok=True)
        else:
            folder = tempfile.TemporaryDirectory(prefix="lrx-demo-")
            out = Path(stack.enter_context(folder))
        if arguments.world:
            world = _world_of(Path(arguments.world))
            processes = Processes(world)
            await processes.start("stranger")
            try:
                yield Stage(world, narrator, out, command, inside=True), None
            finally:
                await processes.stop()
            return
        narrator.say("making keys, DIDs, certificates, settings")
        world = await create(out, network.loopback(arguments.port_base), system_clock())
        processes = Processes(world)
        try:
            await processes.start(*STARTED)
            narrator.say(f"{len(STARTED)} nodes run, each a process of its own")
            yield Stage(world, narrator, out, command, inside=False), processes
        finally:
            await processes.stop()


def _world_of(root: Path) -> World:
    members = network.containers()
    settings = {m.key: load(root / m.key / "node.toml") for m in members}
    settings[COUNCIL] = load(root / COUNCIL / "node.toml")
    return World(root, members, settings)


async def _tell(stage: Stage, processes: Processes | None) -> bool:
    chapters: tuple[Chapter, ...] = (
        (
            "import",
            "Import: exports become learner records",
            lambda: opening.import_(stage),
        ),
        (
            "issue",
            "Issue: the graduate gets what she earned",
            lambda: opening.issue(stage),
        ),
        (
            "introduce",
            "Introduce: each checks the other",
            lambda: opening.introduce(stage),
        ),
        ("consent", "Consent: the learner decides", lambda: exchange.consent(stage)),
        ("deliver", "Deliver: verified and receipted", lambda: exchange.deliver(stage)),
        ("push", "Push: the learner sends", lambda: exchange.push(stage)),
        (
            "refuse",
            "Refuse: what must not work",
            lambda: refusals.refuse(stage, processes),
        ),
        ("change", "Change: a grade is corrected", lambda: closing.change(stage)),
        ("prove", "Prove: without any node", lambda: closing.prove(stage, processes)),
    )
    try:
        for name, title, chapter in chapters:
            with stage.narrator.step(name, title):
                await chapter()
    except Exception as error:  # noqa: BLE001 - told, and the exit status says so
        stage.narrator.say(f"FAILED: {type(error).__name__}: {error}")
    return stage.narrator.end()


async def _keep_running(stage: Stage, processes: Processes) -> None:
    """Start the nodes again and print who may log in where, until Ctrl-C."""
    await processes.start(*STARTED)
    number = stage.facts["cast"]["graduate"]
    people = (
        ("university-a", "graduate", ("--learner", number)),
        ("university-a", "registrar", ("--staff", "registrar")),
        ("university-b", "registrar", ("--staff", "registrar")),
        ("authority", "officer", ("--staff", "officer")),
        ("employer", "officer", ("--staff", "officer")),
        ("accreditor", "operator", ("--staff", "operator")),
    )
    stage.narrator.say("every portal, with a link that logs in once within 15 minutes:")
    for key, who, words in people:
        link = await stage.link(key, *words)
        stage.narrator.say(f"{key:13} {who:10} {link}")
    stage.narrator.say("/verify at any portal takes a file from anyone; Ctrl-C ends")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number_, ended.set)
    await ended.wait()
