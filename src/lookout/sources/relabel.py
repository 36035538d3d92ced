"""`alert_relabel_configs`: what Prometheus does to the labels of its alerts before it sends them.

The actions that choose and drop are followed, and those that set a label to a text or to another label (prometheus,
model/relabel/relabel.go). Whatever else there may be is refused: labels that are guessed would be another alert's.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from lookout.alerts.expression import ExpressionError, compiled
from lookout.sources.parsed import MalformedBody


class Relabel(msgspec.Struct, frozen=True):
    """One step. The defaults are Prometheus's."""

    action: str = "replace"
    source_labels: Sequence[str] = ()
    separator: str = ";"
    regex: str = "(.*)"
    target_label: str = ""
    replacement: str = "$1"


def check_relabel(relabel: Relabel) -> None:
    """Raises `MalformedBody` if the step is not followed here."""
    if relabel.action not in _ACTIONS:
        raise MalformedBody(f"alert_relabel_configs has the action {relabel.action[:20]!r}, which is not followed here")
    texts = relabel.target_label if _is_copy(relabel) else relabel.target_label + relabel.replacement
    if relabel.action == "replace" and "$" in texts:
        raise MalformedBody("alert_relabel_configs takes labels apart with an expression, which is not followed here")
    try:
        compiled(relabel.regex)
    except ExpressionError as error:
        raise MalformedBody(f"alert_relabel_configs: {error}") from None


def relabelled(labels: Mapping[str, str], relabels: Sequence[Relabel]) -> dict[str, str] | None:
    """The labels after all steps; None if the alert is dropped, and not sent."""
    kept: dict[str, str] | None = dict(labels)
    for relabel in relabels:
        if kept is None:
            return None
        value = relabel.separator.join(kept.get(name, "") for name in relabel.source_labels)
        kept = _ACTIONS[relabel.action](relabel, kept, value)
    return {name: value for name, value in kept.items() if value} if kept is not None else None


def _matches(relabel: Relabel, text: str) -> bool:
    return compiled(relabel.regex).search(text.encode()) is not None


def _is_copy(relabel: Relabel) -> bool:
    return relabel.regex == "(.*)" and relabel.replacement in ("$1", "${1}")


def _replace(relabel: Relabel, labels: dict[str, str], value: str) -> dict[str, str]:
    if not _matches(relabel, value):
        return labels
    return {**labels, relabel.target_label: value if _is_copy(relabel) else relabel.replacement}


_Action = Callable[[Relabel, dict[str, str], str], dict[str, str] | None]
_ACTIONS: Mapping[str, _Action] = {
    "replace": _replace,
    "keep": lambda relabel, labels, value: labels if _matches(relabel, value) else None,
    "drop": lambda relabel, labels, value: None if _matches(relabel, value) else labels,
    "keepequal": lambda relabel, labels, value: labels if value == labels.get(relabel.target_label, "") else None,
    "dropequal": lambda relabel, labels, value: None if value == labels.get(relabel.target_label, "") else labels,
    "lowercase": lambda relabel, labels, value: {**labels, relabel.target_label: value.lower()},
    "uppercase": lambda relabel, labels, value: {**labels, relabel.target_label: value.upper()},
    "labeldrop": lambda relabel, labels, _: {
        name: text for name, text in labels.items() if not _matches(relabel, name)
    },
    "labelkeep": lambda relabel, labels, _: {name: text for name, text in labels.items() if _matches(relabel, name)},
}
