"""What `lookout serve` says once it answers: where it is, and what to do next."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from lookout import __version__
from lookout.cli.outside import DEFAULT_URL
from lookout.config import Settings

_LOCAL = "in local mode: for this machine only, without a password, with one tenant, `default`."
_REQUIRED = "and lets in who has a credential. `lookout token create` makes one; commands take it from LOOKOUT_TOKEN."
_NEXT = """\
Lookout {version} listens on {url}
{access}
It keeps its data in {place}. Ctrl-C stops it.

Send it alerts, straight from Prometheus (prometheus.yml) ...
  alerting:
    alertmanagers:
      - static_configs:
          - targets: ["{address}"]

... or from an Alertmanager (alertmanager.yml; name the receiver in a route).
  receivers:
    - name: lookout
      webhook_configs:
        - url: {url}/v1/alertmanager

Look at it in a browser, at {url}, or in two more terminals.
  {command} tail{option}
  {command} demo{option}

Ask it: GraphQL is at {url}/graphql, for a browser too.
"""


def welcome(settings: Settings, url: str, program: str) -> str:
    """The text, for a server at `url` that was started as `program`."""
    place = f"{settings.data_dir} (embedded PostgreSQL)" if settings.database_url is None else "the database given"
    return _NEXT.format(
        version=__version__,
        access=_LOCAL if settings.access is None else _REQUIRED,
        url=url,
        address=urlsplit(url).netloc,
        place=place,
        command=_command(program),
        option="" if url == DEFAULT_URL else f" --url {url}",
    )


def _command(program: str) -> str:
    """How to call Lookout from the same directory: by name if that finds it, else by the path it was started by."""
    if shutil.which("lookout") is not None:
        return "lookout"
    path = Path(program)
    if path.name != "lookout":  # started by another program, which is no way to call it
        return "lookout"
    return str(path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path)
