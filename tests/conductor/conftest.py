"""A cluster for the tests of the conductor: moto's DynamoDB and SNS, and AWS Batch as batch_fake.py keeps it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

sys.path.append(str(Path(__file__).parent))

from cluster_fake import Cluster
from dynamo_fake import DynamoFake


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def cluster(aws: None) -> Cluster:
    return Cluster(DynamoFake())


@pytest.fixture
def moto_cluster(aws: None) -> Iterator[Cluster]:
    """Slower, with moto's DynamoDB: for what the dictionary must be held against."""
    made = Cluster()
    yield made
    made.drop()
