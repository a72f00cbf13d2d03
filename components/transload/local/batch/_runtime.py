"""Runs a Lambda function's handler for each line of JSON on stdin, as Lambda's Python runtime does. Imports nothing of the library.

Runs by its path with `python -P`: the function's own code comes first on the path.
"""

import importlib
import json
import os
import sys
import time
import traceback
import uuid


class Context:
    """The part of Lambda's context object that does not need Lambda."""

    def __init__(self, arn: str):
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.invoked_function_arn = arn
        self.aws_request_id = str(uuid.uuid4())
        self._until = time.monotonic() + 30

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._until - time.monotonic()) * 1000))


def main() -> None:
    # What the handler prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    handler = None
    for line in sys.stdin:
        try:
            if handler is None:
                module, name = os.environ["_HANDLER"].rsplit(".", 1)
                handler = getattr(importlib.import_module(module), name)
            told = {"answer": handler(json.loads(line), Context(sys.argv[1])), "error": ""}
            text = json.dumps(told)
        except Exception as error:
            traceback.print_exc()
            text = json.dumps({"answer": {"errorMessage": str(error), "errorType": type(error).__name__}, "error": "Unhandled"})
        print(text, file=answers, flush=True)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
