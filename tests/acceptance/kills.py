"""Kill and end the real daemon at random, behind a network that misbehaves, and judge all that it did.

`python tests/acceptance/kills.py --kills 200 --terms 200 --seed 0`. Ends with one line; exit status 1 and the
seed where something was wrong.
"""

import argparse
import base64
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from judging import Source, Wrong, check_counts, check_refusals, check_sent, untruth
from processes import PATIENCE_SECONDS, SECRETS, ServedSandbox, Site, eventually, files_holding, hears
from proxy import EVENLY, LATEST_SECONDS, MISDEEDS, Does, Proxy

from connectors.sandbox import tokopedia
from connectors.sandbox.buckets import Limits
from connectors.sandbox.faults import Effect, Fault, FaultKind

SKUS = [f"SKU-{number}" for number in range(40)]
COUNTERS = ["COUNT-1", "COUNT-2"]
"""Their quantities only grow, so that anything stale shows."""
EARLY_ENDS = 0.25
"""The share of lives that end somewhere in the start-up."""
LONGEST_LIFE_SECONDS = 3.0
IN_MID_REQUEST = 0.6
"""The share of the other lives that end when a request is probably under way."""
TAKEN_BACK = 0.5
"""How often the source goes back to what it said before, after a SIGKILL: A, B, killed, A."""
SLOW_SECONDS = 0.4
TICK_SECONDS = 0.02
"""Files written at the same tick of the kernel's clock have no order."""
SETTLING_SECONDS = 4
TIMEOUT_SECONDS = 1
LIMITS = {
    "tokopedia": Limits(rows_per_request=100, rows_per_second=40, row_burst=40),
    "tocobagus": Limits(rows_per_request=100, requests_per_second=8, request_burst=8),
}
SANDBOX_FAULTS = (
    (0.02, Fault(kind=FaultKind.STATUS, status=503)),
    (0.02, Fault(kind=FaultKind.STATUS, status=502, effect=Effect.LATE, delay=LATEST_SECONDS)),
    (0.02, Fault(kind=FaultKind.ROW_MISSING)),
    (0.02, Fault(kind=FaultKind.TOKEN_EXPIRED, marketplace="tokopedia")),
    (0.05, Fault(kind=FaultKind.LATE, delay=LATEST_SECONDS, marketplace="tocobagus")),
    (0.5, Fault(kind=FaultKind.LATENCY, after=SLOW_SECONDS)),
)
LIVES_BETWEEN_CALMS = 20
LONGEST_CALM_SECONDS = 120.0
STOP_SECONDS = 8.0
"""From a signal to the end: what is in flight takes a second, a busy machine the rest."""


@dataclass(slots=True)
class Tally:
    """What was done, and the worst that was seen, in seconds."""

    kills: int = 0
    terms: int = 0
    restarts: int = 0
    unheard: int = 0
    slowest_stop: float = 0.0
    worst_convergence: float = 0.0
    faults: Counter = field(default_factory=Counter)


