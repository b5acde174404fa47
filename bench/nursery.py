"""Bears real granian servers quickly: the application is composed once, and each server is a fork of that.

Every line on standard input names a port; the answer is the process group of the server that will listen there. Used by
`bench.kill`, which kills these groups.
"""

import os
import signal
import sys

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

import wsgi
from service.core.settings import Settings


def serve(app: Flask, port: int) -> None:
    """Be a server as `make run` starts it, with database connections of its own, until killed."""

    def load() -> Flask:
        app.extensions["tepai"] = wsgi.make_house(Settings.from_env())
        return app

    how = {"workers": 1, "blocking_threads": 8, "log_level": LogLevels.critical}
    Granian("wsgi", port=port, interface=Interfaces.WSGI, **how).serve(target_loader=load, wrap_loader=False)


def main() -> None:
    """Compose once, then fork for every line; the end of the input is the end of the nursery."""
    app = wsgi.create_app()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever dies leaves nothing behind
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what it logs is no answer
            serve(app, int(line))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
