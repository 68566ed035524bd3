"""`lrx bench exchange`: from query to stored receipt, two node processes over TLS.

The source runs as a process of its own; the authority's node runs in this one, which
also makes the load: both share the machine's cores with it. Each exchange is about a
fresh learner who handed out a grant beforehand; both databases are at
`synchronous=FULL`. An exchange is complete when the source has answered the receipt
with its 202, which it does after the commit.
"""

import asyncio
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from node.app import Running, spare_the_collector
from node.bench import learners
from node.bench.figures import Figure, percentile
from node.context import system_clock
from node.demo.network import loopback
from node.demo.processes import Processes, command
from node.demo.world import World, create
from node.handle import opened_at
from node.services import requesting
from node.store import figures as figure_store
from node.store import messages

TARGET_RATE = 60.0
TARGET_P95 = 0.150
LONGEST = 60.0
"""Seconds one exchange may take before it counts as failed."""
PORT_BASE = 18700


@dataclass(frozen=True, slots=True)
class Round:
    """What one concurrency gave."""

    concurrency: int
    seconds: float
    latencies: tuple[float, ...]
    failed: int

    @property
    def rate(self) -> float:
        """Exchanges per second."""
        return len(self.latencies) / self.seconds


async def measure(count: int) -> list[Figure]:
    """Run `count` exchanges at each concurrency and return the figures."""
    concurrencies = (1, 8, 64)
    with tempfile.TemporaryDirectory(prefix="lrx-bench-") as folder:
        async with _pair(Path(folder)) as (world, authority, source):
            total = count * (len(concurrencies) + 1) + count
            grants = await learners.seed(
                world.settings["university-a"],
                recipient=world.settings["authority"].did,
                count=total,
            )
            peer = world.settings["university-a"].did.scid or ""
            pool = iter(grants)

            def take(number: int) -> list[str]:
                return [next(pool) for _ in range(number)]

            await _round(authority, peer, take(count), 16)  # warm-up
            before = await _spent(world, source)
            rounds = []
            for concurrency in concurrencies:
                amount = max(count // 4, 20) if concurrency == 1 else count
                rounds.append(await _round(authority, peer, take(amount), concurrency))
            best = rounds[-1].rate
            half = await _paced(authority, peer, take(count), max(best / 2, 1.0))
            after = await _spent(world, source)
    done = sum(len(one.latencies) for one in (*rounds, half))
    cost = {what: (after[what] - before[what]) / max(done, 1) for what in after}
    return _figures(rounds, half, cost)


@asynccontextmanager
async def _pair(root: Path) -> AsyncIterator[tuple[World, Running, int]]:
    members = [
        m
        for m in loopback(PORT_BASE)
        if m.key in {"university-a", "accreditor", "authority"}
    ]
    world = await create(root, members, system_clock())
    processes = Processes(world)
    try:
        await processes.start("university-a", "accreditor")
        authority = await Running.start(world.settings["authority"])
        try:
            await command(
                world.file("authority"),
                *("peers", "introduce", str(world.settings["university-a"].did)),
                *("--purpose", "recognition-assessment", "--wait", "30"),
            )
            spare_the_collector()
            yield world, authority, processes.running["university-a"].pid
        finally:
            await authority.stop()
    finally:
        await processes.stop()


async def _round(
    node: Running, peer: str, codes: Sequence[str], concurrency: int
) -> Round:
    free = asyncio.Semaphore(concurrency)
    latencies: list[float] = []
    failed = 0
    watch = _Watch(node)
    task = asyncio.create_task(watch.run())

    async def one(code: str) -> None:
        nonlocal failed
        async with free:
            started = time.perf_counter()
            try:
                await watch.exchange(peer, code)
            except TimeoutError:
                failed += 1
            else:
                latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(one(code) for code in codes))
    seconds = time.perf_counter() - started
    task.cancel()
    return Round(concurrency, seconds, tuple(latencies), failed)


async def _paced(node: Running, peer: str, codes: Sequence[str], rate: float) -> Round:
    """Start exchanges at a steady `rate`, whatever the earlier ones do."""
    watch = _Watch(node)
    watching = asyncio.create_task(watch.run())
    latencies: list[float] = []
    failed = 0

    async def one(code: str) -> None:
        nonlocal failed
        begun = time.perf_counter()
        try:
            await watch.exchange(peer, code)
        except TimeoutError:
            failed += 1
        else:
            latencies.append(time.perf_counter() - begun)

    started = time.perf_counter()
    tasks = []
    for number, code in enumerate(codes):
        await asyncio.sleep(max(started + number / rate - time.perf_counter(), 0))
        tasks.append(asyncio.create_task(one(code)))
    await asyncio.gather(*tasks)
    seconds = time.perf_counter() - started
    watching.cancel()
    return Round(0, seconds, tuple(latencies), failed)


