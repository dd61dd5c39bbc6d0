"""A shop whose daemon serves its status page, and a client that speaks to it as anything might."""

import http.client
import re
import socket
import sqlite3
from contextlib import closing
from urllib.parse import urlencode

from processes import GUARDS_OFF, NO_PAGE, SOURCE, Site, eventually

TOKEN = "canary-page-token-5b1d"
GUARDED = SOURCE.replace(GUARDS_OFF, "")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.headers = dict(answer.getheaders())
        self.fields = {name.lower(): value for name, value in answer.getheaders()}
        self.text = answer.read().decode()

    def __repr__(self):
        return f"{self.status} {self.headers} {self.text[:2000]}"


class Client:
    """Says exactly what it is told to, and no header more than `Host`."""

    def __init__(self, port, host="127.0.0.1"):
        self.port = port
        self.host = host
        self.cookie = ""
        self.form_token = ""

    def ask(self, path, method="GET", body=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        if self.cookie and "Cookie" not in sent:
            sent["Cookie"] = self.cookie
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=20)) as connection:
            connection.request(method, path, body=body, headers=sent)
            return Answer(connection.getresponse())

    @property
    def origin(self):
        return f"http://{self.host}:{self.port}"

    def post(self, path, fields=None, **headers):
        headers.setdefault("Origin", self.origin)
        headers.setdefault("Content_Type", "application/x-www-form-urlencoded")
        return self.ask(path, "POST", urlencode(fields or {}), **headers)

    def log_in(self, token=TOKEN):
        answer = self.post("/login", {"token": token})
        if answer.status == 303:
            self.cookie = answer.fields["set-cookie"].partition(";")[0]
            self.form_token = re.search(r'name="form_token" value="([^"]+)"', self.ask("/").text)[1]
        return answer

    def act(self, action, **fields):
        return self.post("/act", {"action": action, "form_token": self.form_token, **fields})


class PageSite(Site):
    """A shop with its daemon and its page."""

    def __init__(self, folder, served, *, server=None, source=SOURCE, **options):
        self.port = free_port()
        keys = (
            f'listen = "127.0.0.1:{self.port}"\ntoken = "{TOKEN}"\n' if server is None else server(self.port)
        )
        text = source.replace(NO_PAGE, f"[server]\n{keys}\n") + served.sandbox.configuration(served.url)
        super().__init__(folder, served, text=text, **options)
        self.client = Client(self.port)

    def opened(self):
        self.started()
        eventually(self.answers, "the page answers")
        return self

    def ask_state(self, sql):
        """What its state answers to a query of one value; cheaper than a command, where it is asked again and again."""
        with closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as state:
            return state.execute(sql).fetchone()[0]

    def pushes(self, stock, name, *, listings):
        """Drop an export; wait until all its listings were pushed once."""
        self.drop(stock, name)
        done = (
            "SELECT count(*) FROM listing WHERE refusal IS NOT NULL OR (attempt_id IS NULL AND NOT changed)"
        )
        for share in (0.1, 0.3, 0.6, 1):  # a slow machine gets its patience for each part
            eventually(
                lambda wanted=share * listings: self.ask_state(done) >= wanted, f"{share} of it is pushed"
            )

    def holds(self):
        return self.ask_state("SELECT count(*) FROM import WHERE state = 'held'")

    def answers(self):
        try:
            return Client(self.port).ask("/login").status
        except OSError:
            return None
