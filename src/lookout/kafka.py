"""Where the brokers are, and what goes to which topic: taken from the environment's variables, read elsewhere."""

from collections.abc import Mapping

import msgspec
from confluent_kafka import KafkaException, Producer

from lookout.incidents.events import EventType
from lookout.incidents.tenants import PLATFORM_TENANT

INCIDENTS_TOPIC = "lookout.incidents"
SERVICE_EVENTS_TOPIC = "service_events"
CLIENT_ID = "lookout"
OFF = "off"
"""The topic's name with which nothing is sent to it."""

PROPERTY_PREFIX = "LOOKOUT_KAFKA_"
VARIABLES = (
    "KAFKA_BROKERS",
    "KAFKA_CLUSTER_ID",
    "KAFKA_CLIENT_ID",
    "SERVICE_EVENTS_KAFKA_TOPIC",
    "LOOKOUT_INCIDENTS_TOPIC",
    "LOOKOUT_INCIDENTS_EVENTS",
    "LOOKOUT_INCIDENTS_PLATFORM",
    "LOOKOUT_PLATFORM_TENANT",
    "LOOKOUT_EXTERNAL_URL",
    "LOOKOUT_KAFKA_CREATE_TOPICS",
)
TRIGGERS: Mapping[str, EventType] = {
    "opened": EventType.OPENED,
    "reopened": EventType.REOPENED,
    "escalated": EventType.ESCALATED,
}
"""What may be a trigger, by the word of the setting. Nothing else: each is a paid run of an investigator."""

KEPT: Mapping[str, object] = {
    # A gap behind a refused record would break the order (I12): the producer ends instead, and a new one goes on.
    "enable.idempotence": True,
    "enable.gapless.guarantee": True,
    "acks": "all",
    # Never given up by librdkafka, which would go on with the next: the relay gives up, with all that follow.
    "message.timeout.ms": 0,
}
RESERVED = frozenset(
    {*KEPT, "delivery.timeout.ms", "request.required.acks", "transactional.id"}
    | {"bootstrap.servers", "metadata.broker.list", "client.id"}
)
"""Properties that nobody else sets: order and durability hang on them, or they have a variable of their own."""

DEFAULTS: Mapping[str, object] = {
    "compression.type": "snappy",
    "linger.ms": 5,
    # As Java's clients choose the partition of a key.
    "partitioner": "murmur2_random",
    "reconnect.backoff.max.ms": 2_000,
    "socket.keepalive.enable": True,
}


class KafkaSettings(msgspec.Struct, frozen=True):
    """What the relay goes by. A topic None is switched off. `properties` are librdkafka's, and may hold secrets."""

    brokers: str
    cluster: str = ""
    client_id: str = CLIENT_ID
    incidents_topic: str | None = INCIDENTS_TOPIC
    triggers: tuple[EventType, ...] = (EventType.OPENED,)
    untriggered_tenants: frozenset[str] = frozenset()
    service_events_topic: str | None = SERVICE_EVENTS_TOPIC
    external_url: str = ""
    create_topics: bool = False
    properties: Mapping[str, str] = {}

    def configuration(self) -> dict[str, object]:
        """The producer's configuration."""
        ours = {**KEPT, "bootstrap.servers": self.brokers, "client.id": self.client_id}
        return {**DEFAULTS, **self.properties, **ours}