class _Watch:
    """Starts exchanges and notices, at each commit, which are complete."""

    def __init__(self, node: Running) -> None:
        self._node = node
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def exchange(self, peer: str, code: str) -> None:
        at = self._node.context.clock()
        thread = await self._node.store.write(
            requesting.query,
            context=self._node.context,
            peer=peer,
            subject={"match": "grant", "grant": code},
            kind="diploma-supplement",
            required=learners.CLAIMS,
            optional=(),
            purpose="recognition-assessment",
            reference="BENCH",
            text={"en": "Measurement"},
            deadline=at + timedelta(days=7),
            at=at,
        )
        done = asyncio.get_running_loop().create_future()
        self._waiting[thread] = done
        async with asyncio.timeout(LONGEST):
            await done

    async def run(self) -> None:
        """Complete what the store says is complete, until cancelled."""
        settled = self._node.store.watch(messages.SETTLED)
        while True:
            settled.clear()
            if self._waiting:
                found = await self._node.store.read(
                    figure_store.threads_sent,
                    type_="record/receipt",
                    threads=list(self._waiting),
                )
                for thread in found:
                    self._waiting.pop(thread).set_result(None)
            await settled.wait()


async def _spent(world: World, source: int) -> dict[str, float]:
    """Return CPU milliseconds and bytes the two nodes have spent so far."""
    stat = Path(f"/proc/{source}/stat").read_text(encoding="ascii")
    fields = stat.rsplit(")", 1)[1].split()
    ticks = (int(fields[11]) + int(fields[12])) / 100
    own = resource.getrusage(resource.RUSAGE_SELF)
    stored = wire = 0
    for key in ("university-a", "authority"):
        async with opened_at(world.settings[key]) as node:
            sizes = await node.store.read(figure_store.sizes)
        wire += sizes.wire
        stored += sizes.stored
    return {
        "source_cpu_ms": ticks * 1000,
        "own_cpu_ms": (own.ru_utime + own.ru_stime) * 1000,
        "wire": wire,
        "stored": stored,
    }


def _figures(
    rounds: Sequence[Round], half: Round, cost: dict[str, float]
) -> list[Figure]:
    conditions: dict[str, Any] = {
        "transport": "HTTP over TLS, loopback",
        "databases": "SQLite, WAL, synchronous=FULL",
        "consent": "grant given beforehand, a fresh learner each",
        "load": "in the requester's process, on the same cores",
    }
    figures = []
    for one in rounds:
        said = conditions | {"concurrency": one.concurrency, "n": len(one.latencies)}
        top = one.concurrency == max(r.concurrency for r in rounds)
        figures += [
            Figure(
                f"exchange rate, concurrency {one.concurrency}",
                one.rate,
                "1/s",
                TARGET_RATE if top else None,
                conditions=said,
            ),
            Figure(
                f"exchange p50, concurrency {one.concurrency}",
                percentile(one.latencies, 0.5) * 1000,
                "ms",
                conditions=said,
            ),
            Figure(
                f"exchange p95, concurrency {one.concurrency}",
                percentile(one.latencies, 0.95) * 1000,
                "ms",
                conditions=said,
            ),
            Figure(
                f"failed, concurrency {one.concurrency}",
                one.failed,
                "exchanges",
                0,
                lower_is_better=True,
                conditions=said,
            ),
        ]
    said = conditions | {"load": "steady arrivals at half the best rate"}
    figures += [
        Figure(
            "exchange p95 at half load",
            percentile(half.latencies, 0.95) * 1000,
            "ms",
            TARGET_P95 * 1000,
            lower_is_better=True,
            conditions=said | {"rate": round(len(half.latencies) / half.seconds, 1)},
        ),
        Figure(
            "failed at half load", half.failed, "exchanges", 0, lower_is_better=True
        ),
    ]
    both = {"of": "both nodes over all rounds and half load, warm-up left out"}
    for what, key, unit in (
        ("CPU per exchange, source", "source_cpu_ms", "ms"),
        ("CPU per exchange, requester and load", "own_cpu_ms", "ms"),
        ("message bytes per exchange", "wire", "B"),
        ("stored bytes per exchange", "stored", "B"),
    ):
        figures.append(Figure(what, cost[key], unit, conditions=both))
    return figures
