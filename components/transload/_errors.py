"""The one error that is written for people: the command line prints it and exits with its code."""


class Problem(Exception):  # noqa: N818 what it is, not that it is one
    """What went wrong, on which resource or line, and what to do next: one line. Its exit code is 1 unless said otherwise."""

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(" ".join(message.split()))
        self.exit_code = exit_code
