"""Secrets of Pulumi's passphrase provider: PBKDF2 to a key, AES-256-GCM for each value."""

import base64
import functools
import hashlib
import os
from pathlib import Path
from typing import Any


class Decrypter:
    """Decrypts the secrets of one stack file, or hands out stand-ins when there is no passphrase for it."""

    def __init__(self, file: Path, salt: str | None, passphrase: str | None):
        self._file, self._salt = file, salt
        self._passphrase = passphrase if passphrase is not None else os.environ.get("PULUMI_CONFIG_PASSPHRASE")

    def clear(self, key: str, secret: str, stand_in: str) -> str:
        """One secret in the clear. Raises ValueError for a wrong passphrase or a damaged value."""
        if not self._salt or self._passphrase is None:
            return stand_in
        return self._open(self._key(), secret, f"{key} cannot be decrypted: the value is damaged")

    def _key(self) -> bytes:
        version, salt, check = (self._salt or "").split(":", 2)
        if version != "v1":
            raise ValueError(f"{self._file}: encryptionsalt of version {version!r} is not known")
        key = _derive(base64.b64decode(salt), self._passphrase or "")
        # The salt carries the word "pulumi" encrypted, so that a wrong passphrase is noticed before a value is read.
        self._open(key, check, "wrong passphrase: set PULUMI_CONFIG_PASSPHRASE")
        return key

    def _open(self, key: bytes, secret: str, problem: str) -> str:
        cipher, invalid = _cipher(self._file)
        try:
            _, nonce, data = secret.split(":")
            return cipher(key).decrypt(base64.b64decode(nonce), base64.b64decode(data), None).decode()
        except (invalid, ValueError):
            raise ValueError(f"{self._file}: {problem}") from None


@functools.cache
def _derive(salt: bytes, passphrase: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 1_000_000, 32)


def _cipher(file: Path) -> tuple[Any, type[Exception]]:
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise ValueError(f"{file}: its secrets need the package cryptography: pip install 'transload[local]'") from None
    return AESGCM, InvalidTag
