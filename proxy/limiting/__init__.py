"""Where an overloaded instance finds and sheds the load that hurts it."""
