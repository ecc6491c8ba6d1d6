"""What can go wrong: one tree, each class with its business code; a docstring's first line is the default message."""

from __future__ import annotations

from typing import ClassVar


class HongshuError(Exception):
    """Something went wrong inside hongshu; try again, and report it with the request id if it stays."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        return str(self)


class CallError(HongshuError):
    """A call of the V4 endpoint was refused or failed."""

    code: ClassVar[int] = 500
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = True
    retry_after_seconds: int | None = None
    request_id: str | None = None
    """The call's id, where a server gave one: what its operator can look up."""

    def __init__(
        self, message: str | None = None, *, retry_after_seconds: int | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        if retry_after_seconds is not None:
            self.retry_after_seconds = retry_after_seconds
        if request_id is not None:
            self.request_id = request_id


class InvalidTokenError(CallError):
    """Invalid or Inactive Token. Pass a valid token as ?token=… or as 'Authorization: Bearer …'."""

    code = 100
    http_status = 401
    retryable = False


class CollectionFailedError(CallError):
    """Collection Failed. Please Retry."""

    code = 301
    http_status = 503
    retry_after_seconds: int | None = 5


class RateLimitedError(CallError):
    """Rate Limit Exceeded. Wait for the time that Retry-After states."""

    code = 302
    http_status = 429
    retry_after_seconds = 1


class QuotaExceededError(CallError):
    """Daily Quota Exceeded. The next quota day starts after the time that Retry-After states."""

    code = 303
    http_status = 429


class InvalidParametersError(CallError):
    """Invalid Parameters. See the endpoint's parameters in the documentation."""

    code = 400
    http_status = 400
    retryable = False


class InternalError(CallError):
    """Internal Server Error. Please try again; if it stays, tell the operator the requestId."""

    code = 500
    http_status = 500


class OverloadedError(InternalError):
    """The server is busy or shutting down. Try again after the time that Retry-After states."""

    http_status = 503
    retry_after_seconds = 2


class PermissionDeniedError(CallError):
    """Permission Denied. Ask the operator for a token with the scope of this endpoint."""

    code = 600
    http_status = 403
    retryable = False


class InsufficientBalanceError(CallError):
    """Insufficient Balance. Ask the operator for a top-up, then call again."""

    code = 601
    http_status = 403


class UnansweredError(CallError):
    """There was no answer. Check the address and the network, then call again."""


class NotV4Error(CallError):
    """What answered is no server of this endpoint. Check the base_url."""

    retryable = False


BY_CODE: dict[int, type[CallError]] = {
    kind.code: kind
    for kind in (
        InvalidTokenError,
        CollectionFailedError,
        RateLimitedError,
        QuotaExceededError,
        InvalidParametersError,
        InternalError,
        PermissionDeniedError,
        InsufficientBalanceError,
    )
}


def from_code(
    code: int, message: str | None = None, *, retry_after_seconds: int | None = None, request_id: str | None = None
) -> CallError:
    """Return the error of a business code; an unknown code becomes `InternalError`."""
    kind = BY_CODE.get(code, InternalError)
    return kind(message, retry_after_seconds=retry_after_seconds, request_id=request_id)


class SourceError(HongshuError):
    """A source could not be asked, or did not answer in time."""


class NoAnswerError(SourceError):
    """There was no answer in time."""


class NotRecordedError(SourceError):
    """Nobody recorded this page."""


class ClosedError(SourceError):
    """The source may not be asked now."""


class SpentError(SourceError):
    """What the batch may take is used up; go on with --resume and a higher cap."""


class UnpaidError(SpentError):
    """An account cannot pay for a page; how much it may spend is told."""


class NotWantedError(HongshuError):
    """Nobody wants this any more: it was cancelled, or is in another's hand."""


class NotNowError(HongshuError):
    """The account's rate does not let this through now."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        """How long it is until it may come again."""


class NoSuchCreatorError(CollectionFailedError):
    """Every source says that there is no such creator."""


class ErasedError(NoSuchCreatorError):
    """This creator was erased here, and nothing is kept of them again."""

    code = 400
    http_status = 400
    retryable = False
    retry_after_seconds = None


class ChannelError(HongshuError):
    """A message was not taken."""


class SetupError(HongshuError):
    """The installation or its configuration is not usable; commands print one line and exit with status 2."""


class ConfigError(SetupError):
    """The configuration is not usable."""


class StoreError(SetupError):
    """The store cannot be used."""


class CopyError(StoreError):
    """What was copied is not what was sent."""


class StoreDownError(StoreError):
    """The store cannot be reached, read or written at all."""


class FileDamagedError(StoreDownError):
    """A file of the store is not what was written."""


class DamagedError(StoreError):
    """A row is not what was written."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"a row of {table} in the store is damaged; see `hongshu doctor`, and restore a backup, or run"
            " `hongshu doctor --mend`"
        )


class BackupError(HongshuError):
    """A backup could not be taken, or is not what it was when it was."""


class UsageError(HongshuError):
    """The command cannot be carried out as typed."""


class NotKnownError(UsageError):
    """There is no such thing."""


class ConflictError(UsageError):
    """This stands against what there is."""
