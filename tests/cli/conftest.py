import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from syncd.cli.group import syncd

CHANNEL_TABLE = re.compile(r"(\[channels\.[^.\]]+\]\n)")
SOURCE = """\
[server]
listen = ""

[sources.erp]
type = "drop"
path = "inbox"
settle = "100ms"

"""


def environment(**more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, **more}


def run_syncd(*arguments, cwd=None, env=None, **options):
    """Run a real process; return it completed."""
    return subprocess.run(
        [sys.executable, "-m", "syncd", *map(str, arguments)],
        cwd=cwd,
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def start_syncd(*arguments, cwd=None, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "syncd", *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def end(process, number=signal.SIGTERM):
    """End a process and close its pipes."""
    if process.poll() is None:
        process.send_signal(number)
    return process.communicate(timeout=30)


def read_until(stream, words):
    """Read lines until one holds these words; fail where the stream ends before."""
    lines = []
    for line in iter(stream.readline, ""):
        lines.append(line)
        if words in line:
            return line
    raise AssertionError(f"no line says {words!r}: {lines}")


class Sandbox:
    """The sandbox as a process of its own, as `syncd sandbox` serves it."""

    def __init__(self, url, configuration):
        self.url = url
        self.channels = configuration[configuration.index("[channels.") :]

    def ask(self, what, document=None, method=None):
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/sandbox/{what}", data=data, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (our own server)
            return json.load(answer)

    def arrivals(self):
        return self.ask("arrivals")

    def stock(self):
        shown = self.ask("stock")
        return {"tokopedia-sandbox": shown["tokopedia"]["1610"], "tocobagus-sandbox": shown["tocobagus"][""]}

    def fault(self, **fault):
        self.ask("faults", fault)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sandbox")
    process = start_syncd("sandbox", "--port", "0", "--directory", directory, "--rows-per-second", "1000")
    url = re.search(r"http://[^/ ]+", read_until(process.stdout, "http://"))[0]
    read_until(process.stdout, "/sandbox/counters")
    yield Sandbox(url, (directory / "syncd.toml").read_text())
    end(process)


@pytest.fixture
def sandbox(sandbox_process):
    sandbox_process.ask("reset", method="POST", document={})
    return sandbox_process


class Shop:
    """A folder with a configuration that points at the sandbox."""

    def __init__(self, folder, channels, head=SOURCE, keys='reassert_after = "500ms"\n'):
        self.folder = folder
        self.config = folder / "syncd.toml"
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.config.write_text(head + CHANNEL_TABLE.sub(rf"\1{keys}", channels))
        self.config.chmod(0o600)

    def export(self, name, levels):
        rows = "".join(f"{sku},{quantity}\n" for sku, quantity in levels.items())
        (self.inbox / f"{name}.tmp").write_text(f"sku,quantity\n{rows}")
        (self.inbox / f"{name}.tmp").rename(self.inbox / name)

    def call(self, *arguments):
        """Call a command in this very process."""
        return CliRunner().invoke(syncd, ["--config", str(self.config), *map(str, arguments)])

    def run(self, *arguments):
        """Run a command as a process."""
        return run_syncd("--config", self.config, *arguments)

    def start(self, *arguments):
        return start_syncd("--config", self.config, *arguments)

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture
def shop(tmp_path, sandbox):
    return Shop(tmp_path, sandbox.channels)


@pytest.fixture
def offline_shop(tmp_path):
    """A shop whose marketplace is not there."""
    channels = (
        '[channels.toko]\nconnector = "tokopedia"\nbase_url = "http://127.0.0.1:9"\n'
        'token_url = "http://127.0.0.1:9/token"\nfs_id = 1\nshop_id = 2\nclient_id = "a"\n'
        'client_secret = "hidden-client-secret"\n'
    )
    return Shop(tmp_path, channels)
