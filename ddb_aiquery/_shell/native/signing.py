"""A signature that one DuckDB accepts: a key made, used once and forgotten, so that it signs nothing else, ever.

DuckDB 2 loads a file from a repository that the user named if its last 256 bytes are an RSA-2048 signature (PKCS #1
v1.5) of the SHA-256 of the SHA-256s of each MiB before it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

_EXPONENT = 65537
_SIZE = 256
_PIECE = 2**20
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""RFC 8017, 9.2: the start of a DigestInfo of SHA-256."""
_RSA_KEY = bytes.fromhex("300d06092a864886f70d0101010500")
"""RFC 8017, A.1: the algorithm rsaEncryption."""
_SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


def sign(extension: bytes) -> tuple[bytes, str]:
    """Return an extension with its last 256 bytes a signature, and the public key as base64 of its DER form."""
    modulus, private = _key()
    body = extension[:-_SIZE]
    pieces = b"".join(hashlib.sha256(body[at : at + _PIECE]).digest() for at in range(0, len(body), _PIECE))
    digest = _SHA256_INFO + hashlib.sha256(pieces).digest()
    padded = b"\0\1" + b"\xff" * (_SIZE - 3 - len(digest)) + b"\0" + digest
    signature = pow(int.from_bytes(padded), private, modulus).to_bytes(_SIZE)
    numbers = _der(0x30, _integer(modulus) + _integer(_EXPONENT))
    public = _der(0x30, _RSA_KEY + _der(3, b"\0" + numbers))
    return body + signature, base64.b64encode(public).decode()


def _key() -> tuple[int, int]:
    while True:
        one, other = _prime(_SIZE * 4), _prime(_SIZE * 4)
        order = (one - 1) * (other - 1)
        if one != other and order % _EXPONENT:
            return one * other, pow(_EXPONENT, -1, order)


def _prime(bits: int) -> int:
    while True:
        candidate = secrets.randbits(bits) | 3 << bits - 2 | 1
        if all(candidate % prime for prime in _SMALL_PRIMES) and all(_passes(candidate) for _ in range(24)):
            return candidate


def _passes(candidate: int) -> bool:
    """Make one Miller-Rabin test with a random base."""
    odd, twos = candidate - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    power = pow(2 + secrets.randbelow(candidate - 3), odd, candidate)
    if power in (1, candidate - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % candidate
        if power == candidate - 1:
            return True
    return False


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:  # noqa: PLR2004 (X.690: the short form of a length)
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 128 | len(length))) + length + content


def _integer(number: int) -> bytes:
    return _der(2, number.to_bytes(number.bit_length() // 8 + 1))
