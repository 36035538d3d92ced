"""Makes tail.svg: `lookout tail`, as a terminal shows it, while `lookout demo` plays against a server of its own.

Run it with the interpreter of the installation: `.venv/bin/python docs/images/capture.py`. It takes half a minute.
"""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 100, 40
LOOKOUT = Path(sys.executable).with_name("lookout")
TARGET = Path(__file__).with_name("tail.svg")


def capture() -> str:
    """What `lookout tail` writes to a terminal during the demo."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)  # as root, PostgreSQL runs as another user
        command = [LOOKOUT, "serve", "--port", "0", "--data-dir", f"{directory}/data"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            assert server.stdout is not None
            found = next(filter(None, (re.search(r"http://\S+", line) for line in server.stdout)))
            return _tail(found[0])
        finally:
            server.terminate()
            server.wait()


def _tail(url: str) -> str:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "TZ": "UTC"}
    environment.pop("NO_COLOR", None)
    tail = subprocess.Popen([LOOKOUT, "tail", "--url", url], stdout=terminal, env=environment)  # noqa: S603
    os.close(terminal)
    seen = io.BytesIO()
    reading = threading.Thread(target=_read, args=(controller, seen))
    reading.start()
    demo = [LOOKOUT, "demo", "--speed", "4", "--url", url]
    subprocess.run(demo, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    tail.send_signal(signal.SIGINT)
    tail.wait()
    reading.join()
    return seen.getvalue().decode().replace("\r\n", "\n").replace("^C", "")


def _read(controller: int, seen: io.BytesIO) -> None:
    try:
        while part := os.read(controller, 65_536):
            seen.write(part)
    except OSError:  # the other side of the terminal is closed
        return


def picture(ansi: str) -> str:
    """The terminal as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text("$ lookout tail", style="bold"))
    console.print(Text.from_ansi(ansi.strip("\n")), soft_wrap=True)
    # A fixed name for its parts, or each picture would differ in all lines.
    svg = console.export_svg(title="lookout tail", unique_id="tail")
    # Whoever looks at a picture should not have to ask another server for a font: the reader's own will do.
    return (
        re.sub(r"\s*@font-face \{[^}]*\}", "", svg)
        .replace("Fira Code,", "")
        .replace("<!-- Generated with Rich https://www.textualize.io -->\n", "")
    )


if __name__ == "__main__":
    TARGET.write_text(picture(capture()))
