"""What is shown to a registry: one token, or user and password, for all that is asked of one repository."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.codes import ErrorCode
from reconciler.documents import json_text
from reconciler.errors import InputError, LlamagateError, RefusedError, UnreachableError
from reconciler.model.auth import Auth, AuthKind
from reconciler.sources.oci.challenge import Challenge, challenge_of
from reconciler.sources.oci.login import Login, login_for
from reconciler.sources.oci.reference import Repository, is_here
from reconciler.sources.web.connection import Message
from reconciler.sources.web.credentials import Credentials, credentials_for
from reconciler.sources.web.redirects import Terms, final_answer, prefixed
from reconciler.sources.web.transfer import Bounds, save
from reconciler.sources.web.url import HttpUrl, parsed_url

PULL: Final = "pull"
PUSH: Final = "pull,push"
_MAX_TOKEN_BYTES: Final = 2**20
_CLIENT: Final = "llamagate"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


def access_to(
    repository: Repository, auth: Auth | None, variables: Mapping[str, str], *, actions: str = PULL
) -> Access:
    """What ``auth`` says to show to a repository; without it, what the files of docker and podman have for it.

    A user and a password are shown to the registry's realm, for a token; a header to the registry itself.
    """
    if auth is None:
        return Access(repository=repository, actions=actions, login=partial(_kept_login, repository, variables))
    credentials = credentials_for(auth, repository.base, variables)
    if auth.kind is AuthKind.HEADER_ENV:
        return Access(repository=repository, actions=actions, login=lambda _: None, given=credentials)
    login = Login(label=credentials.label, basic=credentials.value)
    return Access(repository=repository, actions=actions, login=lambda _: login)


def _kept_login(repository: Repository, variables: Mapping[str, str], seconds: float) -> Login | None:
    return login_for(repository, variables, seconds=seconds)


class Access(Struct, kw_only=True):
    """Who asks, of one repository. Several threads share it: a token is fetched once for all of them.

    ``login`` is asked only where the registry wants to know who we are; ``given`` is what the file says to show.
    """

    repository: Repository
    login: Callable[[float], Login | None]
    actions: str = PULL
    given: Credentials | None = None
    _shown: Credentials | None = None
    _failure: LlamagateError | None = None
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    @property
    def shown(self) -> Credentials | None:
        """What is shown as far as it is known now."""
        return self._shown or self.given

    def check(self) -> None:
        """Raise what failed before: a password that is wrong is not tried for each of many items."""
        if self._failure is not None:
            raise self._failure

    def failed(self, error: LlamagateError) -> LlamagateError:
        """``error``, which is kept unless it may pass soon."""
        if not (isinstance(error, UnreachableError) and error.passes_soon):
            self._failure = error
        return error

    def renewed(self, header: str, refused: Credentials | None, terms: Terms) -> Credentials:
        """What to show instead of what was ``refused``, by the ``header`` of the refusal.

        ``InputError`` where there is nothing more to show.
        """
        with self._one_at_a_time:
            if self.shown is not None and self.shown != refused:
                return self.shown  # another thread was here first
            self.check()
            try:
                self._shown = self._answered(header, refused, terms)
            except LlamagateError as error:
                raise self.failed(error) from error.__cause__
            return self._shown

    def _answered(self, header: str, refused: Credentials | None, terms: Terms) -> Credentials:
        challenge = challenge_of(header)
        if challenge is None or self.given is not None:
            raise self.refused(refused)
        return self._token(challenge, terms) if challenge.realm else self._basic(refused, terms)

    def _basic(self, refused: Credentials | None, terms: Terms) -> Credentials:
        login = self.login(terms.deadline.left())
        if login is None or not login.basic or refused is not None:
            raise self.refused(refused)
        return self._credentials(login.label, login.basic)

    def _credentials(self, label: str, value: str) -> Credentials:
        return Credentials(origin=self.repository.origin, label=label, header="Authorization", value=value)

    def _token(self, challenge: Challenge, terms: Terms) -> Credentials:
        """A token from where the registry says that there is one."""
        try:
            realm = HttpUrl.from_text(challenge.realm)
        except ValueError as error:
            raise InputError(
                f"{self.repository}: it asks for a token from an address that is not valid: {error}"
            ) from error
        if realm.origin.scheme == "http" and not is_here(realm.authority):
            message = f"{self.repository}: it asks for a token over plain http, at {realm}"
            raise RefusedError(message, advice="tell its owner: a realm needs https", code=ErrorCode.INSECURE)
        login = self.login(terms.deadline.left())
        scope = self._scope if self.actions == PUSH else challenge.scope or self._scope
        try:
            token = _fetched_token(realm, challenge.query(scope), login, self._terms(realm, terms))
        except InputError as error:
            if login is None:
                raise self.refused(None) from error
            error.code = ErrorCode.CREDENTIALS
            raise self._without_token(realm, error) from error
        except LlamagateError as error:
            raise self._without_token(realm, error) from error
        return self._credentials(f"the token of {realm.origin.host}", f"Bearer {token}")

    def _without_token(self, realm: HttpUrl, error: LlamagateError) -> LlamagateError:
        return prefixed(error, f"{realm} gave no token for {self.repository}: ")

    @property
    def _scope(self) -> str:
        name = parsed_url(self.repository.base).target.removeprefix("/v2/")
        return f"repository:{name}:{self.actions}"

    def _terms(self, realm: HttpUrl, terms: Terms) -> Terms:
        """Terms of its own: the registry names this address, and may not send us into a more private place than it."""
        is_ours = realm.origin == self.repository.origin
        named_by = None if is_ours else terms.place_of(parsed_url(self.repository.base))
        return Terms(
            size=_MAX_TOKEN_BYTES,
            deadline=terms.deadline,
            private_hosts=terms.private_hosts,
            network=terms.network,
            credentials=None,
            named_by=named_by,
        )

    def refused(self, refused: Credentials | None) -> InputError:
        """The error where nothing more can be shown than what was ``refused``."""
        host = self.repository.host
        if refused is None:
            message = f"{host} wants to know who asks for {self.repository.name}"
            advice = f"run 'docker login {host}' or 'podman login {host}', or say in 'auth' where the credentials are"
        else:
            message = f"{host} does not give {self.repository.name} to who asks with {refused.label}"
            advice = "check the user, the password and what they permit; perhaps the repository does not exist"
        return InputError(message, advice=advice, code=ErrorCode.CREDENTIALS)


def _fetched_token(realm: HttpUrl, query: str, login: Login | None, terms: Terms) -> str:
    """By a GET with user and password, or none; by a form where an identity token stands for them (OAuth2)."""
    if login is not None and login.identity:
        form = {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": login.identity}
        body = f"{query}&{urlencode(form)}".encode()
        return _read(realm, replace(terms, message=Message("POST", body, len(body)), headers=_FORM))
    if login is not None and login.basic:
        shown = Credentials(origin=realm.origin, label=login.label, header="Authorization", value=login.basic)
        terms = replace(terms, credentials=shown)
    mark = "&" if "?" in realm.target else "?"
    return _read(HttpUrl(realm.origin, f"{realm.target}{mark}{query}"), terms)


def _read(url: HttpUrl, terms: Terms) -> str:
    out = BytesIO()
    with final_answer(url, terms) as answer:
        save(answer, out, Bounds(size=terms.size, seconds=terms.deadline.seconds))
    try:
        document = json_text.load(out.getvalue(), name="token", max_bytes=_MAX_TOKEN_BYTES)
    except InputError:
        document = None  # the reason may quote it
    said: Mapping[str, object] = document if isinstance(document, dict) else {}
    token = said.get("token") or said.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError("its answer holds no token")
    return token
