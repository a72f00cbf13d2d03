"""`run_program`: the public way in."""

import contextlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from transload.testing import _config, _modules, _program
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

    `program` is a function (plain or async) or a project: the folder with Pulumi.yaml, or that file. A project's config comes from
    Pulumi.yaml and `Pulumi.<stack>.yaml` under the engine's own rules; `config` is laid over it.

    - `stack`: Default: `test`. `project`: for a function; a project has its own name. Default: `test`.
    - `config`: key to value; a key without a namespace is the project's. Mappings and lists are passed as JSON, as Pulumi does.
      Default: `aws:region` is eu-west-1.
    - `secrets`: the keys of `config` that are secret.
    - `stack_references`: full name of a stack (`organization/project/stack`) to its outputs.
    - `invokes`: token of a provider function to its answer, or to a function from its arguments to the answer, by wire names.
    - `preview`: run as `pulumi preview` does: what only exists after creation is unknown.
    - `account`: the AWS account of ids and ARNs.
    - `passphrase`: for secrets in the stack's file. Default: PULUMI_CONFIG_PASSPHRASE; without one they are stand-ins.
    - `timeout`: seconds after which a run that hangs is ended with TimeoutError.

    Errors of the program surface unchanged, with a note that names its line; a wrong configuration raises ValueError, one line.
    """
    stack = stack or "test"
    if callable(program):
        body, around = program, contextlib.nullcontext()
        settings = _config.Settings(project or "test").with_values(config or {}, secrets)
    else:
        if project is not None:
            raise ValueError(f"project {project!r}: the name of a project is in its Pulumi.yaml")
        settings = _config.load(Path(program), stack, passphrase, config, secrets)
        body, around = _modules.main_of(settings.main), _modules.inside(settings.main)
    settings = settings.with_region(REGION)
    region = settings.values["aws:region"]
    monitor = Monitor(
        settings.project,
        stack,
        invoke=Invokes(account, region, invokes),
        stack_references=stack_references,
        preview=preview,
        account=account,
        region=region,
    )
    with around:
        _program.run(
            body,
            monitor,
            config=settings.values,
            secrets=settings.secrets,
            preview=preview,
            root=str(settings.root) if settings.root else None,
            timeout=timeout,
        )
    return monitor.recording()
