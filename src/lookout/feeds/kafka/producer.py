"""librdkafka's producer: sends records in order, waits for what the broker says of each, and stops at a refusal.

It blocks, and one thread uses it. All of it that can be waited for has an end: nothing here waits for a broker longer
than `SECONDS`.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lookout.errors import LookoutError
from lookout.feeds.kafka.records import Record
from lookout.kafka import KafkaSettings, without_secrets

SECONDS = 10.0
"""How long a broker has for the records of one round, and for saying what it knows of the topic."""
SLICE_SECONDS = 0.5
STOPPING_SECONDS = 1.5
"""The same once Lookout stops."""
METADATA_SECONDS = 2.0

_LAST_POLLS = 5

_UNKNOWN = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "LEADER_NOT_AVAILABLE"})
_FORBIDDEN = frozenset({"TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"})
_OF_THE_TOPIC = _UNKNOWN | _FORBIDDEN | {"TOPIC_EXCEPTION", "INVALID_REPLICATION_FACTOR"}
_TOO_LARGE = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_MSG_SIZE"})
_OF_THE_RECORD = _TOO_LARGE | {"INVALID_MSG", "INVALID_RECORD", "INVALID_TIMESTAMP", "POLICY_VIOLATION"}
"""Errors by the names that librdkafka gives them: of the whole topic, and of one record. All others pass."""

# It would log each try on standard error by itself; the relay tells what changes.
_SILENT = logging.getLogger(f"{__name__}.librdkafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class BrokerAway(LookoutError):
    """No broker answers in time: another try may succeed."""


class TopicRefused(LookoutError):
    """The topic takes nothing at all: it is missing, or not ours to write to. The text says what to do.

    `tenant_id` and `position` are of the event that waits for it, where that is known.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.tenant_id = ""
        self.position = 0


class Refusal(msgspec.Struct, frozen=True):
    """Why a record is refused for good: a word for the metrics, and a sentence that says what to do."""

    reason: str
    text: str


Outcome = bool | KafkaError
"""Of a record: True it is confirmed, False nothing is known, or why it is not."""


