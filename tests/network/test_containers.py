"""The nodes as containers, for real: what `docker-compose.yml` promises."""

import errno
import json
import socket
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from network_engine import Engine, Network, run, timed

pytestmark = [pytest.mark.network, pytest.mark.slow]

NODES = {
    "university-a": ("172.31.251.11", 8181, "Mihon University (test)"),
    "university-b": ("172.31.251.12", 8182, "Sample University Utrecht (test)"),
    "accreditor": ("172.31.251.13", 8183, "Accreditation Agency (test)"),
    "authority": ("172.31.251.14", 8184, "Recognition Authority (test)"),
    "employer": ("172.31.251.15", 8185, "Example Employer (test)"),
}
PEER_PORT = 8443
CONNECT = """
import socket, sys
try:
    socket.create_connection(({host!r}, {port}), timeout=3).close()
except OSError as error:
    print(type(error).__name__)
else:
    print("connected")
"""
OUTER_ADDRESS = """
import socket
addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
print(*(a for a in addresses if not a.startswith("172.31.251.")))
"""
CONFINED = """
import errno, os, pathlib
for place in ("/opt/lrx", "/world", "/etc"):
    try:
        pathlib.Path(place, "mine").write_text("")
    except OSError as error:
        print(errno.errorcode[error.errno])
    else:
        print("written to", place)
pathlib.Path("/tmp/mine").write_text("")
said = dict(l.split(":", 1) for l in open("/proc/self/status") if ":" in l)
print(os.getuid(), int(said["CapEff"], 16), int(said["NoNewPrivs"]))
"""


def reaches(network: Network, service: str, host: str, port: int) -> str:
    return network.python(service, CONNECT.format(host=host, port=port))


def reaches_from_outside(network: Network, host: str, port: int) -> str:
    """Try from a container that is on the outer network only."""
    words = ("--network", f"{network.project}_portals", "--entrypoint", "python3")
    program = CONNECT.format(host=host, port=port)
    return network.engine.docker(
        "run", "--rm", *words, "lrx-node", "-c", program
    ).strip()


def address_of_this_machine() -> str:
    """Return the address by which this machine would go out; nothing is sent."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as out:
        out.connect(("192.0.2.1", 9))
        return str(out.getsockname()[0])


def test_every_portal_answers_where_it_is_said_to_be(network):
    printed = network.compose("logs", "--no-log-prefix", "setup")
    for key, (_, port, name) in NODES.items():
        origin = f"http://localhost:{port}"
        assert f"{key}: {origin}" in printed
        for path in ("/", "/verify"):
            with urlopen(origin + path, timeout=10) as page:  # noqa: S310 - http
                assert page.status == 200
                assert name in page.read().decode()


def test_health_is_that_of_the_node(network):
    for key in NODES:
        network.run_in(key, "lrx", "--config", f"/world/{key}/node.toml", "ready")
        state = json.loads(network.compose("ps", "--format", "json", key))
        assert state["Health"] == "healthy"


def test_only_the_portals_are_published_and_only_on_this_machine(network):
    rows = network.compose("ps", "--format", "json").splitlines()
    published = {
        (row["Service"], one["URL"], one["PublishedPort"])
        for row in map(json.loads, rows)
        for one in row["Publishers"] or ()
        if one["PublishedPort"]
    }
    assert published == {("proxy", "127.0.0.1", port) for _, port, _ in NODES.values()}
    outside = address_of_this_machine()
    ports = [port for _, port, _ in NODES.values()]
    closed = [("127.0.0.1", PEER_PORT), *((outside, p) for p in [PEER_PORT, *ports])]
    for place in closed:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, timeout=3).close()


def test_peers_meet_on_the_inner_network_only(network):
    host = NODES["university-a"][0]
    assert reaches(network, "authority", host, PEER_PORT) == "connected"
    assert reaches_from_outside(network, host, PEER_PORT) != "connected"


def test_nodes_have_no_way_out(network):
    # The proxy's address on the outer network is a door anybody there can knock at.
    address = network.python("proxy", OUTER_ADDRESS)
    port = NODES["university-a"][1]
    assert reaches_from_outside(network, address, port) == "connected"
    for key in NODES:
        assert reaches(network, key, address, port) != "connected"


def test_nodes_can_write_to_their_home_and_nowhere_else(network):
    rofs = errno.errorcode[errno.EROFS]
    for key in NODES:
        said = network.python(key, CONFINED).splitlines()
        assert said == [rofs, rofs, rofs, "10001 0 1"]


def test_no_home_is_in_two_containers(network):
    for key in NODES:
        homes = set(network.run_in(key, "sh", "-c", "ls -d /world/*/node.toml").split())
        mine = {key, "council"} if key == "accreditor" else {key}
        assert homes == {f"/world/{name}/node.toml" for name in mine}


def test_the_story_then_down_and_up_again(network):
    with timed("the story"):
        told = network.compose("run", "--rm", "--no-TTY", "story", seconds=300)
    assert told.rstrip().splitlines()[-1] == "demo: ok", told[-4000:]

    before = _kept(network)
    assert "trusted" in {state for _, state in before["university-a"][1]}
    with timed("down, the data stays"):
        network.compose("--profile", "*", "down", "--timeout", "10")
    network.up()
    assert _kept(network) == before
    test_every_portal_answers_where_it_is_said_to_be(network)


def _kept(network: Network) -> dict[str, tuple[str, set[tuple[str, str]]]]:
    """Return each node's DID log, and how far it trusts whom; its audit log holds."""
    kept = {}
    for key in NODES:
        config = ("--config", f"/world/{key}/node.toml")
        log = network.run_in(key, "cat", f"/world/{key}/did.jsonl")
        peers = json.loads(
            network.run_in(key, "lrx", *config, "peers", "list", "--json")
        )
        network.run_in(key, "lrx", *config, "audit", "verify")
        kept[key] = log, {(peer["did"], peer["state"]) for peer in peers}
    return kept


def test_a_network_of_any_size(network, own_engine: Engine, tmp_path: Path):
    folder = tmp_path / "net"
    lrx = (sys.executable, "-m", "node", "network", "new", str(folder))
    with timed("homes and data of six nodes"):
        said = run(
            *lrx, *("--universities", "3"), *("--authorities", "2"),
            *("--students", "40"), seconds=180,
        )  # fmt: skip
    assert "university-3: " in said
    made = Network(own_engine, folder / "docker-compose.yml", "lrx-test-new")
    try:
        made.up()
        for number in range(1, 7):
            origin = f"http://localhost:{8200 + number}"
            assert origin in said
            with urlopen(f"{origin}/verify", timeout=10) as page:  # noqa: S310 - http
                assert page.status == 200
        with timed("everybody trusts everybody"):
            for key in (f"university-{number}" for number in (1, 2, 3)):
                _until_trusted(made, key, 4)
            for key in ("authority-1", "authority-2"):
                _until_trusted(made, key, 3)
    finally:
        made.compose("down", "--volumes", "--timeout", "10")


def _until_trusted(made: Network, key: str, count: int) -> None:
    end = time.monotonic() + 150
    words = ("--config", f"/nodes/{key}/node.toml", "peers", "list", "--json")
    while True:
        peers = json.loads(made.run_in(key, "lrx", *words))
        if sum(peer["state"] == "trusted" for peer in peers) == count:
            return
        assert time.monotonic() < end, f"{key}: {peers}"
        time.sleep(2)
