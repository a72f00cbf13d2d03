"""The conductor's Python, packed for AWS Lambda."""

from pathlib import Path

import pulumi

_PACKAGE = Path(__file__).parent

RUNTIME = "python3.13"
"""AWS Lambda's runtime for the conductor. It brings boto3 and the time zones that `zoneinfo` reads: it stands on Amazon Linux 2023,
whose Lambda image holds /usr/share/zoneinfo since release 2023.3.20231218 (github.com/aws/aws-lambda-dotnet/issues/1620,
github.com/amazonlinux/amazon-linux-2023/issues/615); python3.13 is younger than that. So no time zone data is packed."""


def conductor_code() -> pulumi.AssetArchive:
    """The archive of the conductor: its modules and the schedule module, file by file, so that no cache of this machine gets in and
    the same source gives the same archive. The library's own `__init__` stays out: the conductor needs none of it."""
    modules = sorted((_PACKAGE / "conductor").glob("*.py"))
    files: dict[str, pulumi.Asset | pulumi.Archive] = {
        # Not empty: the engine does not hand on an empty text, and a provider then finds an asset without content.
        "transload/__init__.py": pulumi.StringAsset('"""The conductor of transload."""\n'),
        "transload/_schedule.py": pulumi.FileAsset(str(_PACKAGE / "_schedule.py")),
    }
    files |= {f"transload/conductor/{module.name}": pulumi.FileAsset(str(module)) for module in modules}
    return pulumi.AssetArchive(files)
