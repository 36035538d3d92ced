"""The door: all that authentication is made of, put together from the settings."""

from collections.abc import Coroutine
from typing import Any

from starlette.types import ASGIApp

from lookout.access import Access
from lookout.api.auth.edge import AuthEdge, NoteRefusal
from lookout.api.auth.gate import Gate
from lookout.api.auth.keys import KeySet
from lookout.api.auth.people import People
from lookout.api.auth.tokens import ApiTokens
from lookout.api.auth.watch import Watch
from lookout.api.limits import Turnstile
from lookout.api.parts import Caller
from lookout.clock import Clock
from lookout.errors import Overloaded
from lookout.limits import Limits
from lookout.store.tokens import Tokens


class Door:
    """Lets callers in, and streams out."""

    def __init__(self, access: Access, limits: Limits, tokens: Tokens, clock: Clock, note_refusal: NoteRefusal) -> None:
        keys = KeySet(access.jwks_url, clock) if access.jwks_url is not None else None
        self._tokens = ApiTokens(tokens, clock)
        people = People(access.jwt_secret, keys, access.jwt_audience)
        self._gate = Gate(self._tokens, people, access.service_token, clock)
        self._watch = Watch(self._gate, clock)
        self._turnstile = Turnstile(limits)
        self._note_refusal = note_refusal
        self._clock = clock

    def runs(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What goes on for as long as Lookout runs."""
        return (self._tokens.run(), self._watch.run())

    def _count(self, caller: Caller, *, sends: bool) -> None:
        try:
            self._turnstile.enter(caller.counted_as, self._clock.now(), sends=sends)
        except Overloaded:
            if sends:
                self._note_refusal(caller.tenant_id)
            raise

    def before(self, app: ASGIApp) -> ASGIApp:
        """`app`, behind this door."""
        return AuthEdge(app, self._gate, self._watch, self._count, self._note_refusal, clock=self._clock)
