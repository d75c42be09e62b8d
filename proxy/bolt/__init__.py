"""SOFABolt v1: its bytes (`wire`), header blocks (`headers`), statuses, and meaning (`codec`)."""
