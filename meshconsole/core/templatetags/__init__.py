"""What templates say with one word: badges, figures and small drawings."""
