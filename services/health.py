"""The probe of a container: exit 0 when the service on $PORT is ready, else 1.

Run as `python -I -S services/health.py`: it loads one module and is done in the time that Python takes to start.
"""

import os
import socket
import sys


def probe(port: int, path: str = "/ready") -> bool:
    """Tell whether the service on this port of the loopback answers 200 within three seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode("ascii"))
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    port = os.environ.get("PORT") or "8000"
    sys.exit(0 if port.isdecimal() and probe(int(port)) else 1)
