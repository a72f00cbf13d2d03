"""The components as a package: what Pulumi's analyzer reads, and what other languages can really call."""

import runpy
from pathlib import Path

import pulumi
import pytest
import yaml
from pulumi.provider.experimental.analyzer import Analyzer
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.experimental.schema import PropertyType

import transload

FOLDER = Path(__file__).parent.parent / "components"
COMPONENTS = runpy.run_path(str(FOLDER / "__main__.py"), run_name="plugin")["COMPONENTS"]


@pytest.fixture(scope="module")
def schema():
    """What the analyzer makes of our annotations; it raises for what no other language could have."""
    return Analyzer("transload").analyze(COMPONENTS)


def properties(schema):
    """Every input and output with its full name: of components, and of the types they are made of."""
    for name, component in schema["component_definitions"].items():
        yield from ((f"{name}.{key}", found) for key, found in component.inputs.items())
        yield from ((f"{name}.{key}", found) for key, found in component.outputs.items())
    for name, made in schema["type_definitions"].items():
        yield from ((f"{name}.{key}", found) for key, found in made.properties.items())


def test_offers_every_component_of_the_library():
    public = [getattr(transload, name) for name in transload.__all__]

    assert set(COMPONENTS) == {found for found in public if issubclass(found, pulumi.ComponentResource)}


def test_every_component_and_every_input_says_what_it_is(schema):
    for name, component in schema["component_definitions"].items():
        assert component.description, name
        for key, found in {**component.inputs, **component.outputs}.items():
            assert found.description, f"{name}.{key}"
    for name, made in schema["type_definitions"].items():
        for key, found in made.properties.items():
            assert found.description or not name.endswith("Args"), f"{name}.{key}"


def test_nothing_is_of_any_type(schema):
    assert [name for name, found in properties(schema) if found.ref and found.ref.startswith("pulumi.json#/Any")] == []


def test_a_whole_number_is_never_an_output(schema):
    # The SDK turns an Output into a number by int(), which raises.
    inputs = [
        (f"{name}.{key}", found) for name, made in schema["component_definitions"].items() for key, found in made.inputs.items()
    ]
    assert [name for name, found in inputs if found.type == PropertyType.INTEGER and not found.plain] == []


def test_what_has_a_shape_of_its_own_is_never_an_output(schema):
    # The SDK can't look into an Output: it reports every field of the shape as missing. A map of texts passes through.
    shaped = {f"#/types/transload:index:{name}" for name in schema["type_definitions"]}
    inputs = [
        (f"{name}.{key}", found) for name, made in schema["component_definitions"].items() for key, found in made.inputs.items()
    ]
    assert [name for name, found in inputs if found.ref in shaped and not found.plain] == []


def test_enumerations_are_texts(schema):
    assert [name for name, made in schema["type_definitions"].items() if made.enum] == []


def test_another_language_can_plug_a_job_into_a_cluster_it_only_knows_as_an_output(record):
    provider = ComponentProvider(COMPONENTS, "transload")

    def program():
        cluster = provider.construct(
            "platform",
            "transload:index:BatchCluster",
            {"vpcId": "vpc-1", "subnetIds": ["subnet-1"], "noAlertsBecause": "a test", "maxVcpus": 16.0},
        )
        provider.construct(
            "nightly",
            "transload:index:ScheduledJob",
            {
                "cluster": pulumi.Output.from_input(cluster.state["ref"]),
                "image": pulumi.Output.from_input("example/nightly:1"),
                "schedule": "0 3 * * *",
                "timeoutSeconds": 600.0,
                "environment": {"STAGE": pulumi.Output.from_input("prod")},
            },
        )

    recording = record(program, stack="prod")

    assert recording.one("aws:batch/jobDefinition:JobDefinition").inputs["name"] == "platform-prod-nightly"


def test_another_language_can_build_a_pipeline_and_a_cutover(record):
    provider = ComponentProvider(COMPONENTS, "transload")
    side = {"dnsName": "a.eu-west-1.elb.amazonaws.com", "zoneId": pulumi.Output.from_input("Z1")}

    def program():
        provider.construct(
            "logs", "transload:index:LogPipeline", {"columns": [{"name": "a", "type": "int"}], "retentionDays": 30.0}
        )
        provider.construct(
            "shop",
            "transload:index:WeightedCutover",
            {"zoneId": pulumi.Output.from_input("Z1"), "recordName": "a.example.com", "percent": 25.0, "old": side, "new": side},
        )

    recording = record(program)

    assert recording.one("aws:route53/record:Record", "shop-new").inputs["weightedRoutingPolicies"] == [{"weight": 25}]
    assert recording.one("aws:glue/catalogTable:CatalogTable").inputs["parameters"]["projection.dt.range"] == "NOW-31DAYS,NOW+1DAYS"


def test_the_package_is_where_pulumi_looks_for_it():
    assert yaml.safe_load((FOLDER / "PulumiPlugin.yaml").read_text()) == {"runtime": "python"}
    # Both files in one folder stop `pulumi package get-schema`.
    assert not (FOLDER / "Pulumi.yaml").exists()
    required = {line.partition(">")[0] for line in (FOLDER / "requirements.txt").read_text().splitlines()}
    assert required == {"pulumi", "pulumi-aws", "pulumi-awsx", "tzdata"}
