"""Every error a person or a client can meet, in one tree.

    RosterError                      status  says
    ├── StartRefused                    -    why the process does not start (exit status 2)
    ├── BadInput                       400   what is wrong with the request
    │   ├── FieldInvalid               400   which field of it, by its path
    │   ├── SkillBroken                400   what is wrong with the files of a skill, one problem each
    │   ├── InputInvalid               422   what does not fit a skill's schema, one error each
    │   └── AccountCheckFailed         400   what a person gave for an account does not work
    ├── Unauthenticated                401   no proven caller
    ├── NotAllowed                     403   proven, but not permitted
    ├── NotFound                       404   what is missing, and what there is instead
    │   └── ModelNotFound              404   no model of that name, and which one may be meant
    ├── WrongMethod                    405   what may be sent to this address
    ├── TooLarge                       413   the request body is over the limit
    ├── StateConflict                  409   it cannot be done in the state things are in
    │   └── ModelMissing               409   a skill needs a language model, and there is none
    ├── RunRepeated                    409   a router tried to run one request twice
    ├── ToolFailed                     500   text for the model: a tool could not do its work
    ├── CredentialMissing              403   a tool needs an account that is not connected
    │   └── CredentialRefused          403   the provider refuses the account: connect it again
    ├── ConnectRefused                 400   a link or a sign-in that is no longer good, or not for this browser
    ├── OAuthRefused                   502   an authorization server refused a request
    ├── CredentialUnreadable           500   a stored credential was damaged or moved
    ├── UnknownKeyId                   500   a stored credential needs a key that is not in the ring
    ├── Stopping                       503   the process is about to end
    ├── Unreachable                    503   a remote service a tool needs does not answer
    ├── StorageFailed                  503   a database of the proxy cannot be used now
    ├── QueueFull                      429   too many jobs are waiting
    ├── LimitReached                   200   a run used up its deadline or its model calls
    ├── BadAnswer                      502   the language model's answer is not what a skill asked for
    └── UpstreamError                        the language model behind an agent failed
        ├── UpstreamRejected            *    it refused the request (its own 4xx status)
        ├── UpstreamRefusedKey         502   it refused the proxy's key (its 401 or 403)
        ├── UpstreamRateLimited        429   it asks to slow down
        ├── UpstreamUnavailable         *    it is down (503) or failed (its own 5xx status)
        └── UpstreamTimeout            504   it was too slow

Each message is safe to show: no path of the server, no secret, no traceback; it says what happened and
what to do. One table turns them into HTTP: `agentroster.web.error_forms`.
"""

from collections.abc import Sequence

from agentroster.messages import say


class RosterError(Exception):
    """Base of all errors raised on purpose; `message` is safe and useful to the person who gets it."""

    status: int = 500
    code: str = "internal_error"
    param: str | None = None
    """The field of the request that is wrong, where there is one: `messages[2].content`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StartRefused(RosterError):
    """The process must not start: a missing or unsafe setting."""

    code = "start_refused"


class BadInput(RosterError):
    """The request cannot be understood."""

    status = 400
    code = "invalid_request"


class FieldInvalid(BadInput):
    """One field of a request is wrong. `code` is one of OpenAI's, such as `invalid_type` or `unsupported_value`."""

    def __init__(self, param: str, problem: str, *, code: str = "invalid_value") -> None:
        super().__init__(f"`{param}` {problem}")
        self.param = param
        self.code = code


