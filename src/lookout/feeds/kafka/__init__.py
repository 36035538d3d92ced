"""The log, out to Kafka: one topic of triggers, and one of every change. Its settings are in `lookout.kafka`.

records.py   an event of the log as a record of a topic
producer.py  librdkafka: send in order, or say what was refused
relay.py     the shell: claim tenants that are behind, send, move their positions
resend.py    `lookout relay`: a range once more, on purpose
"""