class Trial:
    """One daemon's many lives."""

    def __init__(self, folder: Path, seed: int, served: ServedSandbox, proxy: Proxy):
        self.dice = random.Random(seed)
        self.served, self.proxy = served, proxy
        self.site = Site(
            folder / "site", served, url=proxy.url,
            keys=f'reassert_after = "{SETTLING_SECONDS}s"\n', limits=f'timeout = "{TIMEOUT_SECONDS}s"\n',
        )  # fmt: skip
        self.secret_files = self.site.keep_secrets_apart()
        with self.site.config.open("a") as config:
            config.write('[logging]\nlevel = "debug"\nformat = "json"\n')
        self.source, self.version = Source(), 0
        self.truth = self.before = dict.fromkeys(SKUS, 0)
        self.tally = Tally()
        self.secrets = {*SECRETS, base64.b64encode(_basic(tokopedia)).decode()}
        self.judged = 0
        self.starting_seconds = 1.0

    def run(self, kills: int, terms: int, seconds: float) -> Tally:
        ends = [signal.SIGKILL] * kills + [signal.SIGTERM] * terms
        self.dice.shuffle(ends)
        until = time.monotonic() + seconds
        self.say()
        for number, end in enumerate(ends, 1):
            self.misbehave()
            self.live_until(end)
            if number % LIVES_BETWEEN_CALMS == 0 or number == len(ends) or time.monotonic() > until:
                self.calm()
                print(
                    f"{number}/{len(ends)} lives, {len(self.proxy.exchanges)} requests,"
                    f" worst convergence {self.tally.worst_convergence:.1f}s", flush=True,
                )  # fmt: skip
            if time.monotonic() > until:
                break
        self.search_for_secrets()
        self.tally.faults += Counter({str(does): self.proxy.did[does] for does in MISDEEDS})
        return self.tally

    def say(self):
        """Let the source say something else, of few values: A, B, A comes often.

        Little at a time: a listing that has gone wrong must not be set right by chance before the next calm.
        """
        self.before = dict(self.truth)
        self.say_this({sku: self.dice.choice((0, 1, 2)) for sku in self.dice.sample(SKUS, 3)})

    def say_this(self, changes: dict[str, int]):
        pause(TICK_SECONDS)
        self.truth |= changes
        self.version += 1
        self.truth |= dict.fromkeys(COUNTERS, self.version)
        self.source.say(time.time(), self.truth)
        self.site.drop(self.truth, self.dice.choice(("export.csv", f"export-{self.version}.csv")))

    def misbehave(self):
        faultless = not self.served.ask(lambda sandbox: sandbox.faults.pending())
        if faultless:
            for rate, fault in SANDBOX_FAULTS:
                self.served.ask(lambda sandbox, r=rate, f=fault: sandbox.faults.at_random(r, f))
        if faultless or self.dice.random() < 0.2:
            # Swarms: some lives see other misdeeds than others, and some hardly any.
            self.proxy.misbehave(
                {does: w * self.dice.choice((0, 0.3, 1, 3)) for does, w in EVENLY.items()}
                | {Does.PASS: EVENLY[Does.PASS]}
            )

    def live_until(self, end: signal.Signals):
        """Start the daemon, change the stock now and then, and end it at a random moment."""
        self.start()
        if self.dice.random() < EARLY_ENDS:
            pause(self.dice.random() * self.starting_seconds)
        else:
            self.wait_until_started()
            died_at = time.monotonic() + self.dice.random() * LONGEST_LIFE_SECONDS
            while (left := died_at - time.monotonic()) > 0:
                pause(min(left, self.dice.choice((0.05, 0.3, 1.0))))
                if self.dice.random() < 0.7:
                    self.say()
            if self.dice.random() < IN_MID_REQUEST:
                self.wait_for_a_request()
        self.require_alive()
        if end is signal.SIGKILL:
            self.site.kill()
            self.tally.kills += 1
            if self.dice.random() < TAKEN_BACK:
                self.say_this({sku: self.before[sku] for sku in SKUS})
        else:
            self.end_in_order()
            self.tally.terms += 1

    def start(self):
        self.site.start()
        self.tally.restarts += 1

    def wait_until_started(self):
        began, process = time.monotonic(), self.site.process
        eventually(lambda: hears(process, signal.SIGTERM) or process.poll() is not None, "it starts")
        self.starting_seconds = time.monotonic() - began

    def wait_for_a_request(self):
        """Say something and wait until some of it is on the way, so that the end comes then."""
        self.say()
        seen, until = len(self.proxy.exchanges), time.monotonic() + LONGEST_LIFE_SECONDS
        while len(self.proxy.exchanges) == seen and time.monotonic() < until:
            pause(0.01)
        pause(self.dice.random() * SLOW_SECONDS)

    def end_in_order(self):
        process = self.site.process
        heard = hears(process, signal.SIGTERM)
        self.tally.unheard += not heard
        asked_at, bound = time.monotonic(), STOP_SECONDS
        process.send_signal(signal.SIGTERM)
        allowed = (0,) if heard else (0, -signal.SIGTERM)
        if self.dice.random() < 0.5:
            pause(self.dice.random() * 0.3)
            process.send_signal(signal.SIGTERM)
            bound, allowed = time.monotonic() - asked_at + STOP_SECONDS, (0, -signal.SIGTERM)
        try:
            status = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Wrong(f"SIGTERM did not end it within {PATIENCE_SECONDS:g} s") from None
        took = time.monotonic() - asked_at
        self.tally.slowest_stop = max(self.tally.slowest_stop, took)
        if took > bound or status not in allowed:
            raise Wrong(f"SIGTERM ended it with {status} after {took:.2f} s, allowed were {bound:.2f} s")

    def calm(self):
        """Nothing goes wrong any more and the source stays: the truth must come, and stay; then judge all."""
        self.proxy.behave()
        self.served.ask(lambda sandbox: sandbox.faults.clear())
        self.start()
        began = time.monotonic()
        while wrong := self.whats_wrong():
            self.require_alive()
            if time.monotonic() > began + LONGEST_CALM_SECONDS:
                raise Wrong(f"after {LONGEST_CALM_SECONDS:g} s of calm: {wrong}")
            pause(0.1)
        self.tally.worst_convergence = max(self.tally.worst_convergence, time.monotonic() - began)
        pause(SETTLING_SECONDS + LATEST_SECONDS)
        if wrong := self.whats_wrong():
            raise Wrong(f"it did not stay true: {wrong}")
        self.search_the_process()
        self.judge()
        self.end_in_order()

    def whats_wrong(self) -> str:
        if wrong := untruth(self.served, self.truth):
            return wrong
        status = self.site.status()
        check_counts(status)
        left = {
            name: channel
            for name, channel in status["channels"].items()
            if channel["in_sync"] < len(self.truth) or channel["repetitions"]
        }
        return f"not settled: {left}" if left else ""

    def judge(self):
        exchanges = list(self.proxy.exchanges)
        check_sent(exchanges, self.source, LIMITS)
        arrivals = self.served.ask(lambda sandbox: sandbox.arrivals(self.judged))
        check_refusals(arrivals, exchanges)
        self.tally.faults.update(f"sandbox {arrival.fault}" for arrival in arrivals if arrival.fault)
        self.judged = arrivals[-1].number if arrivals else self.judged
        self.secrets.add(self.served.ask(lambda sandbox: sandbox.tokopedia._token))

    def require_alive(self):
        status = self.site.process.poll()
        if status is not None:
            raise Wrong(f"the daemon ended by itself with {status}: {self.last_lines()}")

    def last_lines(self) -> str:
        return "\n".join(self.site.log.read_text().splitlines()[-5:])

    def search_the_process(self):
        proc = Path(f"/proc/{self.site.process.pid}")
        shown = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
        if any(secret.encode() in shown for secret in self.secrets):
            raise Wrong("a secret shows in /proc")

    def search_for_secrets(self):
        """In logs, database, archive, reports: everywhere but where the secrets were put."""
        allowed = {file.name for file in self.secret_files}
        for secret in self.secrets:
            if found := set(files_holding(self.site.folder, secret)) - allowed:
                raise Wrong(f"a secret is in {found}")
        if "Traceback" in self.site.log.read_text():
            raise Wrong("there is a traceback in the log")


