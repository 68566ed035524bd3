"""A container engine for one test run, on a machine that may reach no image registry.

Where an engine answers already it is used as it is. Otherwise, on Debian or Ubuntu and
as root: the packages it takes are installed, an engine of our own is started, the base
image is made by debootstrap from the machine's own package mirror with the machine's
own settings for Python packages, and afterwards the host is as it was before.
"""

import logging
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = {
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
}
PLUGINS = ("docker-compose", "docker-buildx")
PLUGIN_SUITE = "trixie"
"""The Debian release whose Compose v2 also runs on the one before."""
BASE = "lrx-test-base"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

log = logging.getLogger("network")


class EngineError(Exception):
    """Something the test network needs is not there; the message says what."""


def run(
    *words: str | Path,
    env: dict[str, str] | None = None,
    seconds: float = 300,
    cwd: Path | None = None,
    stdin: str | None = None,
) -> str:
    """Run a program to its end; return what it printed."""
    line = shlex.join(map(str, words))
    try:
        done = subprocess.run(  # noqa: S603 - fixed words of this suite
            [str(word) for word in words],
            env=os.environ | (env or {}),
            cwd=cwd,
            timeout=seconds,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode(errors="replace") if error.stdout else ""
        raise EngineError(
            f"{line}: not done after {seconds} s\n{said[-4000:]}"
        ) from error
    if done.returncode:
        said = f"{done.stdout[-6000:]}{done.stderr[-4000:]}"
        raise EngineError(f"{line}: exit status {done.returncode}\n{said}")
    return done.stdout


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Tell how long something took."""
    log.info("%s …", what)
    begun = time.monotonic()
    yield
    log.info("%s: %.1f s", what, time.monotonic() - begun)


@dataclass(slots=True)
class Engine:
    """An engine that answers, with Compose."""

    env: dict[str, str] = field(default_factory=dict)
    docker_binary: str = "docker"

    def docker(self, *words: str | Path, seconds: float = 300) -> str:
        """Run one `docker` command."""
        return run(self.docker_binary, *words, env=self.env, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Network:
    """A compose project that runs."""

    engine: Engine
    file: Path
    project: str

    def compose(self, *words: str, seconds: float = 120) -> str:
        """Run one `docker compose` command."""
        chosen = ("--project-name", self.project, "--file", self.file)
        return self.engine.docker("compose", *chosen, *words, seconds=seconds)

    def run_in(self, service: str, *words: str) -> str:
        """Run a program in a node's container."""
        return self.compose("exec", "-T", service, *words, seconds=60)

    def python(self, service: str, program: str) -> str:
        """Run a short Python program in a node's container."""
        return self.run_in(service, "python3", "-c", program).strip()

    def up(self) -> None:
        """Start everything and wait until it is healthy."""
        with timed(f"{self.project} comes up"):
            self.compose("up", "--detach", "--wait", seconds=180)


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Give the engine that runs here, or one that lives in `folder`."""
    given = Engine({"BASE": base} if (base := os.environ.get("BASE")) else {})
    with suppress(EngineError, FileNotFoundError):
        given.docker("info", seconds=20)
        given.docker("compose", "version", seconds=20)
        log.info("using the engine that runs here")
        yield given
        return
    _require()
    before = Host.look()
    try:
        with _own(folder) as own:
            yield own
    finally:
        with timed("putting the host back"):
            before.restore()
            shutil.rmtree(folder)


@contextmanager
def _own(folder: Path) -> Iterator[Engine]:
    folder.mkdir(mode=0o700, parents=True)
    with timed("packages"):
        _install()
        plugins = _plugins(folder)
    socket = f"unix://{folder}/docker.sock"
    own = Engine(
        {"DOCKER_HOST": socket, "DOCKER_CONFIG": str(plugins), "BASE": BASE},
        "/usr/bin/docker",
    )
    words = ["/usr/sbin/dockerd", "--host", socket]
    for option in ("data-root", "exec-root", "pidfile"):
        words += [f"--{option}", str(folder / option)]
    with (folder / "dockerd.log").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - fixed words of this suite
            words, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        with timed("the engine starts"):
            _until_up(own, process, folder)
        _make_base(own, folder)
        yield own
        own.docker("system", "prune", "--all", "--force", "--volumes", seconds=120)
    finally:
        _stop(process)


def _until_up(own: Engine, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            own.docker("info", seconds=20)
        except EngineError as error:
            if process.poll() is not None or time.monotonic() > end:
                said = (folder / "dockerd.log").read_text(errors="replace")
                raise EngineError(
                    f"the engine did not start:\n{said[-3000:]}"
                ) from error
            time.sleep(0.2)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def _require() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EngineError(
            "no container engine with Compose v2 answers here; "
            "starting one takes root on Debian or Ubuntu"
        )
    if Path("/sys/class/net/docker0").exists():
        raise EngineError("docker0 is there, but its engine does not answer")


def _install() -> None:
    missing = [
        package
        for program, package in PACKAGES.items()
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    ]
    if missing:
        if "docker.io" in missing:
            # A package of its own since Debian 13.
            missing += [p for p in ("docker-cli",) if _is_packaged(p)]
        _apt("update", "-qq")
        _apt("install", "-y", "-qq", "--no-install-recommends", *missing)


def _apt(*words: str) -> str:
    return run("apt-get", *words, env={"DEBIAN_FRONTEND": "noninteractive"})


def _is_packaged(package: str) -> bool:
    return package in run("apt-cache", "pkgnames", package).split()


def _plugins(folder: Path) -> Path:
    """Put Compose v2 and buildx where the docker command looks; return the folder."""
    target = folder / "config"
    (target / "cli-plugins").mkdir(parents=True)
    if _is_packaged("docker-compose-v2"):
        _apt("install", "-y", "-qq", "docker-compose-v2", "docker-buildx")
        return target
    # Beside the machine's own sources, which stay untouched.
    scratch = folder / "apt"
    (scratch / "lists" / "partial").mkdir(parents=True)
    (scratch / "sources.list").write_text(f"deb {_mirror()[0]} {PLUGIN_SUITE} main\n")
    apart = [
        *("-o", f"Dir::Etc::SourceList={scratch}/sources.list"),
        *("-o", "Dir::Etc::SourceParts=-"),
        *("-o", f"Dir::State::Lists={scratch}/lists"),
        *("-o", f"Dir::Cache={scratch}"),
        *("-o", "APT::Sandbox::User=root"),
    ]
    run("apt-get", *apart, "update", "-qq")
    run("apt-get", *apart, "download", "-qq", *PLUGINS, cwd=scratch)
    for package in scratch.glob("*.deb"):
        run("dpkg", "-x", package, scratch)
    for name in PLUGINS:
        place = scratch / "usr/libexec/docker/cli-plugins" / name
        shutil.copy(place, target / "cli-plugins" / name)
    return target


def _mirror() -> tuple[str, str]:
    """Return the machine's package mirror and the name of its release."""
    system = dict(
        line.split("=", 1)
        for line in Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    release = system["VERSION_CODENAME"].strip('"')
    found = run(
        *("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"),
        "Created-By: Packages",
    )
    for line in found.splitlines():
        uri, suite, component = line.split()
        if (suite, component) == (release, "main"):
            return uri, release
    raise EngineError(f"no package mirror of {release} in the sources of apt")


def _make_base(own: Engine, folder: Path) -> None:
    """Make the image that stands for the official one of Python."""
    root, packages = folder / "rootfs", "python3,python3-venv,ca-certificates"
    mirror, release = _mirror()
    with timed("the base image"):
        run(
            *("debootstrap", "--variant=minbase", f"--include={packages}"),
            *(release, root, mirror),
            seconds=600,
        )
        _hand_on_pip(root)
        archive = folder / "rootfs.tar"
        leave_out = (
            "./tmp/*",
            "./var/cache/apt/archives/*.deb",
            "./var/lib/apt/lists/*",
        )
        run(
            *("tar", "-C", root, "--numeric-owner", "-cf", archive),
            *(f"--exclude={path}" for path in leave_out),
            ".",
        )
        own.docker("import", archive, BASE)
        archive.unlink()
        shutil.rmtree(root)


def _hand_on_pip(root: Path) -> None:
    """Let pip find packages in the image as it does on this machine."""
    found = {}
    for name in PIP_SETTINGS:
        with suppress(EngineError):
            text = run(sys.executable, "-m", "pip", "config", "get", f"global.{name}")
            found[name] = text.strip()
        found[name] = os.environ.get(
            f"PIP_{name.upper().replace('-', '_')}", found.get(name, "")
        )
    # What lies on this machine's disk is not in the image.
    reachable = {
        name: " ".join(p for p in text.split() if not p.startswith(("file:", "/")))
        for name, text in found.items()
    }
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    own = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile or bundle
    if Path(own).exists():
        shutil.copyfile(own, root / bundle.lstrip("/"))
    settings = {"cert": bundle, **reachable}
    lines = [f"{name} = {text}" for name, text in settings.items() if text]
    (root / "etc/pip.conf").write_text("\n".join(["[global]", *lines, ""]))


def build_arguments() -> list[str]:
    """Return the arguments by which a build reaches the net as this machine does."""
    known = {name: os.environ.get(name) for name in PROXIES}
    return [w for k, v in known.items() if v for w in ("--build-arg", f"{k}={v}")]


@dataclass(frozen=True, slots=True)
class Host:
    """What an engine changes on its host, as it was before."""

    forwarding: str
    tables: dict[str, str]
    """What `iptables-save` and `ip6tables-save` said."""
    links: frozenset[str]

    @classmethod
    def look(cls) -> "Host":
        """Note how things are."""
        return cls(FORWARDING.read_text(), _tables(), _links())

    def restore(self) -> None:
        """Put everything back, and make sure of it.

        Raises:
            EngineError: something is not as it was.
        """
        for name in _links() - self.links:
            if name.startswith(("docker", "br-", "veth")):
                with suppress(EngineError):  # the other end of a veth goes with it
                    run("ip", "link", "delete", name)
        now = _tables()
        for program, rules in self.tables.items():
            if now[program]:
                text = _emptied(now[program]) + rules
                run(f"/usr/sbin/{program}-restore", stdin=text)
        FORWARDING.write_text(self.forwarding)
        after = Host.look()
        if (after.forwarding, after.links) != (self.forwarding, self.links) or any(
            _said(after.tables[name]) != _said(rules)
            for name, rules in self.tables.items()
        ):
            raise EngineError(f"the host was {self} and is {after}")


def _tables() -> dict[str, str]:
    tables = {}
    for program in ("iptables", "ip6tables"):
        saved = shutil.which(f"{program}-save", path="/usr/sbin:/sbin")
        lines = run(saved).splitlines() if saved else []
        kept = (re.sub(r" \[\d+:\d+\]$", "", line) for line in lines if line[0] != "#")
        tables[program] = "".join(f"{line}\n" for line in kept)
    return tables


def _emptied(rules: str) -> str:
    """Return the same tables with their own chains only, letting everything pass."""
    lines = []
    for line in rules.splitlines():
        if line.startswith(":") and not line.endswith(" -"):
            lines.append(f"{line.split()[0]} ACCEPT")
        elif line.startswith(("*", "COMMIT")):
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _said(rules: str) -> frozenset[str]:
    """Return the tables that say anything; an empty one is as good as none."""
    tables = {f"{table.strip()}\nCOMMIT\n" for table in rules.split("COMMIT")}
    return frozenset(t for t in tables if t != _emptied(t))


def _links() -> frozenset[str]:
    return frozenset(path.name for path in Path("/sys/class/net").iterdir())
