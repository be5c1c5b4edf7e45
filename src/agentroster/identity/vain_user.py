"""Notices user headers from a key that may not name users: they are ignored, and the log says so once."""

import logging

from agentroster.identity.caller import Caller
from agentroster.identity.openwebui import PLAIN_HEADER, SIGNED_HEADER
from agentroster.identity.presented_key import RawHeaders
from agentroster.lru import LruDict

logger = logging.getLogger(__name__)

NOTICE_HEADER = b"x-roster-notice"
_MAX_LOGGED = 1_000
_NOT_A_FORWARDER = (
    "the user header is ignored, because this key may not name users: `roster keys create --forwarder` makes one that "
    "may, and ROSTER_OPENWEBUI_KEY is one"
)
_NOT_CHECKED = "the signed user header is ignored, because ROSTER_OPENWEBUI_JWT_SECRET is not set"


class VainUsers:
    """Finds requests whose user header is ignored, and logs each key once."""

    def __init__(self) -> None:
        self._logged = LruDict[str, None](_MAX_LOGGED)

    def notice(self, caller: Caller, headers: RawHeaders) -> str:
        """Return the notice for the client, empty where no user header is ignored."""
        names = {name.decode("latin-1") for name, _ in headers} & {PLAIN_HEADER, SIGNED_HEADER}
        if not names:
            return ""
        if caller.proof in {"own_key", "master_key"}:
            notice = _NOT_A_FORWARDER
        elif caller.proof == "forwarder" and names == {SIGNED_HEADER}:
            notice = _NOT_CHECKED
        else:
            return ""
        if caller.key_id not in self._logged:
            logger.warning("key %s sent %s: %s", caller.key_id, " and ".join(sorted(names)), notice)
            self._logged[caller.key_id] = None
        return notice
