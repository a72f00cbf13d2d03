"""Config comes from Pulumi.yaml and the stack's file under the engine's own rules."""

import base64
import hashlib
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transload.testing import _config

HEAD = "name: shop\nruntime: python\n"


@pytest.fixture
def load(tmp_path: Path):
    """Settings of the stack `dev` from the two files' text."""

    def run(config: str = "", stack: str = "", **options):
        (tmp_path / "Pulumi.yaml").write_text(HEAD + config)
        if stack:
            (tmp_path / "Pulumi.dev.yaml").write_text(stack)
        return _config.load(tmp_path, "dev", **options)

    return run


def test_values_are_passed_as_the_text_the_engine_passes(load):
    stack = (
        "config: {shop:a: x, shop:b: 3, shop:c: true, shop:d: [1, 2], shop:e: {k: v}, shop:day: 2026-11-23, aws:region: eu-west-2}"
    )

    assert load("", stack).values == {
        "shop:a": "x",
        "shop:b": "3",
        "shop:c": "true",
        "shop:d": "[1, 2]",
        "shop:e": '{"k": "v"}',
        "shop:day": "2026-11-23",
        "aws:region": "eu-west-2",
    }


def test_a_key_without_namespace_is_the_projects_and_the_old_form_of_a_namespace_is_read(load):
    assert load("", "config: {a: x, aws:config:region: eu-west-2}").values == {"shop:a": "x", "aws:region": "eu-west-2"}


def test_defaults_fill_what_the_stack_leaves_out(load):
    config = (
        "config:\n  a: {type: integer, default: 5}\n  b: plain\n  c: [1]\n  aws:region: {value: eu-west-2}\n  aws:profile: mine\n"
    )

    assert load(config, "config: {a: 7}").values == {
        "shop:a": "7",
        "shop:b": "plain",
        "shop:c": "[1]",
        "aws:region": "eu-west-2",
        "aws:profile": "mine",
    }


def test_given_values_are_laid_over_the_file_and_obey_the_same_rules(load):
    config = "config: {a: {type: integer}}"

    assert load(config, "config: {a: 1}", given={"a": 2}).values == {"shop:a": "2"}
    with pytest.raises(ValueError, match=r"shop:a must be of type integer, got 'many'$"):
        load(config, "config: {a: 1}", given={"a": "many"})


def test_files_may_lie_in_a_folder_of_their_own(load, tmp_path):
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text("config: {a: x}")

    assert load("stackConfigDir: stacks\n").values == {"shop:a": "x"}


@pytest.mark.parametrize(
    ("config", "stack", "message"),
    [
        ("config: {a: {type: string}, b: {type: string}}", "config: {c: x}", "Pulumi.dev.yaml: missing a, b$"),
        ("config: {zones: {type: integer}}", "config: {zone: 2}", "missing zones; is zone meant to be zones\\?$"),
        ("config: {a: {type: integer}}", "config: {a: x}", "Pulumi.dev.yaml: shop:a must be of type integer, got 'x'$"),
        ("config: {a: {type: boolean}}", "config: {a: maybe}", "shop:a must be of type boolean, got 'maybe'$"),
        ("config: {a: {type: array, items: {type: integer}}}", "config: {a: [x]}", "shop:a must be of type array of integer"),
        ("config: {a: {type: object}}", "config: {a: [x]}", "shop:a must be of type object"),
        (
            "config: {a: {type: string, secret: true}}",
            "config: {a: x}",
            "shop:a must be encrypted: set it with pulumi config set --secret$",
        ),
        ("config: {a: {type: sting}}", "", "Pulumi.yaml: config a: 'sting' is not a type, did you mean string\\?$"),
        ("config: {a: {type: array}}", "", "config a: an array needs the type of its items$"),
        ("config: {a: {type: integer, default: x}}", "", "config a: the default 'x' is not of type integer$"),
        (
            "config: {aws:region: {type: string}}",
            "",
            "config aws:region is not in the project's namespace: use value, not type or default$",
        ),
        ("config: {a: x}", "config: {a: }", "Pulumi.dev.yaml: a has no value$"),
        ("config: {a: x}", "config: {a: [}", "Pulumi.dev.yaml:1: not YAML: "),
        ("config: {a: x}", "just text", "Pulumi.dev.yaml: expected keys and values, got str$"),
        ("config: text", "", "Pulumi.yaml: config must be a mapping from key to its declaration$"),
    ],
)
def test_refuses(load, config, stack, message):
    with pytest.raises(ValueError, match=message) as error:
        load(config, stack)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runtime: python\n", "Pulumi.yaml: a project needs a name$"),
        ("name: shop\nruntime: nodejs\n", "Pulumi.yaml: only the runtime python can be run here, got 'nodejs'$"),
    ],
)
def test_refuses_a_project_that_cannot_be_run(tmp_path, text, message):
    (tmp_path / "Pulumi.yaml").write_text(text)

    with pytest.raises(ValueError, match=message):
        _config.load(tmp_path, "dev")


def test_refuses_a_folder_without_a_project(tmp_path):
    with pytest.raises(ValueError, match=r"^no Pulumi.yaml in .*: give the folder of a Pulumi project$"):
        _config.load(tmp_path, "dev")


def encrypted(passphrase: str, **secrets: str) -> str:
    """A stack file as the passphrase provider of the Pulumi CLI writes it."""

    def text(value: bytes) -> str:
        return base64.b64encode(value).decode()

    def seal(value: str) -> str:
        nonce = os.urandom(12)
        return f"v1:{text(nonce)}:{text(AESGCM(key).encrypt(nonce, value.encode(), None))}"

    salt = b"8 bytes."
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 1_000_000, 32)
    lines = [f"encryptionsalt: v1:{text(salt)}:{seal('pulumi')}", "config:"]
    return "\n".join([*lines, *(f"  shop:{name}: {{secure: '{seal(value)}'}}" for name, value in secrets.items())])


def test_secrets_of_the_passphrase_provider_are_decrypted(load):
    settings = load("", encrypted("open sesame", password="hunter2"), passphrase="open sesame")

    assert settings.values == {"shop:password": "hunter2"}
    assert settings.secrets == {"shop:password"}


def test_a_wrong_passphrase_is_said(load):
    with pytest.raises(ValueError, match=r"Pulumi.dev.yaml: wrong passphrase: set PULUMI_CONFIG_PASSPHRASE$"):
        load("", encrypted("open sesame", password="hunter2"), passphrase="open barley")


def test_without_a_passphrase_secrets_are_stand_ins_of_their_type(load):
    config = "config: {port: {type: integer, secret: true}, password: {type: string, secret: true}}"
    stack = "config: {port: {secure: abc}, password: {secure: abc}, nested: {a: [{secure: abc}]}}"

    settings = load(config, stack)

    assert settings.values["shop:port"] == "0"
    assert settings.values["shop:password"] == "<secret shop:password>"
    assert settings.secrets == {"shop:port", "shop:password", "shop:nested"}
