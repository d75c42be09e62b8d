"""The numbers are SOFABolt's own."""

from __future__ import annotations

from proxy.bolt import statuses


def test_the_numbers_are_those_of_the_java_implementation() -> None:
    assert [
        statuses.SUCCESS, statuses.ERROR, statuses.SERVER_EXCEPTION, statuses.UNKNOWN,
        statuses.SERVER_THREADPOOL_BUSY, statuses.ERROR_COMM, statuses.NO_PROCESSOR,
        statuses.TIMEOUT, statuses.CLIENT_SEND_ERROR, statuses.CODEC_EXCEPTION,
        statuses.CONNECTION_CLOSED, statuses.SERVER_SERIAL_EXCEPTION,
        statuses.SERVER_DESERIAL_EXCEPTION,
    ] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12]  # fmt: skip