def settings_of(environ: Mapping[str, str], url: str, problems: list[str]) -> KafkaSettings | None:
    """The settings, None without brokers. What is wrong with them is added to `problems`. `url` is Lookout's own."""
    properties = _properties(environ, problems)
    brokers = environ.get("KAFKA_BROKERS", "").strip()
    if not brokers:
        ours = [name for name in sorted(environ) if name.startswith((PROPERTY_PREFIX, "LOOKOUT_INCIDENTS_"))]
        problems += [f"{name} is set, and KAFKA_BROKERS is not: nothing is sent to Kafka" for name in ours]
        return None
    settings = KafkaSettings(
        brokers=brokers,
        cluster=environ.get("KAFKA_CLUSTER_ID", ""),
        client_id=environ.get("KAFKA_CLIENT_ID") or CLIENT_ID,
        incidents_topic=_topic(environ, "LOOKOUT_INCIDENTS_TOPIC", INCIDENTS_TOPIC),
        triggers=_triggers(environ, problems),
        untriggered_tenants=_untriggered(environ, problems),
        service_events_topic=_topic(environ, "SERVICE_EVENTS_KAFKA_TOPIC", SERVICE_EVENTS_TOPIC),
        external_url=external_url_of(environ) or url,
        create_topics=flag(environ, "LOOKOUT_KAFKA_CREATE_TOPICS", problems),
        properties=properties,
    )
    if settings.incidents_topic == settings.service_events_topic:
        problems.append(
            "LOOKOUT_INCIDENTS_TOPIC and SERVICE_EVENTS_KAFKA_TOPIC are the same"
            if settings.incidents_topic
            else "KAFKA_BROKERS is set, and both topics are off: leave it out to send nothing"
        )
    fault = _fault_of(settings)
    if fault is not None:
        problems.append(fault)
    return settings


def _topic(environ: Mapping[str, str], variable: str, default: str) -> str | None:
    name = environ.get(variable) or default
    return None if name == OFF else name


def _triggers(environ: Mapping[str, str], problems: list[str]) -> tuple[EventType, ...]:
    words = [word.strip() for word in (environ.get("LOOKOUT_INCIDENTS_EVENTS") or "opened").split(",")]
    problems += [
        f"LOOKOUT_INCIDENTS_EVENTS has {word!r}: {', '.join(TRIGGERS)} are known"
        for word in words
        if word not in TRIGGERS
    ]
    return tuple(TRIGGERS[word] for word in dict.fromkeys(words) if word in TRIGGERS)


def _untriggered(environ: Mapping[str, str], problems: list[str]) -> frozenset[str]:
    if flag(environ, "LOOKOUT_INCIDENTS_PLATFORM", problems):
        return frozenset()
    return frozenset([environ.get("LOOKOUT_PLATFORM_TENANT") or PLATFORM_TENANT])


def external_url_of(environ: Mapping[str, str]) -> str:
    """Where readers find Lookout, "" unless it is set."""
    return environ.get("LOOKOUT_EXTERNAL_URL", "").rstrip("/")


def flag(environ: Mapping[str, str], variable: str, problems: list[str]) -> bool:
    """Whether a variable is set to true."""
    text = environ.get(variable, "").lower()
    if text not in ("", "true", "false"):
        problems.append(f"{variable} is {text!r}: true or false is expected")
    return text == "true"


def _properties(environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """librdkafka's properties: LOOKOUT_KAFKA_SASL_USERNAME is `sasl.username`."""
    properties: dict[str, str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PROPERTY_PREFIX) or variable in VARIABLES:
            continue
        name = variable.removeprefix(PROPERTY_PREFIX).lower().replace("_", ".")
        if name in RESERVED:
            problems.append(f"{variable}: Lookout sets {name} itself")
        else:
            properties[name] = environ[variable]
    return properties


def _fault_of(settings: KafkaSettings) -> str | None:
    """What librdkafka says against the configuration. It is made and thrown away: nothing is connected to."""
    try:
        Producer({**settings.configuration(), "bootstrap.servers": "", "log_level": 0})
    except (KafkaException, TypeError, ValueError) as error:
        return f"{PROPERTY_PREFIX}<PROPERTY>: {without_secrets(str(error), settings)}"
    return None


def without_secrets(text: str, settings: KafkaSettings) -> str:
    """`text` without the value of any property that was given: which of them are secrets nobody can tell."""
    for value in sorted(settings.properties.values(), key=len, reverse=True):
        if len(value) > 3:
            text = text.replace(value, "***")
    return text
