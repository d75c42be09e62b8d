"""Words that a person has to type before something with a large effect is done."""

from __future__ import annotations

from meshconsole.core.errors import FieldFault, Invalid


def confirm_check(wanted: str, typed: str) -> None:
    """Raise Invalid unless the wanted word was typed; an empty one asks for nothing."""
    if wanted and typed.strip() != wanted:
        sentence = f"Type {wanted} to confirm: every caller feels this."
        raise Invalid(
            sentence, code="confirm", errors=[FieldFault(pointer="/confirm", detail=sentence)]
        )
