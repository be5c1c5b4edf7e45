"""The commands about accounts, in every agent: `/connect`, `/credentials`, `/disconnect`, `/token`."""

import time
from datetime import UTC, datetime

from agentroster.accounts.connect import Connector
from agentroster.accounts.provider import Provider
from agentroster.credentials.credential import Credential
from agentroster.errors import RosterError
from agentroster.identity.caller import Caller
from agentroster.runs.chat import ChatRequest, PastedToken

HELP = (
    ("/connect [NAME]", "connect an account, such as github, through a link"),
    ("/credentials", "your connected accounts"),
    ("/disconnect NAME", "remove an account, and give its tokens back"),
)


class AccountCommands:
    """Answers the commands without a model; a failure is its sentence."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def answer(self, request: ChatRequest) -> str | None:
        """Return the answer when the message is one of these commands, else None."""
        name, _, rest = request.question.partition(" ")
        argument = rest.strip().lower()
        try:
            match name:
                case "/connect":
                    return await (
                        self.invitation(request.caller, argument) if argument else self._kinds(request.caller)
                    )
                case "/credentials":
                    return await self._listed(request.caller)
                case "/disconnect":
                    return await self._disconnected(request.caller, argument)
                case "/token":
                    return await self._pasted(request.caller, request.pasted)
                case _:
                    return None
        except RosterError as error:
            return f"{error.message}\n"

    async def invitation(self, caller: Caller, name: str) -> str:
        """Return the sentence with a link to connect an account. Raises as `Connector.link`.

        Where others read along there is no link: whoever opened it first would connect their account to this person.
        """
        title = self._connector.source.providers.get(name).title
        if caller.is_overheard:
            return f"This needs your {title} account. Write `/connect {name}` to me in a chat of your own.\n"
        link = await self._connector.link(caller, name)
        return f"Open this link to connect your {title} account (it works once, for ten minutes):\n\n{link}\n"

    async def _kinds(self, caller: Caller) -> str:
        connected = {credential.owner.provider for credential in await self._connector.connections(caller)}
        rows = [
            f"| `/connect {provider.name}` | {provider.title} | {'yes' if provider.name in connected else 'no'} |"
            for provider in self._connector.source.providers.all()
        ]
        return "\n".join(["| Command | Account | Connected |", "| --- | --- | --- |", *rows]) + "\n"

    async def _listed(self, caller: Caller) -> str:
        found = await self._connector.connections(caller)
        if not found:
            return "You have no connected accounts: /connect lists the kinds there are.\n"
        rows = [_row(credential) for credential in found]
        return "\n".join(["| Account | Name | State | Since |", "| --- | --- | --- | --- |", *rows]) + "\n"

    async def _disconnected(self, caller: Caller, name: str) -> str:
        if not name:
            return "Say which account: `/disconnect NAME`; /credentials lists yours.\n"
        provider = self._connector.source.providers.get(name)
        done = await self._connector.disconnect(caller, name)
        if not done.existed:
            return f"You have no {provider.title} account connected.\n"
        return f"Your {provider.title} account is disconnected. {_aftermath(provider, revoked=done.revoked)}\n"

    async def _pasted(self, caller: Caller, pasted: PastedToken | None) -> str:
        if pasted is None:
            return "Write it as `/token NAME ...`, or use /connect NAME, which keeps the token out of your chat.\n"
        label = await self._connector.paste(caller, pasted.provider, pasted.text.split())
        title = self._connector.source.providers.get(pasted.provider).title
        return (
            f"Your {title} account is connected{f' as {label}' if label else ''}. The token was not passed on, but "
            "your client may keep the message you wrote: delete it there.\n"
        )


def _row(credential: Credential) -> str:
    since = datetime.fromtimestamp(credential.created_at or time.time(), UTC).strftime("%Y-%m-%d")
    state = "connected" if credential.state == "ok" else f"refused: /connect {credential.owner.provider} again"
    label = credential.label.replace("|", "\\|") or "-"
    return f"| {credential.owner.provider} | {label} | {state} | {since} |"


def _aftermath(provider: Provider, *, revoked: bool) -> str:
    if revoked:
        return "Its tokens were revoked at the provider."
    if provider.manage_url:
        return f"The token itself is still valid there; you can remove it at {provider.manage_url}"
    return "The token itself is still valid there: remove it in the settings of your account."
