"""The commands about accounts, in every agent: `/connect`, `/credentials`, `/disconnect`, `/token`."""

import time
from datetime import UTC, datetime

from agentroster.accounts.connect import Connector
from agentroster.credentials.credential import Credential
from agentroster.errors import RosterError
from agentroster.identity.caller import Caller
from agentroster.messages import say
from agentroster.runs.chat import ChatRequest, PastedToken


def help_rows() -> list[tuple[str, str]]:
    """Return how each command is written, and what it does."""
    return [
        ("/connect [NAME]", say("runs.help_connect")),
        ("/credentials", say("runs.help_credentials")),
        ("/disconnect NAME", say("runs.help_disconnect")),
    ]


def common_names() -> list[str]:
    """Return the names of these commands."""
    return [*(usage.removeprefix("/").split()[0] for usage, _ in help_rows()), "token"]


class AccountCommands:
    """Answers the commands without a model; a failure is its sentence."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    async def answer(self, request: ChatRequest) -> str | None:
        """Return the answer when the message is one of these commands, else None."""
        name, _, rest = request.question.partition(" ")
        caller, argument = request.caller, rest.strip().lower()
        try:
            match name:
                case "/connect":
                    return await (self.invitation(caller, argument) if argument else self._kinds(caller))
                case "/credentials":
                    return await self._listed(caller)
                case "/disconnect":
                    return f"{await self._disconnected(caller, argument)}\n"
                case "/token":
                    return f"{await self._pasted(caller, request.pasted)}\n"
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
            return f"{say('runs.connect_elsewhere', title=title, name=name)}\n"
        link = await self._connector.link(caller, name)
        return f"{say('runs.connect_link', title=title)}\n\n{link}\n"

    async def _kinds(self, caller: Caller) -> str:
        connected = {credential.owner.provider for credential in await self._connector.connections(caller)}
        yes, no = say("runs.connect_yes"), say("runs.connect_no")
        rows = [
            f"| `/connect {provider.name}` | {provider.title} | {yes if provider.name in connected else no} |"
            for provider in self._connector.source.providers.all()
        ]
        return "\n".join([say("runs.connect_table"), "| --- | --- | --- |", *rows]) + "\n"

    async def _listed(self, caller: Caller) -> str:
        found = await self._connector.connections(caller)
        if not found:
            return f"{say('runs.no_accounts')}\n"
        return "\n".join([say("runs.account_table"), "| --- | --- | --- | --- |", *map(_row, found)]) + "\n"

    async def _disconnected(self, caller: Caller, name: str) -> str:
        if not name:
            return say("runs.disconnect_which")
        provider = self._connector.source.providers.get(name)
        done = await self._connector.disconnect(caller, name)
        if not done.existed:
            return say("runs.no_account", title=provider.title)
        if done.revoked:
            return say("runs.disconnected_revoked", title=provider.title)
        if provider.manage_url:
            return say("runs.disconnected_valid_at", title=provider.title, url=provider.manage_url)
        return say("runs.disconnected_valid", title=provider.title)

    async def _pasted(self, caller: Caller, pasted: PastedToken | None) -> str:
        if pasted is None:
            return say("runs.token_form")
        label = await self._connector.paste(caller, pasted.provider, pasted.text.split())
        title = self._connector.source.providers.get(pasted.provider).title
        return say("runs.connected_as", title=title, label=label) if label else say("runs.connected", title=title)


def _row(credential: Credential) -> str:
    name, is_ok = credential.owner.provider, credential.state == "ok"
    since = datetime.fromtimestamp(credential.created_at or time.time(), UTC).strftime("%Y-%m-%d")
    state = say("runs.state_connected") if is_ok else say("runs.state_refused", name=name)
    label = credential.label.replace("|", "\\|") or "-"
    return f"| {name} | {label} | {state} | {since} |"
