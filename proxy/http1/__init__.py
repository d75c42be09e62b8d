"""HTTP/1.1: its bytes (`heads`, `bodies`), callers (`downstream`), endpoints (`upstream`)."""
