"""The kinds of change that can be rolled out, each behind one protocol."""
