"""The fingerprint: 16 hex digits of a label set, the same number that Alertmanager gives it.

Source of the rule: prometheus/common, model/fnv.go and model/signature.go (`LabelsToSignature`).
"""

from collections.abc import Mapping

from fnv_c import fnv1a_64


def fingerprint(labels: Mapping[str, str]) -> str:
    """FNV-1a 64 over name, 0xFF, value, 0xFF of each label, sorted by name; 16 lower-case hex digits.

    Labels with an empty value do not count. Code point order is UTF-8 byte order, which is what Go sorts by.
    """
    hashed = bytearray()
    for name in sorted(labels):
        if value := labels[name]:
            hashed += name.encode() + b"\xff" + value.encode() + b"\xff"
    return f"{fnv1a_64(bytes(hashed)):016x}"
