"""Runs ministack on loopback, prints its URL when it answers, and ends it when standard input closes.

So it never outlives the tests, however they end. Its Python is that of `.witness`, and knows nothing of this project.
"""

import os
import runpy
import signal
import socket
import sys
import threading
import time
import urllib.request

# Below the ports that systems give to whoever asks for any: no other program is given it before ministack has it.
PORTS = range(20_000 + os.getpid() % 10_000, 32_000)


def _is_free(port: int) -> bool:
    with socket.socket() as other:
        return other.connect_ex(("127.0.0.1", port)) != 0


def _announce(url: str, output: int) -> None:
    while True:
        try:
            urllib.request.urlopen(f"{url}/_ministack/health", timeout=5).close()  # noqa: S310 - http, on loopback
        except OSError:
            time.sleep(0.05)
        else:
            os.write(output, f"{url}\n".encode())
            return


def _end_with_input() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # with the functions, which are in its process group


if __name__ == "__main__":
    port = next(filter(_is_free, PORTS))
    os.environ.update(BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port))
    threading.Thread(target=_announce, args=(f"http://localhost:{port}", os.dup(1)), daemon=True).start()
    os.dup2(2, 1)  # what it prints is a log
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.argv = ["ministack"]
    runpy.run_module("ministack.app", run_name="__main__")
