"""Every request of a run by its number: sent, received at the origin, answered."""

from __future__ import annotations

from collections import Counter

COUNT_LIMIT = 255


class Ledger:
    """One byte per number for each of what the origins and the callers saw."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.sent = 0
        self.done = 0
        """Answered as they should be, or failed."""
        self.received = bytearray(total)
        self.answered = bytearray(total)
        self.mixed = 0
        """Answers or bodies that belong to another request."""
        self.failures: Counter[str] = Counter()
        self.returned = 0
        """Requests that a peer did not touch, and said so."""
        self._again: list[int] = []

    @property
    def has_more(self) -> bool:
        """Is there anything to send?"""
        return self.sent < self.total or bool(self._again)

    def take(self) -> int | None:
        """The next number; None when all are sent."""
        if self._again:
            return self._again.pop()
        if self.sent >= self.total:
            return None
        self.sent += 1
        return self.sent - 1

    def enough(self) -> None:
        """Send nothing more: what was sent is all there is."""
        self.total = self.sent
        del self.received[self.total :], self.answered[self.total :]

    def again(self, number: int) -> None:
        """Nobody touched this one, as the protocol itself says: it is to be sent again."""
        self.returned += 1
        self._again.append(number)

    def arrived(self, number: int, in_body: int) -> None:
        """An origin has a whole request; its body says a number, too."""
        if not 0 <= number < self.total or in_body != number:
            self.mixed += 1
        elif self.received[number] < COUNT_LIMIT:
            self.received[number] += 1

    def answer(self, number: int, echoed: int) -> None:
        """A caller has a whole answer, which says a number."""
        self.done += 1
        if echoed != number:
            self.mixed += 1
        elif self.answered[number] < COUNT_LIMIT:
            self.answered[number] += 1

    def failed(self, why: str) -> None:
        """A caller has no answer, or another than it should be."""
        self.done += 1
        self.failures[why] += 1

    @property
    def lost(self) -> int:
        """Requests that no origin received or no caller got answered."""
        pairs = zip(self.received, self.answered, strict=True)
        return sum(1 for received, answered in pairs if not (received and answered))

    @property
    def repeated(self) -> int:
        """Requests that the origins received more than once."""
        return sum(1 for received in self.received if received > 1)

    def values(self) -> dict[str, object]:
        """The verdict as figures."""
        return {
            "requests": self.total,
            "failed": sum(self.failures.values()),
            "lost": self.lost,
            "repeated": self.repeated,
            "mixed": self.mixed,
            "sent_again": self.returned,
            "failures": dict(self.failures.most_common(8)),
        }

    def short(self) -> list[str]:
        """Which of the promises were not kept."""
        lost, repeated = self.lost, self.repeated
        found = []
        if self.failures:
            found.append(f"{sum(self.failures.values())} requests failed: {dict(self.failures)}")
        if lost:
            found.append(f"{lost} requests were lost")
        if repeated:
            found.append(f"{repeated} requests came more than once")
        if self.mixed:
            found.append(f"{self.mixed} answers or bodies belonged to another request")
        return found
