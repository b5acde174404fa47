"""Every setting, read once from the environment. `.env.example` lists them; a test compares the two."""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rules.policy import INVITATION_HOURS, INVITATION_HOURS_MAX

_STATES: tuple[Literal["developer", "trial", "formal"], ...] = ("developer", "trial", "formal")

_TOKEN, _AES_KEY = re.compile(r"[0-9A-Za-z]{3,32}", re.ASCII), re.compile(r"[0-9A-Za-z]{43}", re.ASCII)
_SANDBOX_AES_KEY = "c2FuZGJveC1hZXMta2V5LW9mLTMyLWJ5dGVzLSEhISE"


class BadSettings(ValueError):
    """The environment does not make a runnable system; the text names the variable."""


@dataclass(frozen=True)
class Settings:
    """What an operator decides. Secrets never appear in the representation."""

    development: bool = False
    var_dir: Path = Path("var")
    database_url: str = field(default="", repr=False)
    files_url: str = field(default="", repr=False)
    secret_key: bytes = field(default=b"", repr=False)
    wechat_appid: str = ""
    wechat_secret: str = field(default="", repr=False)
    wechat_callback_token: str = field(default="", repr=False)
    wechat_callback_aes_key: str = field(default="", repr=False)
    wechat_api_root: str = "https://api.weixin.qq.com"
    wechat_state: Literal["developer", "trial", "formal"] = "formal"
    wechat_templates: Path | None = None
    port: int = 8000
    sandbox_port: int = 8001
    public_url: str = ""
    invitation_hours: int = INVITATION_HOURS
    body_bytes_max: int = 1024 * 1024
    trusted_proxies: int = 0

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read `TEPAI_*`, `PORT` and `SANDBOX_PORT`.

        :raises BadSettings: naming what is missing or malformed. Outside development nothing secret has a default.
        """
        development = env.get("TEPAI_DEVELOPMENT", "") == "1"
        var_dir = Path(env.get("TEPAI_VAR_DIR", "var")).absolute()
        sandbox_port = _port(env, "SANDBOX_PORT", 8001)
        port = _port(env, "PORT", 8000)
        return cls(
            development=development,
            var_dir=var_dir,
            database_url=env.get("TEPAI_DATABASE_URL") or f"sqlite:///{var_dir / 'tepai.sqlite3'}",
            files_url=env.get("TEPAI_FILES_URL") or f"file://{var_dir / 'files'}",
            secret_key=_secret_key(env, var_dir, development=development),
            wechat_appid=_needed(env, "TEPAI_WECHAT_APPID", "wx0000000000000000" if development else None),
            wechat_secret=_needed(env, "TEPAI_WECHAT_SECRET", "sandbox-secret" if development else None),
            wechat_callback_token=_matching(
                env, "TEPAI_WECHAT_CALLBACK_TOKEN", _TOKEN, "sandboxtoken" if development else None
            ),
            wechat_callback_aes_key=_matching(
                env, "TEPAI_WECHAT_CALLBACK_AES_KEY", _AES_KEY, _SANDBOX_AES_KEY if development else None
            ),
            wechat_api_root=env.get("TEPAI_WECHAT_API_ROOT")
            or (f"http://127.0.0.1:{sandbox_port}" if development else cls.wechat_api_root),
            wechat_state=_wechat_state(env.get("TEPAI_WECHAT_STATE") or ("developer" if development else "formal")),
            wechat_templates=Path(path).absolute() if (path := env.get("TEPAI_WECHAT_TEMPLATES")) else None,
            port=port,
            sandbox_port=sandbox_port,
            public_url=env.get("TEPAI_PUBLIC_URL") or f"http://127.0.0.1:{port}",
            invitation_hours=_invitation_hours(env),
            trusted_proxies=int(env.get("TEPAI_TRUSTED_PROXIES", "0")),
        )


def _needed(env: Mapping[str, str], name: str, default: str | None) -> str:
    value = env.get(name) or default
    if value is None:
        raise BadSettings(f"{name} is not set (see .env.example)")
    return value


def _matching(env: Mapping[str, str], name: str, form: re.Pattern[str], default: str | None) -> str:
    value = _needed(env, name, default)
    if not form.fullmatch(value):
        raise BadSettings(f"{name} does not have WeChat's form (see .env.example)")
    return value


def _wechat_state(text: str) -> Literal["developer", "trial", "formal"]:
    for state in _STATES:
        if text == state:
            return state
    raise BadSettings("TEPAI_WECHAT_STATE is developer, trial or formal")


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise BadSettings(f"{name} is not a port number")
    return int(text)


def _invitation_hours(env: Mapping[str, str]) -> int:
    text = env.get("TEPAI_INVITATION_HOURS") or str(INVITATION_HOURS)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= INVITATION_HOURS_MAX):
        raise BadSettings(f"TEPAI_INVITATION_HOURS is a number from 1 to {INVITATION_HOURS_MAX}")
    return int(text)


def _secret_key(env: Mapping[str, str], var_dir: Path, *, development: bool) -> bytes:
    """Give the 32-byte key under which fields are encrypted and digests keyed; development makes its own once."""
    if text := env.get("TEPAI_SECRET_KEY"):
        try:
            key = bytes.fromhex(text)
        except ValueError as error:
            raise BadSettings("TEPAI_SECRET_KEY must be 64 hexadecimal digits") from error
        if len(key) != 32:
            raise BadSettings("TEPAI_SECRET_KEY must be 64 hexadecimal digits")
        return key
    if not development:
        raise BadSettings("TEPAI_SECRET_KEY is not set (see .env.example)")
    path = var_dir / "secret.key"
    if not path.exists():
        var_dir.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
        except FileExistsError:
            pass
    return bytes.fromhex(path.read_text())
