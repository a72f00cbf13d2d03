"""What moto refuses or drops although AWS takes it, mended in our own server process."""


def apply() -> None:
    """Mend moto. Call once, before the first request."""
