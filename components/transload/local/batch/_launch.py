"""Become another program, bound to the life of the parent: `launch.py PARENT_PID FOLDER PROGRAM [ARGUMENT ...]`.

Runs by its path with `python -I -S`: it imports next to nothing, so that it costs about 10 ms.
"""

import os
import sys


def main() -> None:
    parent, folder, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes

        # PR_SET_PDEATHSIG: the kernel kills us when the server dies, even by SIGKILL. It survives exec.
        ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(parent):
        sys.exit(137)
    try:
        os.chdir(folder)
        os.execvp(arguments[0], arguments)  # noqa: S606 - no shell is wanted
    except OSError as error:
        # 127 and 126 as a shell says it, and as a container's runtime does.
        print(f"exec {arguments[0]}: {error.strerror}", file=sys.stderr, flush=True)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main()
