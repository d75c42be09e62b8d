"""Who says what at a moment of a replay: words taken in one after the other, never back in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from healer.policy.facts import Accused, ReporterFact
from healer.replay.stories import Story, Word

_FRESH_SECONDS = 60.0


class Hearing:
    """The state of all testimony as of the last moment that was asked for."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._words = sorted(words, key=lambda word: word.at)
        self._next = 0
        self._said: dict[str, dict[str, Word]] = defaultdict(dict)
        """By instance and reporter: the newest word."""
        self._of_service: dict[str, dict[str, Word]] = defaultdict(dict)
        self._accusing: dict[str, dict[str, Word]] = defaultdict(dict)
        """By reporter and instance: those that fail by its newest word."""
        self._instances: dict[str, set[str]] = defaultdict(set)
        """By application: those of which anything was said."""

    def go_on(self, at: float) -> None:
        """Take in all that was said until then."""
        while self._next < len(self._words) and self._words[self._next].at <= at:
            self._take(self._words[self._next])
            self._next += 1

    def reports(self, story: Story, at: float) -> tuple[ReporterFact, ...]:
        """What is said of a story's instance."""
        weights = {one.reporter: one.weight for one in story.facts.reports}
        return tuple(
            ReporterFact(
                reporter=word.reporter,
                app=word.reporter_app,
                unit=word.reporter_unit,
                weight=weights.get(word.reporter),
                age_seconds=_age(word, at),
                is_failing=word.is_failing,
                has_ejected=word.is_failing and at <= word.renewed_until,
                is_external=word.is_external,
                accused_instances=max(1, len(accused := self._accused_by(word.reporter, at))),
                accused_services=max(1, len({one.app for one in accused})),
                is_accused=bool(self._accusers(word.reporter, at)),
            )
            for word in self._said[story.facts.subject.instance].values()
        )

    def accused(self, app: str, at: float) -> tuple[Accused, ...]:
        """Instances of an application that somebody says fail."""
        return tuple(
            Accused(instance=instance, reporters=reporters)
            for instance in sorted(self._instances[app])
            if (reporters := self._accusers(instance, at))
        )

    def service_reporters(self, app: str, at: float) -> tuple[str, ...]:
        """Who says that all of an application fails."""
        return tuple(
            name
            for name, word in self._of_service[app].items()
            if word.is_failing and _age(word, at) <= _FRESH_SECONDS
        )

    def evidence_age(self, instance: str, at: float) -> float | None:
        """Of the newest word that says it fails, in seconds; None when nobody says so."""
        ages = [_age(word, at) for word in self._said[instance].values() if word.is_failing]
        return min(ages, default=None)

    def _take(self, word: Word) -> None:
        if not word.instance:
            self._of_service[word.app][word.reporter] = word
            return
        self._said[word.instance][word.reporter] = word
        self._instances[word.app].add(word.instance)
        if word.is_failing:
            self._accusing[word.reporter][word.instance] = word
        else:
            self._accusing[word.reporter].pop(word.instance, None)

    def _accusers(self, instance: str, at: float) -> tuple[str, ...]:
        said = self._said.get(instance)
        if not said:
            return ()
        return tuple(
            name
            for name, word in said.items()
            if word.is_failing and not word.is_external and _age(word, at) <= _FRESH_SECONDS
        )

    def _accused_by(self, reporter: str, at: float) -> list[Word]:
        words = self._accusing[reporter].values()
        return [word for word in words if _age(word, at) <= _FRESH_SECONDS]


def _age(word: Word, at: float) -> float:
    newest = max(word.at, min(word.renewed_until, at)) if word.is_failing else word.at
    return max(0.0, at - newest)
