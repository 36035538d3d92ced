"""Lookout's own errors: each names what is wrong and what to do next. Only the edges turn them into answers."""


class LookoutError(Exception):
    """An error whose text is written for the person who reads it."""


class SettingsError(LookoutError):
    """The environment or `lookout.yaml` cannot be used. The text names every problem found."""


class StartError(LookoutError):
    """Lookout cannot start: a taken port, a data directory in use, a database out of reach."""


class DatabaseFailed(LookoutError):
    """The database did not do what a command asked of it."""


class NotFound(LookoutError):
    """No such thing in this tenant. The same whether it exists elsewhere or nowhere."""


class Unsigned(LookoutError):
    """The request is not signed as it has to be. Nothing of it was taken."""


class Unauthenticated(LookoutError):
    """Nobody knows who asks: no credential came, or one that does not hold. Which of these it is stays unsaid."""


class Forbidden(LookoutError):
    """It is known who asks, and they may not do this."""


class Refused(LookoutError):
    """The request is understood and not allowed in the present state, or not well-formed."""

    def __init__(self, message: str, field: str = "", constraint: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.constraint = constraint


class Conflict(Refused):
    """The request is well-formed, and the present state does not allow it."""


class Gone(LookoutError):
    """What is asked for is not kept any more. The log begins at `first_position` now."""

    def __init__(self, message: str, first_position: int) -> None:
        super().__init__(message)
        self.first_position = first_position


class TooSlow(LookoutError):
    """The body of the request did not arrive in time. Nothing of it was taken."""


class Overloaded(LookoutError):
    """Nothing was taken. Try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RowsHeld(Overloaded):
    """Somebody else holds the rows of a tenant in the database: nothing of that tenant is taken, and all others' is."""


class TooMany(Overloaded):
    """One tenant, or one credential, asks for more than its part. There is room for the others."""
