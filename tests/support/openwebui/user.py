"""A user of Open WebUI without a browser: the same requests as the page of 0.12.4 makes, and the same socket."""

import mimetypes
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any
from uuid import uuid4

import httpx
import socketio

from tests.support.openwebui.process import OpenWebUIProcess

PATIENCE_SECONDS = 30
Event = dict[str, Any]
_ENDS = ("chat:message:error", "chat:tasks:cancel")
TASKS = ("title_generation", "tags_generation", "follow_up_generation")


class Inbox:
    """What the socket brought, by message or channel; readers wait for what they look for."""

    def __init__(self) -> None:
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._changed = Condition()

    def put(self, event: dict[str, Any], *_: object) -> None:
        """Keep one event of a chat, by its message."""
        self._keep(event.get("message_id") or "", event["data"])

    def put_of_channel(self, event: dict[str, Any], *_: object) -> None:
        """Keep one event of a channel, by the channel."""
        self._keep(event.get("channel_id") or "", event["data"])

    def _keep(self, about: str, event: Event) -> None:
        with self._changed:
            self._events[about].append(event)
            self._changed.notify_all()

    def of(self, about: str) -> list[Event]:
        """Return what came about a message or a channel."""
        with self._changed:
            return list(self._events[about])

    def wait(self, about: str, reached: Callable[[list[Event]], bool]) -> None:
        """Wait until what came is enough."""
        with self._changed:
            enough = self._changed.wait_for(lambda: reached(self._events[about]), PATIENCE_SECONDS)
        assert enough, f"waited in vain; came so far: {self._events[about]}"


