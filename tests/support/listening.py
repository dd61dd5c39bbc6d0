"""A server on loopback that takes what is posted to it, and answers as it is told."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Listener:
    """`posts`: path, headers and body of each; `answers`: the statuses of the next, then 204."""

    def __init__(self):
        self.posts = []
        self.answers = []
        self.location = ""
        self._may_answer = threading.Event()
        self._may_answer.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.posts.append((self.path, dict(self.headers), body))
                outer._may_answer.wait(30)
                self.send_response(outer.answers.pop(0) if outer.answers else 204)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "0")
                with suppress(ConnectionError):  # whoever asked may be gone
                    self.end_headers()

            def log_message(self, *_):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def hold(self):
        """Answer nothing until released."""
        self._may_answer.clear()

    def release(self):
        self._may_answer.set()

    def documents(self):
        return [json.loads(body) for _, _, body in list(self.posts)]

    def told(self):
        """Change, kind and subject of everything told, in order."""
        return [(a["change"], a["kind"], a["subject"]) for d in self.documents() for a in d["alerts"]]
