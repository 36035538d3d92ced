"""librdkafka's mock cluster as a process of its own: it speaks the real protocol, and can be taken down and up again.

The mock is in the library that confluent-kafka brings, and Python's binding reaches it only whole, so it is called by
its C functions. Commands come in as lines: `down`, `up`, `create TOPIC PARTITIONS`, `refuse-topic TOPIC CODE`,
`refuse-next COUNT CODE`. Each is answered by `ok`. The first line out says where it listens.
"""

import ctypes
import sys
from pathlib import Path

import confluent_kafka

NODE = 1
PRODUCE = 0
_PRODUCER = 0


def main() -> None:
    (path,) = (Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs").glob("librdkafka*.so*")
    library = ctypes.CDLL(str(path))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    fault = ctypes.create_string_buffer(512)
    client = library.rd_kafka_new(_PRODUCER, ctypes.c_void_p(library.rd_kafka_conf_new()), fault, len(fault))
    assert client, fault.value
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), NODE))
    # It would wait three seconds for others before a group's first member may read.
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    say(library.rd_kafka_mock_cluster_bootstraps(cluster).decode())
    for line in sys.stdin:
        match line.split():
            case ["down"]:
                library.rd_kafka_mock_broker_set_down(cluster, NODE)
            case ["up"]:
                library.rd_kafka_mock_broker_set_up(cluster, NODE)
            case ["create", topic, partitions]:
                library.rd_kafka_mock_topic_create(cluster, topic.encode(), int(partitions), 1)
            case ["refuse-topic", topic, code]:
                library.rd_kafka_mock_topic_set_error(cluster, topic.encode(), int(code))
            case ["refuse-next", count, code]:
                codes = (ctypes.c_int * int(count))(*[int(code)] * int(count))
                library.rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, ctypes.c_size_t(int(count)), codes)
            case _:
                raise SystemExit(f"unknown command: {line}")
        say("ok")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
