"""The mesh's own certificate authority: join tokens, certificates and their log."""
