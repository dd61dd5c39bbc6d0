"""What a process may do that lives under the unit's own directives, as a command of an alert does."""

import re

from machine import Machine

PROBES = {
    # what has to work
    "curl finds a name and speaks to it": (
        0, "curl --fail --silent --max-time 5 --output /dev/null http://alerts.test:9321/sandbox/counters"),
    "a shell pipes": (0, "printf 'a\\nb\\n' | sort -r | head -n 1 | grep -q b"),
    "Python starts threads and runs children": (
        0, ("/usr/bin/python3 -c 'import subprocess, threading; t = threading.Thread(target=print); t.start(); t.join();"
           " subprocess.run([\"true\"], check=True)'")),
    "a process limits itself": (
        0, "/usr/bin/python3 -c 'import os, resource; resource.prlimit(os.getpid(), resource.RLIMIT_CPU, (9, 9))'"),
    "the state can be written": (0, "touch /var/lib/syncd/probe && rm /var/lib/syncd/probe"),
    "the drop folder can be written": (0, "touch /srv/syncd/inbox/.probe && rm /srv/syncd/inbox/.probe"),
    "a credential can be read": (0, 'test -s "$CREDENTIALS_DIRECTORY/toco-secret-key"'),
    "an encrypted credential can be read": (0, 'test -s "$CREDENTIALS_DIRECTORY/toco-store-token"'),
    "the clock and the zone can be read": (0, "date && test -r /etc/localtime"),
    "a temporary file can be made": (0, "mktemp"),
    # what must not
    "the configuration cannot be written": (1, "echo >> /etc/syncd/syncd.toml"),
    "the program cannot be written": (1, "touch /opt/syncd/probe"),
    "the credential store cannot be read": (1, "cat /etc/credstore/toco-secret-key"),
    "homes cannot be seen": (1, "ls /home/erp"),
    "other processes cannot be seen": (1, "cat /proc/1/cmdline"),
    "no right is gained": (1, "unshare --user true"),
    "no namespace is made": (1, "unshare --mount true"),
    "the clock cannot be set": (1, "date --set=2001-01-01"),
    "no disk can be seen": (1, "ls /dev/vda /dev/sda /dev/kmsg"),
    "memory is not written and run": (
        1, "/usr/bin/python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)'"),
    "no raw socket is made": (1, "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'"),
    "kernel settings cannot be written": (1, "echo 1 > /proc/sys/vm/drop_caches"),
    "no program of root's is made": (1, "cp /bin/true /var/lib/syncd/probe && chmod u+s /var/lib/syncd/probe"),
}  # fmt: skip

# Answers each question of name resolution with 127.0.0.1.
_RESOLVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
while True:
    q, who = s.recvfrom(512)
    end = q.index(0, 12) + 5
    four = q[end - 4 : end - 2] == b"\\0\\1"
    head = q[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if four else b"\\0\\0") + b"\\0\\0\\0\\0"
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\x7f\\0\\0\\1" if four else b""
    s.sendto(head + q[12:end] + answer, who)
"""


def run(machine: Machine) -> str:
    """Try all of them; fail with each that came out otherwise."""
    machine.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    machine.does("systemd-run", "--unit=resolver", "/usr/bin/python3", "-c", _RESOLVER)
    text = machine.does("systemctl", "cat", "syncd.service")
    text = re.sub(r"(?m)^(Type|Restart|ExecReload|WatchdogSec|NotifyAccess)=.*$", "", text)
    text = re.sub(r"(?m)^ExecStart=.*$", "Type=oneshot\nExecStart=/bin/sh /etc/probe.sh", text)
    machine.does("tee", "/run/systemd/system/probe.service", stdin=text)
    machine.does("systemctl", "daemon-reload")
    wrong = []
    for name, (status, script) in PROBES.items():
        machine.write("/etc/probe.sh", f"{script}\nexit $(($? != 0))\n")
        machine.run("systemctl", "start", "probe")
        came = machine.property("ExecMainStatus", "probe")
        if came != str(status):
            wrong.append(f"{name}: {came}\n{machine.journal('probe')[-600:]}")
    assert not wrong, "\n".join(wrong)
    assert machine.journal("probe")
    return f"{len(PROBES)} probes"