class SkillBroken(BadInput):
    """The files of a skill cannot be used; each problem begins with its file."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class InputInvalid(BadInput):
    """The input of a skill does not fit its schema; `errors` says what, path by path."""

    status = 422
    code = "input_invalid"

    def __init__(self, message: str, errors: Sequence[str]) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class AccountCheckFailed(BadInput):
    """What a person gave for an account does not work; `reason` is the name of the page's text for it."""

    code = "account_check_failed"

    def __init__(self, reason: str, message: str, **values: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.values = values


class Unauthenticated(RosterError):
    """Nobody proved who is asking."""

    status = 401
    code = "invalid_api_key"


class NotAllowed(RosterError):
    """The caller is known and may not do this; `logged` stands in the log where the message may not."""

    status = 403
    code = "not_allowed"

    def __init__(self, message: str, *, logged: str = "") -> None:
        super().__init__(message)
        self.logged = logged or message


class NotFound(RosterError):
    """What was asked for does not exist for this caller."""

    status = 404
    code = "not_found"


class ModelNotFound(NotFound):
    """There is no model of that name among those the caller may use."""

    code = "model_not_found"
    param = "model"


class WrongMethod(RosterError):
    """The address exists, for other methods: `allow` lists them, if they are known here."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str = "") -> None:
        super().__init__(message)
        self.allow = allow


class TooLarge(RosterError):
    """The request body is over the size limit."""

    status = 413
    code = "request_too_large"


class TooSlow(RosterError):
    """The request body did not arrive in time."""

    status = 408
    code = "request_timeout"


class TooManyRequests(RosterError):
    """The caller asks more often than is permitted; `retry_after` is in seconds."""

    status = 429
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StateConflict(RosterError):
    """What is asked for cannot be done in the state things are in."""

    status = 409
    code = "state_conflict"


class ModelMissing(StateConflict):
    """A skill needs a language model, and none is configured."""

    code = "model_missing"


class RunRepeated(RosterError):
    """A second run of the same request was refused: tools may already have acted."""

    status = 409
    code = "run_repeated"


class ToolFailed(RosterError):
    """A tool could not do its work; the message goes to the model and to the person."""

    code = "tool_failed"


class LeftAlone(ToolFailed):
    """An item is not touched, because somebody asked for that: nobody has to do anything about it."""


class CredentialMissing(RosterError):
    """A tool needs an account its caller has not connected; `provider` is its name."""

    status = 403
    code = "credential_missing"

    def __init__(self, provider: str, title: str) -> None:
        super().__init__(self._text(provider, title))
        self.provider = provider

    def _text(self, provider: str, title: str) -> str:
        return say("errors.account_missing", provider=provider, title=title)


class CredentialRefused(CredentialMissing):
    """The provider refuses the stored credential for good: only its owner can mend that."""

    code = "credential_refused"

    def _text(self, provider: str, title: str) -> str:
        return say("errors.account_refused", provider=provider, title=title)


class ConnectRefused(RosterError):
    """A link or a sign-in cannot go on; `reason` is the name of the page's text for it."""

    status = 400
    code = "connect_refused"

    def __init__(self, reason: str, *, detail: str = "") -> None:
        super().__init__(say("errors.not_connected", reason=reason))
        self.reason = reason
        self.detail = detail


class OAuthRefused(RosterError):
    """An authorization server refused a request; `for_good` when asking again cannot help."""

    status = 502
    code = "oauth_refused"

    def __init__(self, message: str, *, for_good: bool) -> None:
        super().__init__(message)
        self.for_good = for_good


class CredentialUnreadable(RosterError):
    """A stored credential does not decrypt: damaged, or moved to another owner."""

    code = "credential_unreadable"


class UnknownKeyId(RosterError):
    """A stored credential was encrypted with a key that is not in the ring."""

    code = "encryption_key_missing"

    def __init__(self, key_id: str) -> None:
        super().__init__(say("errors.key_missing", key_id=key_id))
        self.key_id = key_id


class Unreachable(RosterError):
    """A remote service did not answer in a usable way."""

    status = 503
    code = "unreachable"


class StorageFailed(RosterError):
    """A database of the proxy cannot be used now; `kind` says what is wrong, see `agentroster.db.trouble`.

    `for_operator` names the file, and what to do: for the command line only.
    """

    status = 503
    code = "storage_unavailable"

    def __init__(self, message: str, *, kind: str, for_operator: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.for_operator = for_operator


class QueueFull(RosterError):
    """Too many jobs are waiting; `retry_after` is in seconds."""

    status = 429
    code = "too_many_jobs"
    retry_after = "60"


class Stopping(RosterError):
    """The process is about to end, or to start anew."""

    status = 503
    code = "stopping"

    def __init__(self) -> None:
        super().__init__(say("errors.stopping"))


class LimitReached(RosterError):
    """A run reached its deadline or its budget of model calls; ends the answer, is no failure."""

    status = 200
    code = "limit_reached"


class BadAnswer(RosterError):
    """The language model answered a skill's question with something else than the object asked for."""

    status = 502
    code = "bad_answer"


class UpstreamError(RosterError):
    """The language model behind an agent failed."""

    status = 502
    code = "upstream_error"


class UpstreamRejected(UpstreamError):
    """The language model refused the request; keeps the model's own 4xx status."""

    code = "upstream_rejected"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class UpstreamRefusedKey(UpstreamError):
    """The language model refused the proxy's key: an operator's matter, so not a 401 to the client."""

    code = "upstream_refused_key"


class UpstreamRateLimited(UpstreamError):
    """The language model asks to slow down; `retry_after` and `retry_after_ms` are its own header values, if any."""

    status = 429
    code = "upstream_rate_limited"

    def __init__(self, message: str, *, retry_after: str | None, retry_after_ms: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.retry_after_ms = retry_after_ms


class UpstreamUnavailable(UpstreamError):
    """The language model cannot be reached (503) or failed (its own 5xx status)."""

    code = "upstream_unavailable"

    def __init__(self, message: str, *, status: int = 503) -> None:
        super().__init__(message)
        self.status = status


class UpstreamTimeout(UpstreamError):
    """The language model did not answer in time."""

    status = 504
    code = "upstream_timeout"
