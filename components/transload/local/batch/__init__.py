"""Batch jobs that really run: moto's Batch keeps the resources, the jobs become processes on this machine.

`install` is called once in the moto server process, before its first request.
"""

from transload.local.batch._install import install

__all__ = ["install"]
