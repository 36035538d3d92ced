"""`lookout relay`: a range of the log to Kafka once more. Like `rebuild` it works on the database itself.

The server's code is imported when it is needed: the other commands start without it.
"""

from typing import Annotated

import typer
from rich.text import Text

from lookout.cli.outside import outside_of
from lookout.cli.serve import DataDir, overlaid
from lookout.cli.terminal import Terminal


def relay(
    context: typer.Context,
    first: Annotated[int, typer.Option("--from", metavar="N", min=0, help="The first position to send.")],
    topic: Annotated[str, typer.Option("--topic", metavar="TOPIC", help="Send to this topic, by its name.")],
    last: Annotated[
        int | None, typer.Option("--to", metavar="N", min=1, help="The last position to send. Default: all there are.")
    ] = None,
    tenant: Annotated[str, typer.Option("--tenant", metavar="ID", help="Whose log.")] = "default",
    data_dir: DataDir = None,
) -> None:
    """Send a range of events to Kafka once more.

    Every reader of the topic gets them.

    A running server sends by itself what is new; this is for what a reader has lost. No position moves.

    \b
    Examples:
      lookout relay --from 0 --topic service_events
      lookout relay --from 40 --to 60 --topic lookout.incidents --tenant 0198f3c2-3b1e-7cc2-a8f5-0b8a4a1c2d3e
    """
    from lookout.config import load_settings
    from lookout.feeds.kafka.resend import Range
    from lookout.offline import resend_to_kafka

    settings = load_settings(overlaid(outside_of(context).environ, LOOKOUT_DATA_DIR=data_dir))
    screen = Terminal()
    count = resend_to_kafka(
        settings, topic, Range(tenant, first, last), lambda position: screen.say(Text(f"up to position {position}"))
    )
    screen.say(Text(f"sent {count} records of {tenant} to {topic}"))
