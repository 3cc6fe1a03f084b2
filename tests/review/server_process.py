"""A Label Studio server in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

LEGACY = "0123456789abcdef0123456789abcdef01234567"
ANN, BO = "ann@example.com", "bo@example.com"
PASSWORD = "a-long-password-1"
STARTS_S = 400  # on a machine that does much else; 25 on a quiet one


@dataclass
class Server:
    """A Label Studio server in a folder of its own."""

    root: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        env = {
            **os.environ, "LABEL_STUDIO_BASE_DATA_DIR": str(self.root / "data"), "LABEL_STUDIO_HOST": self.url,
            "LABEL_STUDIO_USERNAME": ANN, "LABEL_STUDIO_PASSWORD": PASSWORD, "LABEL_STUDIO_USER_TOKEN": LEGACY,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(self.root / "served"), "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false", "SENTRY_RATE": "0", "DJANGO_DB": "sqlite",
        }  # fmt: skip
        (self.root / "served").mkdir(exist_ok=True)
        program = Path(sys.executable).with_name("label-studio")
        words = ["start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self.port)]
        log = (self.root / "server.log").open("ab")
        self.process = subprocess.Popen(
            [program, *words, "--data-dir", str(self.root / "data")], env=env, stdout=log, stderr=log
        )
        until = time.monotonic() + STARTS_S
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise AssertionError((self.root / "server.log").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
