"""Certificates of an authority that nobody knows but the tests."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "rsa:2048", "-nodes", "-keyout")


@dataclass(frozen=True)
class Signed:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs certificates; its own is ``certificate``."""

    folder: Path

    @classmethod
    def new(cls, folder: Path) -> Authority:
        folder.mkdir(parents=True, exist_ok=True)
        made = cls(folder)
        subject = ["-subj", "/CN=wv-test-authority", "-days", "2"]
        made._openssl("req", "-x509", *_KEY, "ca.key", "-out", "ca.crt", *subject)
        return made

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def sign(self, name: str, also: str = "", *, digest: str = "sha256") -> Signed:
        """``also``: another name or an address that it is good for, as openssl writes it: ``IP:127.0.0.1``."""
        (self.folder / "names").write_text(f"subjectAltName={also or f'DNS:{name}'}")
        self._openssl("req", *_KEY, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", f"-{digest}"]
        asked = ["-in", f"{name}.csr", "-out", f"{name}.crt", "-days", "2", "-extfile", "names"]
        self._openssl("x509", "-req", *asked, *by)
        return Signed(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def into(self, folder: Path) -> Signed:
        """A certificate of a server on 127.0.0.1 and the authority's own, where a server's user may read them."""
        signed = self.sign("server", "IP:127.0.0.1")
        for file in (signed.certificate, signed.key, self.certificate):
            shutil.copy(file, folder)
            (folder / file.name).chmod(0o600)
            shutil.chown(folder / file.name, folder.owner(), folder.group())
        return Signed(folder / signed.certificate.name, folder / signed.key.name)

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)
