"""Stands in for the process that reads workbooks, and says what the sheet's name asks for: `python -m noisy_reader`."""

import json
import os
import signal
import sys

HEAD = {"sheet": "S", "described": "sku=SKU, quantity=Stok", "headers": ["SKU", "Stok", ""]}
ROWS = [[2, "A", None, 1], [3, "B", None, {"number": "2.5"}]]


def say(message):
    print(json.dumps(message), flush=True)


def main():
    told = json.loads(sys.argv[2])["sheet"]
    if told.startswith("say "):
        print(told.removeprefix("say "), flush=True)
        return
    say(HEAD)
    say(ROWS)
    match told:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "work":
            os.kill(os.getpid(), signal.SIGXCPU)
        case "stop":
            sys.exit(3)
        case "miscount":
            say({"rows": 3})
        case "endless":
            while True:
                say(ROWS)
        case _:
            say({"rows": 2})


main()
