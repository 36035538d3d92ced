"""What the environment says of Kafka, and what is told of it when it is wrong."""

import pytest

from lookout.config import load_settings
from lookout.errors import SettingsError
from lookout.incidents.events import EventType
from lookout.kafka import KafkaSettings, without_secrets

BROKERS = {"KAFKA_BROKERS": "kafka-1:9092,kafka-2:9092", "HOME": "/home/jo"}


def kafka_of(**environ: str) -> KafkaSettings:
    kafka = load_settings({**BROKERS, **environ}).kafka
    assert kafka is not None
    return kafka


def fault_of(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings({"HOME": "/home/jo", **environ})
    return str(caught.value)


def test_without_brokers_there_is_no_kafka_whatever_the_platform_sets_for_all() -> None:
    environ = {"HOME": "/home/jo", "KAFKA_CLUSTER_ID": "eu", "SERVICE_EVENTS_KAFKA_TOPIC": "service_events"}
    assert load_settings(environ).kafka is None


def test_the_defaults() -> None:
    kafka = kafka_of()
    assert (kafka.incidents_topic, kafka.service_events_topic) == ("lookout.incidents", "service_events")
    assert kafka.triggers == (EventType.OPENED,)
    assert kafka.untriggered_tenants == frozenset(["platform"])
    assert kafka.external_url == "http://127.0.0.1:18013"
    assert not kafka.create_topics
    configuration = kafka.configuration()
    assert configuration["bootstrap.servers"] == BROKERS["KAFKA_BROKERS"]
    assert configuration["client.id"] == "lookout"
    assert (configuration["acks"], configuration["enable.idempotence"]) == ("all", True)
    assert configuration["compression.type"] == "snappy"


def test_each_setting() -> None:
    kafka = kafka_of(
        KAFKA_CLUSTER_ID="eu",
        KAFKA_CLIENT_ID="lookout-1",
        LOOKOUT_INCIDENTS_TOPIC="incidents",
        LOOKOUT_INCIDENTS_EVENTS="escalated, opened,opened",
        LOOKOUT_PLATFORM_TENANT="ours",
        SERVICE_EVENTS_KAFKA_TOPIC="off",
        LOOKOUT_EXTERNAL_URL="https://lookout.example/",
        LOOKOUT_KAFKA_CREATE_TOPICS="true",
    )
    assert kafka == KafkaSettings(
        BROKERS["KAFKA_BROKERS"],
        cluster="eu",
        client_id="lookout-1",
        incidents_topic="incidents",
        triggers=(EventType.ESCALATED, EventType.OPENED),
        untriggered_tenants=frozenset(["ours"]),
        service_events_topic=None,
        external_url="https://lookout.example",
        create_topics=True,
    )


def test_the_platforms_incidents_are_triggers_where_that_is_said() -> None:
    kafka = kafka_of(LOOKOUT_PLATFORM_TENANT="ours", LOOKOUT_INCIDENTS_PLATFORM="true")
    assert kafka.untriggered_tenants == frozenset()


def test_a_port_that_is_picked_at_the_start_gives_no_address() -> None:
    assert kafka_of(PORT="0").external_url == ""


def test_a_property_is_librdkafkas() -> None:
    configuration = kafka_of(
        LOOKOUT_KAFKA_SECURITY_PROTOCOL="sasl_ssl",
        LOOKOUT_KAFKA_SASL_MECHANISM="SCRAM-SHA-512",
        LOOKOUT_KAFKA_SASL_USERNAME="lookout",
        LOOKOUT_KAFKA_SASL_PASSWORD="open sesame",
        LOOKOUT_KAFKA_COMPRESSION_TYPE="zstd",
    ).configuration()
    assert configuration["sasl.username"] == "lookout"
    assert configuration["sasl.password"] == "open sesame"
    assert configuration["compression.type"] == "zstd"


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"LOOKOUT_INCIDENTS_EVENTS": "opened,closed"}, "LOOKOUT_INCIDENTS_EVENTS has 'closed': opened, reopened,"),
        ({"LOOKOUT_INCIDENTS_TOPIC": "x", "SERVICE_EVENTS_KAFKA_TOPIC": "x"}, "are the same"),
        ({"LOOKOUT_INCIDENTS_TOPIC": "off", "SERVICE_EVENTS_KAFKA_TOPIC": "off"}, "both topics are off"),
        ({"LOOKOUT_EXTERNAL_URL": "lookout.example"}, "LOOKOUT_EXTERNAL_URL is 'lookout.example': an address like"),
        ({"LOOKOUT_KAFKA_CREATE_TOPICS": "yes"}, "LOOKOUT_KAFKA_CREATE_TOPICS is 'yes': true or false is expected"),
        ({"LOOKOUT_INCIDENTS_PLATFORM": "1"}, "LOOKOUT_INCIDENTS_PLATFORM is '1': true or false is expected"),
        ({"LOOKOUT_KAFKA_NO_SUCH": "1"}, 'No such configuration property: "no.such"'),
        ({"LOOKOUT_KAFKA_LINGER_MS": "soon"}, "LOOKOUT_KAFKA_<PROPERTY>: "),
        ({"LOOKOUT_KAFKA_ACKS": "1"}, "LOOKOUT_KAFKA_ACKS: Lookout sets acks itself"),
        ({"LOOKOUT_KAFKA_ENABLE_IDEMPOTENCE": "false"}, "Lookout sets enable.idempotence itself"),
        ({"LOOKOUT_KAFKA_DELIVERY_TIMEOUT_MS": "1"}, "Lookout sets delivery.timeout.ms itself"),
        ({"LOOKOUT_KAFKA_BOOTSTRAP_SERVERS": "x"}, "Lookout sets bootstrap.servers itself"),
    ],
)
def test_what_is_wrong_is_told(environ: dict[str, str], told: str) -> None:
    assert told in fault_of(**BROKERS, **environ)


def test_all_of_it_is_told_together() -> None:
    told = fault_of(**BROKERS, LOOKOUT_INCIDENTS_EVENTS="x", LOOKOUT_KAFKA_ACKS="1", PORT="y")
    assert len(told.splitlines()) == 3


@pytest.mark.parametrize("variable", ["LOOKOUT_KAFKA_SASL_USERNAME", "LOOKOUT_INCIDENTS_TOPIC"])
def test_a_setting_that_does_nothing_without_brokers_is_told(variable: str) -> None:
    assert f"{variable} is set, and KAFKA_BROKERS is not" in fault_of(**{variable: "x"})


def test_a_secret_is_in_no_message() -> None:
    told = fault_of(**BROKERS, LOOKOUT_KAFKA_SECURITY_PROTOCOL="open sesame")
    assert "open sesame" not in told
    settings = KafkaSettings("k:9092", properties={"sasl.password": "open sesame"})
    assert without_secrets("denied for open sesame", settings) == "denied for ***"