@dataclass
class OpenWebUIUser:
    """Somebody who is signed in."""

    server: OpenWebUIProcess
    id: str
    name: str
    token: str
    http: httpx.Client
    inbox: Inbox = field(default_factory=Inbox)
    socket: socketio.Client = field(default_factory=lambda: socketio.Client(handle_sigint=False))

    @classmethod
    def sign_in(cls, server: OpenWebUIProcess, email: str, password: str) -> "OpenWebUIUser":
        """Sign in as the page does and open the socket."""
        with server.http() as client:
            answer = client.post("/api/v1/auths/signin", json={"email": email, "password": password})
        assert answer.status_code == httpx.codes.OK, answer.text
        account = answer.json()
        user = cls(server, account["id"], account["name"], account["token"], server.http(account["token"]))
        auth = {"token": user.token}
        user.socket.on("events", user.inbox.put)
        user.socket.on("events:channel", user.inbox.put_of_channel)
        user.socket.connect(server.url, auth=auth, transports=["websocket"], socketio_path="/ws/socket.io")
        user.socket.call("user-join", {"auth": auth})
        return user

    def sign_out(self) -> None:
        """Close what is open."""
        self.socket.disconnect()
        self.http.close()

    def add(self, name: str) -> "OpenWebUIUser":
        """Add another user, as an admin does, and sign them in."""
        email, password = f"{name.split(maxsplit=1)[0].lower()}@example.com", f"password-of-{name}"
        self.post("/api/v1/auths/add", {"name": name, "email": email, "password": password, "role": "user"})
        return OpenWebUIUser.sign_in(self.server, email, password)

    def models(self) -> dict[str, dict[str, Any]]:
        """Return the rows of the picker by id."""
        return {row["id"]: row for row in self.get("/api/models")["data"]}

    def chat(self, *models: str, temporary: bool = False) -> "Chat":
        """Begin a chat with one model or several."""
        return Chat(self, models, id=f"temporary:{self.socket_id}" if temporary else "")

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file as the page does, and return what it hangs on a message."""
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        answer = self.http.post(
            "/api/v1/files/",
            params={"process": "false" if media_type.startswith("image/") else "true"},
            files={"file": (name, content, media_type)},
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        file = answer.json()
        return {"type": "file", "file": file, "id": file["id"], "url": file["id"], "name": name} | {
            "status": "uploaded",
            "size": len(content),
            "content_type": media_type,
        }

    @property
    def socket_id(self) -> str:
        return self.socket.get_sid()  # pyright: ignore[reportReturnType] - text once it is connected

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    def post(self, path: str, body: object = None) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()


@dataclass
class Chat:
    """One chat; it grows with each message, and branches when one is asked again."""

    user: OpenWebUIUser
    models: Sequence[str]
    id: str = ""
    answers: list["Answer"] = field(default_factory=list)

    @property
    def is_saved(self) -> bool:
        return not self.id.startswith("temporary:")

    def ask(self, text: str, files: Sequence[dict[str, Any]] = (), tasks: Sequence[str] = ()) -> "Answer":
        """Send a message and wait for the answer."""
        return self.send(text, files, tasks)[0].done()

    def send(self, text: str, files: Sequence[dict[str, Any]] = (), tasks: Sequence[str] = ()) -> list["Answer"]:
        """Send a message after the last answer; return the answers, one of each model, while they are made."""
        parent = self.answers[-1].id if self.answers else None
        return self._post(self._question(text, parent, files), tasks)

    def regenerate(self, answer: "Answer") -> "Answer":
        """Ask for another answer to the same message."""
        return self._post(answer.question, ())[0].done()

    def edit(self, answer: "Answer", text: str) -> "Answer":
        """Change the message an answer belongs to: a branch beside it."""
        return self._post(self._question(text, answer.question["parentId"], ()), ())[0].done()

    def stop(self) -> None:
        """Press the stop button."""
        self.user.post(f"/api/tasks/chat/{self.id}/stop")

    def saved(self) -> dict[str, Any]:
        """Return the chat as Open WebUI keeps it."""
        return self.user.get(f"/api/v1/chats/{self.id}")["chat"]

    def _question(self, text: str, parent: str | None, files: Sequence[dict[str, Any]]) -> dict[str, Any]:
        person = {"id": self.user.id, "name": self.user.name}
        question = {"id": str(uuid4()), "parentId": parent, "childrenIds": [], "role": "user", "user": person}
        question |= {"user_id": self.user.id, "content": text, "timestamp": int(time.time())}
        return question | {"models": list(self.models)} | ({"files": list(files)} if files else {})

    def _post(self, question: dict[str, Any], tasks: Sequence[str]) -> list["Answer"]:
        answers = [Answer(self, str(uuid4()), question, model) for model in self.models]
        question["childrenIds"] += [answer.id for answer in answers]
        first = answers[0]
        body = {
            "stream": True,
            "model": first.model,
            "params": {},
            "tool_servers": [],
            "features": {"web_search": False, "image_generation": False, "code_interpreter": False, "memory": False},
            "variables": {"{{USER_NAME}}": self.user.name},
            "session_id": self.user.socket_id,
            "id": first.id,
            "message_ids": [
                {"model_id": answer.model, "message_id": answer.id, "modelIdx": index}
                for index, answer in enumerate(answers)
            ],
            "parent_id": question["parentId"],
            "user_message": question,
            "background_tasks": dict.fromkeys(tasks, True),
        }
        if documents := [file for file in question.get("files", ()) if not file["content_type"].startswith("image/")]:
            body["files"] = documents
        if self.id:
            body["chat_id"] = self.id
        if not self.is_saved:
            # The server keeps nothing of a temporary chat: the page sends it whole.
            body["messages"] = [*self._history(question["parentId"]), question]
        answer = self.user.post("/api/chat/completions", body)
        self.id = self.id or answer["chat_id"]
        self.answers += answers
        return answers

    def _history(self, last: str | None) -> list[dict[str, Any]]:
        found = next((answer for answer in self.answers if answer.id == last), None)
        if found is None:
            return []
        reply = {"role": "assistant", "model": found.model, "output": found.output}
        return [*self._history(found.question["parentId"]), found.question, reply]


@dataclass
class Answer:
    """One answer, as it comes and as it is kept."""

    chat: Chat
    id: str
    question: dict[str, Any]
    model: str

    @property
    def events(self) -> list[Event]:
        return self.chat.user.inbox.of(self.id)

    def until(self, reached: Callable[[list[Event]], bool]) -> "Answer":
        """Wait until what came is enough."""
        self.chat.user.inbox.wait(self.id, reached)
        return self

    def done(self) -> "Answer":
        """Wait for the end: complete, failed or stopped."""
        return self.until(lambda events: any(_is_end(event) for event in events))

    def has(self, kind: str) -> "Answer":
        """Wait for an event of a kind, such as `chat:title`."""
        return self.until(lambda events: any(event["type"] == kind for event in events))

    def settled(self) -> "Answer":
        """Wait until the work behind it is done too: follow-ups, title, tags."""
        return self.until(lambda events: {"type": "chat:active", "active": False} in map(_activity, events))

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """The status lines, in order."""
        return [event["data"] for event in self.events if event["type"] == "status"]

    @property
    def output(self) -> list[dict[str, Any]]:
        """The items of the finished answer: thinking and text."""
        return next(event["data"]["output"] for event in reversed(self.events) if "output" in (event.get("data") or {}))

    @property
    def text(self) -> str:
        """What the page shows below the name."""
        return "".join(part["text"] for item in self.output if item["type"] == "message" for part in item["content"])

    @property
    def thinking(self) -> str:
        """What the page shows behind "Thought for a second"."""
        return "".join(part["text"] for item in self.output if item["type"] == "reasoning" for part in item["content"])

    @property
    def saved(self) -> dict[str, Any]:
        """The answer as Open WebUI keeps it."""
        return self.chat.saved()["history"]["messages"][self.id]


def _is_end(event: Event) -> bool:
    return event["type"] in _ENDS or (event["type"] == "chat:completion" and bool(event["data"].get("done")))


def _activity(event: Event) -> dict[str, Any]:
    data = event.get("data")
    return {"type": event["type"], "active": data.get("active") if isinstance(data, dict) else None}
