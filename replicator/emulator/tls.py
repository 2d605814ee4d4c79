"""Certificates for clients that speak TLS only: an authority of this root, and a certificate for the loopback names.

The key of the authority is thrown away at once: it signs one certificate and nothing else, ever.
"""

from __future__ import annotations

import datetime
import fcntl
import ipaddress
import os
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=365)
_RENEW = datetime.timedelta(days=7)  # before the end
_ADDRESSES = ("127.0.0.1", "::1")

Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def server_context(root: Path) -> tuple[ssl.SSLContext, Path]:
    """A context for servers of this root, and the file of the authority that clients must trust."""
    folder = root / "tls"
    folder.mkdir(mode=0o700, exist_ok=True)
    authority, chain = folder / "ca.pem", folder / "server.pem"
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _valid(chain):
            _write(authority, chain)
    finally:
        os.close(lock)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["http/1.1"])
    return context, authority


def _valid(chain: Path) -> bool:
    if not chain.exists():
        return False
    certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    return certificate.not_valid_after_utc - _RENEW > datetime.datetime.now(datetime.UTC)


def _write(authority: Path, chain: Path) -> None:
    issuer, issuer_key = _authority()
    leaf, key = _leaf(issuer, issuer_key)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _put(authority, [issuer.public_bytes(serialization.Encoding.PEM)])
    _put(chain, [leaf.public_bytes(serialization.Encoding.PEM), private])


def _put(path: Path, parts: Sequence[bytes]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(b"".join(parts))
    temporary.replace(path)


def _authority() -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Emulator authority")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return builder.sign(key, hashes.SHA256()), key


def _leaf(issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey) -> Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(item)) for item in _ADDRESSES)]
    builder = (
        _builder(_name("127.0.0.1"), issuer.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256()), key


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
