"""What all tests share."""

import os

# The programs under test must not see the developer's own account, passphrase or local cloud.
for name in [one for one in os.environ if one.startswith(("AWS_", "PULUMI_"))]:
    del os.environ[name]