def _basic(sandbox) -> bytes:
    return f"{sandbox.CLIENT_ID}:{sandbox.CLIENT_SECRET}".encode()


def pause(seconds: float):
    threading.Event().wait(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many SIGKILLs")
    parser.add_argument("--terms", type=int, default=20, help="how many SIGTERMs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no new life after so many")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="syncd-kills-"))
    limits = {f"{name}_limits": allowed for name, allowed in LIMITS.items()}
    with (
        ServedSandbox(apply_delay=0.3, seed=given.seed, **limits) as served,
        Proxy(served.url, seed=given.seed) as proxy,
    ):
        trial = Trial(folder, given.seed, served, proxy)
        try:
            tally = trial.run(given.kills, given.terms, given.seconds)
        except AssertionError as wrong:
            print(f"FAILED seed={given.seed} lives={trial.tally.restarts}: {wrong}\n  {folder} is kept")
            return 1
        finally:
            if trial.site.process is not None and trial.site.process.poll() is None:
                trial.site.kill()
    shutil.rmtree(folder)
    faults = ", ".join(f"{kind}: {count}" for kind, count in sorted(tally.faults.items()))
    print(
        f"passed kills={tally.kills} terms={tally.terms} (unheard at start-up: {tally.unheard})"
        f" restarts={tally.restarts} requests={len(proxy.exchanges)} faults={{{faults}}}"
        f" slowest stop={tally.slowest_stop:.2f}s worst convergence={tally.worst_convergence:.1f}s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
