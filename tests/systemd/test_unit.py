"""What the unit says agrees with the program, with what is installed around it, and with the page that explains it."""

import re
from pathlib import Path

from syncd.errors import ConfigError
from syncd.generation import FINISH_SECONDS

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "systemd" / "syncd.service").read_text()
PAGE = (ROOT / "docs" / "systemd.md").read_text()
EXIT_SECONDS = 15
_PLAIN = {"Description", "After", "Wants", "WantedBy", "Environment", "ExecStart", "AmbientCapabilities"}


def directives(text=UNIT):
    return [tuple(line.split("=", 1)) for line in text.splitlines() if re.match(r"[A-Z]\w+=", line)]


def value(name):
    (found,) = (value for key, value in directives() if key == name)
    return found


def test_systemd_waits_longer_for_a_stop_than_what_is_in_flight_may_take():
    assert float(value("TimeoutStopSec")) >= FINISH_SECONDS + EXIT_SECONDS


def test_a_wrong_configuration_is_final_and_nothing_else():
    assert value("RestartPreventExitStatus") == str(ConfigError.exit_status)
    assert value("Restart") == "always"


def test_the_unit_passes_the_secrets_that_the_example_names():
    wanted = re.findall(
        r'credential = "([\w-]+)"', re.sub(r"(?m)^\s*#.*$", "", (ROOT / "syncd.toml").read_text())
    )

    assert sorted(value for key, value in directives() if key == "LoadCredential") == sorted(wanted)


def test_its_user_is_the_one_that_is_made_and_that_owns_the_drop_folder():
    user = value("User")

    assert re.search(rf"(?m)^u {user} ", (ROOT / "systemd/sysusers.d/syncd.conf").read_text())
    assert re.search(
        rf"(?m)^d /srv/syncd/inbox +:2770 +:{user} +:{user}$",
        (ROOT / "systemd/tmpfiles.d/syncd.conf").read_text(),
    )
    assert value("ReadWritePaths") == "-/srv/syncd"


def test_it_runs_what_is_installed():
    assert value("ExecStart").startswith("/opt/syncd/bin/syncd run --config /etc/syncd/syncd.toml")
    assert "home=/opt/syncd\n" in (ROOT / "systemd/install").read_text()


def test_the_page_explains_every_directive():
    unexplained = {
        key
        for key, _ in directives()
        if f"{key}=" not in PAGE and key not in _PLAIN and not key.startswith("ProtectKernel")
    }

    assert unexplained == set()
