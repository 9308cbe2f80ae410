"""Self-signed certificates for localhost, made with openssl(1)."""
import pathlib
import ssl
import subprocess


class Certificate:
    """Files cert.pem and key.pem in `folder`; `make` again replaces them."""

    def __init__(self, folder, name="localhost"):
        self.folder = pathlib.Path(folder)
        self.cert, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        self.make(name)

    def make(self, name="localhost"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "30", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", str(self.key), "-out", str(self.cert)], check=True, capture_output=True)
        return self

    @property
    def config(self):
        return f'[server]\ntls_cert = "{self.cert}"\ntls_key = "{self.key}"\n'

    def context(self):
        """Trusts this certificate only."""
        return ssl.create_default_context(cafile=str(self.cert))
