"""A mail server of the tests' own: aiosmtpd with TLS and login, on loopback, in this process."""
import email
import email.policy
import ssl
import subprocess

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

import harness

USER, PASSWORD = "sluice-sender", "m@il:p/w d"


def make_certificate(folder):
    """A key and a self-signed certificate of localhost, as files."""
    key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return key, certificate


class MailServer:
    """Keeps what it takes as (sender, recipients, bytes, was it encrypted, who had logged in)."""

    def __init__(self, folder, tls="starttls", port=None):
        self.folder, self.tls = str(folder), tls
        self.port = port or harness.free_port()
        self.mails = []
        self.answers = {}  # recipient -> a line to answer RCPT with
        self.data_answer = None  # a line to answer DATA with
        self.commands = 0
        self.key, self.certificate = make_certificate(folder)
        self._controller = None
        scheme = "smtps" if tls == "tls" else "smtp"
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    # ---- what aiosmtpd calls

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.commands += 1
        answer = self.answers.get(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.data_answer:
            return self.data_answer
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), bytes(envelope.content),
                           session.ssl is not None or self.tls == "tls", session.authenticated))
        return "250 taken"

    @staticmethod
    def _authenticate(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=good)

    # ---- running

    def start(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        options = {"authenticator": self._authenticate, "hostname": "mail.test", "decode_data": False}
        if self.tls == "none":
            options["auth_require_tls"] = False
        elif self.tls == "starttls":
            options.update(tls_context=context, require_starttls=True, auth_required=True)
        else:
            options.update(auth_require_tls=False, auth_required=True)

        server = self

        class Own(Controller):
            def factory(self):
                return SMTP(server, **options)

        self._controller = Own(self, hostname="127.0.0.1", port=self.port, ssl_context=context if self.tls == "tls" else None)
        self._controller.start()
        return self

    def stop(self):
        if self._controller:
            self._controller.stop()
            self._controller = None

    def wait(self, count=1):
        harness.until(f"{count} mails have come", lambda: len(self.mails) >= count)
        return self.mails

    def message(self, which=-1):
        return email.message_from_bytes(self.mails[which][2], policy=email.policy.default)
