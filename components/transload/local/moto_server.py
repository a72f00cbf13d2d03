"""The moto process: every service that MiniStack does not hold."""

import atexit
import functools
import os
import signal
from typing import NoReturn

from transload.local._serve import arguments


def _end(*_: object) -> NoReturn:
    """End at once. Python would first take all of moto apart, for a second or more; what has to be done at the end still is."""
    atexit._run_exitfuncs()
    os._exit(0)


def main() -> None:
    given = arguments(__doc__)
    os.environ.update(MOTO_IAM_LOAD_MANAGED_POLICIES="true", MOTO_DISABLE_GLOBAL_CORS="true", MOTO_PORT=str(given.moto_port))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    import botocore.session

    # moto makes sessions by the dozen while it is imported; each would read the endpoints and the large model of EC2 anew.
    setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))  # noqa: B010 - as in _moto_patches

    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    from transload.local import _moto_patches, batch

    # No Docker is asked for: without it moto fails every job and every function call.
    default_user_config["batch"] = {"use_docker": False}
    default_user_config["lambda"] = {"use_docker": False}
    _moto_patches.apply()
    batch.install(given.home, moto_port=given.moto_port, ministack_port=given.ministack_port)

    class Dispatcher(DomainDispatcherApplication):
        # moto walks all its URL patterns for each request; the answer depends on the host alone.
        get_backend_for_host = functools.lru_cache(4096)(DomainDispatcherApplication.get_backend_for_host)

    class Handler(MotoRequestHandler):
        # Connections stay open between requests: half the time of a small call is the connection and its thread.
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        # One packet for head and body of an answer.
        wbufsize = 64 * 1024

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            if not str(code).startswith(("2", "3")):
                super().log_request(code, size)

    server = make_server(
        "127.0.0.1",
        given.moto_port,
        _moto_patches.Chatbot(Dispatcher(create_backend_app)),
        threaded=True,
        request_handler=Handler,
        fd=given.fd,
    )
    server.serve_forever()


if __name__ == "__main__":
    main()
