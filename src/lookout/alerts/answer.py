"""What a source says when it is asked what fires."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from lookout.alerts.alert import Alert, LabelSet


class Rule(msgspec.Struct, frozen=True, gc=False):
    """The rule behind the alerts of one name.

    `labels` are those that all of them have, by which they are told from the alerts of that name of another sender.
    `is_evaluated` says that it works: what it does not fire then does not fire.
    """

    labels: Mapping[str, str]
    is_evaluated: bool


class Answer(msgspec.Struct, frozen=True):
    """What one address of a source said.

    `alerts` fire. `muted` fire too, and the source tells nobody of them: they are silenced or inhibited. Of `unsettled`
    it does not say that they fire, nor that they have ended. `replica` is the HA twin that speaks, None if it
    speaks for all of them. `rules` are those that it has, by the name of their alerts, None if it speaks of every
    alert. It runs since `running_since`, by Lookout's clock.
    """

    source: str
    running_since: datetime
    alerts: Sequence[Alert] = ()
    muted: Sequence[Alert] = ()
    unsettled: Sequence[LabelSet] = ()
    replica: str | None = None
    rules: Mapping[str, Rule] | None = None
