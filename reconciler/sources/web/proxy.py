"""Which proxy takes a request, where the file chooses one. Nothing of the environment is used unasked. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field

from reconciler.codes import ErrorCode
from reconciler.errors import InputError
from reconciler.model.source import SourceRules
from reconciler.sources.web.url import Origin, shown

ENV: Final = "env"
NONE: Final = "none"
_VARIABLES: Final = {"http": ("http_proxy", "HTTP_PROXY"), "https": ("https_proxy", "HTTPS_PROXY")}
_FOR_ALL: Final = ("all_proxy", "ALL_PROXY")
_EXCEPT: Final = ("no_proxy", "NO_PROXY")
_DEFAULT_PORT: Final = 80


class ProxyServer(Struct, frozen=True, kw_only=True):
    """An http proxy. ``text`` is its address with whatever is secret in it, as git takes it."""

    host: str
    port: int
    text: str
    authorization: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """What it is shown with each request."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"ProxyServer({self})"

    def __str__(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Proxies(Struct, frozen=True, kw_only=True):
    """The proxy of each scheme, and the hosts that are reached without it."""

    by_scheme: Mapping[str, ProxyServer] = field(default_factory=dict)
    direct: tuple[str, ...] = ()

    def of(self, origin: Origin) -> ProxyServer | None:
        """The proxy for requests to ``origin``; this machine is never reached through one."""
        proxy = self.by_scheme.get(origin.scheme)
        return None if proxy is None or _is_own(origin.host) or self._is_direct(origin) else proxy

    def _is_direct(self, origin: Origin) -> bool:
        return any(_matches(pattern, origin) for pattern in self.direct)


DIRECT: Final = Proxies()


def proxies_of(rules: SourceRules, variables: Mapping[str, str]) -> Proxies:
    """What ``policy.sources.proxy`` chooses. ``InputError`` for a value of a variable that is no proxy's address."""
    if rules.proxy_variable:
        text = variables.get(rules.proxy_variable, "")
        if not text:
            message = f"{rules.proxy_variable} is not set; it should hold the address of the proxy"
            raise InputError(message, advice="set it", code=ErrorCode.CREDENTIALS)
        proxy = _parsed(text, rules.proxy_variable)
        return Proxies(by_scheme=dict.fromkeys(_VARIABLES, proxy))
    if rules.proxy == ENV:
        return _from_environment(variables)
    if rules.proxy in ("", NONE):
        return DIRECT
    return Proxies(by_scheme=dict.fromkeys(_VARIABLES, _parsed(rules.proxy, "policy.sources.proxy")))


def unused_variable(rules: SourceRules, variables: Mapping[str, str]) -> str:
    """The name of a variable with a proxy, where the file says nothing of proxies; empty where there is none."""
    names = (*_VARIABLES["https"], *_VARIABLES["http"], *_FOR_ALL)
    silent = not (rules.proxy or rules.proxy_variable)
    return next((name for name in names if silent and variables.get(name)), "")


def _from_environment(variables: Mapping[str, str]) -> Proxies:
    chosen: dict[str, ProxyServer] = {}
    for scheme, names in _VARIABLES.items():
        for name in (*names, *_FOR_ALL):
            if text := variables.get(name):
                chosen[scheme] = _parsed(text, name)
                break
    listed = next((variables[name] for name in _EXCEPT if variables.get(name)), "")
    return Proxies(by_scheme=chosen, direct=tuple(part for part in listed.replace(",", " ").lower().split() if part))


def _parsed(text: str, label: str) -> ProxyServer:
    """``http://user:password@host:port``, also without the scheme. Errors name ``label`` and never quote ``text``."""
    text = text if "://" in text else f"http://{text}"
    wanted = "write http://HOST:PORT"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORT
    except ValueError:
        raise InputError(f"{label} holds no address of a proxy", advice=wanted) from None
    if parts.scheme != "http":
        message = f"{label} holds the address of a proxy that is not spoken to by plain http ({shown(parts.scheme)})"
        raise InputError(message, advice=wanted)
    is_more = f"{parts.path}{parts.query}{parts.fragment}" not in ("", "/")
    if is_more or not host or not text.isascii() or not text.isprintable() or " " in text:
        raise InputError(f"{label} holds no address of a proxy", advice=wanted)
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    authorization = f"Basic {b64encode(user.encode()).decode()}" if parts.username else ""
    return ProxyServer(host=host, port=port, text=text, authorization=authorization)


def _is_own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost")


def _matches(pattern: str, origin: Origin) -> bool:
    """Whether ``NO_PROXY`` names the host: ``*``, ``example.org`` with all below it, an address or a network."""
    name, _, port = pattern.rpartition(":")
    if name and (":" not in name or name.endswith("]")):
        return port == str(origin.port) and _matches(name, origin)
    host = origin.host.rstrip(".")
    if pattern == "*":
        return True
    try:
        return ip_address(host) in ip_network(pattern.strip("[]"), strict=False)
    except ValueError:
        suffix = pattern.removeprefix("*").strip(".")
        return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))
