"""`run_program`: the public way in."""

import contextlib
import os
import runpy
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from transload.testing import _config, _program
from transload.testing._invokes import Invokes
from transload.testing._monitor import Monitor
from transload.testing._placeholders import ACCOUNT, REGION
from transload.testing.recording import Recording


def run_program(
    program: Callable[[], Any] | str | Path,
    *,
    stack: str | None = None,
    project: str | None = None,
    config: Mapping[str, Any] | None = None,
    secrets: Collection[str] = (),
    stack_references: Mapping[str, Mapping[str, Any]] | None = None,
    invokes: Mapping[str, Any] | None = None,
    preview: bool = False,
    account: str = ACCOUNT,
    passphrase: str | None = None,
    timeout: float = 60,
) -> Recording:
    """Run a Pulumi program in this process, offline, and return what it registered.

    `program` is a function (plain or async) or a project: the folder with Pulumi.yaml, or that file. A project's config comes from Pulumi.yaml
    and `Pulumi.<stack>.yaml` under the engine's own rules; `config` is laid over it.

    - `stack`, `project`: names. Default: `test`, and for a project the name in its Pulumi.yaml.
    - `config`: key to value; a key without a namespace is the project's. Mappings and lists are passed as JSON, as Pulumi does.
      Default: `aws:region` is eu-west-1.
    - `secrets`: the keys of `config` that are secret.
    - `stack_references`: full name of a stack (`organization/project/stack`) to its outputs.
    - `invokes`: token of a provider function to its answer, or to a function from its arguments to the answer, by wire names.
    - `preview`: run as `pulumi preview` does: what only exists after creation is unknown.
    - `account`: the AWS account of ids and ARNs.
    - `passphrase`: for secrets in the stack's file. Default: PULUMI_CONFIG_PASSPHRASE; without one they are stand-ins.
    - `timeout`: seconds after which a run that hangs is ended with TimeoutError.

    Errors of the program surface unchanged, with a note that names its line. A wrong configuration raises ValueError.
    """
    stack = stack or "test"
    if callable(program):
        name, root, body = project or "test", None, program
        settings = _config.Settings(name)
    else:
        settings = _config.load(Path(program), stack, passphrase)
        name, root = project or settings.project, settings.root
        body = _main_of(settings)
    settings = settings.with_values(config or {}, secrets).with_region(REGION)
    region = settings.values["aws:region"]
    monitor = Monitor(
        name,
        stack,
        invoke=Invokes(account, region, invokes),
        stack_references=stack_references,
        preview=preview,
        account=account,
        region=region,
    )
    _program.run(
        body,
        monitor,
        config=settings.values,
        secrets=settings.secrets,
        preview=preview,
        root=str(root) if root else None,
        timeout=timeout,
    )
    return monitor.recording()


def _main_of(settings: _config.Settings) -> Callable[[], Any]:
    folder = settings.main

    def body() -> Any:
        with _inside(folder):
            runpy.run_path(str(folder), run_name="__main__")

    return body


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Run in the program's folder, as the language host does, and forget what was imported from it: the next stack imports it anew."""
    before, path, modules = Path.cwd(), list(sys.path), set(sys.modules)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if _is_in(folder, sys.modules[name]):
                del sys.modules[name]


def _is_in(folder: Path, module: Any) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    found = Path(file).resolve()
    return folder in found.parents and "site-packages" not in found.parts