class Producer:
    """A producer for one topic. After anything that was not confirmed it begins anew, with nothing left to send."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._client: Client | None = None
        self._last_error = ""
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Wait only briefly for what is under way, and for nothing else. From any thread."""
        self._stopping.set()

    def check(self) -> None:
        """Return once the broker knows the topic. Raises `BrokerAway`, `TopicRefused`."""
        error = self._topic_error()
        if error is not None and error.name() in _UNKNOWN and self._settings.create_topics:
            self._create_topic()
        # A broker that makes topics by itself makes it now, and says so when it is asked again.
        left = SECONDS
        while error is not None and error.name() in _UNKNOWN and left > 0 and not self._stopping.is_set():
            self._connected().poll(SLICE_SECONDS)
            left -= SLICE_SECONDS
            error = self._topic_error()
        if error is not None:
            raise self._refused(error)

    def _topic_error(self) -> KafkaError | None:
        try:
            topics = self._connected().list_topics(self._topic, timeout=METADATA_SECONDS).topics
            return topics[self._topic].error
        except KafkaException as error:
            raise self._raised(error.args[0]) from None

    def _create_topic(self) -> None:
        """As the brokers have it by default. Whether it is there then is asked anew: another may have been quicker."""
        admin: Any = AdminClient(
            cast("dict[str, str | int | float | bool]", {**self._settings.configuration(), "logger": _SILENT})
        )
        created = admin.create_topics([NewTopic(self._topic)], request_timeout=SECONDS, operation_timeout=SECONDS)
        try:
            created[self._topic].result(SECONDS)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise self._raised(error.args[0]) from None

    def send(self, records: Sequence[Record]) -> list[Outcome]:
        """Send in order, and wait. After a record that is not confirmed no other of its tenant is.

        Raises `TopicRefused`.
        """
        client = self._connected()
        outcomes: list[Outcome] = [False] * len(records)
        stopped: set[str] = set()
        try:
            for place, record in enumerate(records):
                if record.tenant_id not in stopped and not self._produce(client, record, place, outcomes):
                    stopped.add(record.tenant_id)
            self._wait(client)
        except (KafkaException, SystemError) as error:
            self._note_end(client, error)
        finally:
            if not all(outcome is True for outcome in outcomes):
                self.discard()
        return outcomes

    def _note_end(self, client: Client, error: KafkaException | SystemError) -> None:
        """The producer has ended itself, as it has to before a gap: hear what it still has to say of the records.

        The binding raises that in the middle of its callbacks, and the next of them makes it a `SystemError`.
        """
        for _ in range(_LAST_POLLS):
            with suppress(KafkaException, SystemError):
                client.poll(0.05)
        cause = error if isinstance(error, KafkaException) else error.__cause__
        if isinstance(cause, KafkaException):
            self._last_error = self._text_of(cause.args[0])
            if cause.args[0].name() in _OF_THE_TOPIC:
                raise self._refused(cause.args[0]) from None

    def _produce(self, client: Client, record: Record, place: int, outcomes: list[Outcome]) -> bool:
        try:
            client.produce(
                self._topic,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                on_delivery=partial(_note, outcomes, place),
            )
        except BufferError:  # its queue has been set to be shorter than a round
            return False
        except KafkaException as error:
            outcomes[place] = error.args[0]
            return False
        return True

    def _wait(self, client: Client) -> None:
        left = SECONDS
        while client.flush(SLICE_SECONDS) and left > 0:
            left = min(left, STOPPING_SECONDS if self._stopping.is_set() else SECONDS) - SLICE_SECONDS

    def discard(self) -> None:
        """Let go of everything that is not confirmed: it must not arrive after what a later producer sends."""
        client, self._client = self._client, None
        if client is not None:
            client.purge()

    def _connected(self) -> Client:
        if self._client is None:
            self._last_error = ""
            self._client = Client({**self._settings.configuration(), "logger": _SILENT, "error_cb": self._heard})
        return self._client

    def _heard(self, error: KafkaError) -> None:
        if error.name() != "_ALL_BROKERS_DOWN":  # which says less than the one before it
            self._last_error = self._text_of(error)

    def _text_of(self, error: KafkaError) -> str:
        return without_secrets(error.str(), self._settings)

    def away(self) -> BrokerAway:
        """What to raise where records were neither confirmed nor refused."""
        return BrokerAway(self._last_error or f"nothing was confirmed within {SECONDS:.0f} s")

    def _raised(self, error: KafkaError) -> LookoutError:
        if error.name() in _OF_THE_TOPIC:
            return self._refused(error)
        with suppress(KafkaException):
            self._connected().poll(0)  # what it knows better by now
        return BrokerAway(self._last_error or self._text_of(error))

    def _refused(self, error: KafkaError) -> TopicRefused:
        return TopicRefused(f"{self._text_of(error)}. {_remedy(error.name(), self._topic)}", error.name())

    def refusal(self, outcome: Outcome) -> Refusal | None:
        """Why a record was refused for good; None if it was not. Raises `TopicRefused` if any other would be too."""
        if isinstance(outcome, bool):
            return None
        if outcome.name() in _OF_THE_TOPIC:
            raise self._refused(outcome)
        if outcome.name() in _OF_THE_RECORD:
            return Refusal(outcome.name(), f"{self._text_of(outcome)}. {_remedy(outcome.name(), self._topic)}")
        return None


def _note(outcomes: list[Outcome], place: int, error: KafkaError | None, _: Message) -> None:
    outcomes[place] = True if error is None else error


def _remedy(name: str, topic: str) -> str:
    if name in _UNKNOWN:
        return f"Create the topic {topic}, or let Lookout do it: LOOKOUT_KAFKA_CREATE_TOPICS=true."
    if name in _FORBIDDEN:
        return f"Let Lookout's user describe and write to the topic {topic}."
    if name == "TOPIC_EXCEPTION":
        return "Choose a name that Kafka allows: letters, digits, dot, dash, underscore, at most 249."
    if name == "INVALID_REPLICATION_FACTOR":
        return f"Create the topic {topic} by hand: default.replication.factor is more than there are brokers."
    if name in _TOO_LARGE:
        return f"Raise max.message.bytes of the topic {topic}, or LOOKOUT_KAFKA_MESSAGE_MAX_BYTES if that is set lower."
    return f"Look at the settings of the topic {topic}: it does not take what it is given."
