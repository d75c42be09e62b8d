"""Words of cases in templates."""

from __future__ import annotations

from django import template

from meshconsole.healing.casebook import words as case_words

register = template.Library()
register.filter("action_word", case_words.action_word)
register.filter("event_word", case_words.event_word)
