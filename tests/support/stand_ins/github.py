"""A strict stand-in for GitHub Enterprise: the REST API under /api/v3 and the web flow of an OAuth App.

Source: GitHub's REST reference 2022-11-28 and its guides to pagination, rate limits and OAuth Apps. Tests fill
`tokens` and `repositories`; `limits`, `renamed`, `redirect_to`, `echo_headers` and `answer` make it behave badly.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

DOCUMENTATION = "https://docs.github.com/rest"
PKCE = re.compile(r"[A-Za-z0-9._~-]{43,128}")
TERM = re.compile(r'(-?)(?:([A-Za-z-]+):)?("[^"]*"|\S+)')
# Qualifiers of the real search that this one refuses rather than answer wrongly.
NOT_MODELLED = {"assignee", "mentions", "involves", "commenter", "milestone", "created", "updated", "closed", "in"}


@dataclass
class Token:
    login: str
    scopes: tuple[str, ...] = ("repo", "read:user")
    kind: Literal["classic", "oauth", "fine-grained"] = "classic"


@dataclass
class Comment:
    author: str
    body: str


@dataclass
class Review:
    author: str
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
    body: str = ""


@dataclass
class Issue:
    """An issue or, with `is_pull`, a pull request; an empty author is a deleted account."""

    number: int
    title: str
    body: str = ""
    author: str = "octocat"
    state: Literal["open", "closed"] = "open"
    is_pull: bool = False
    draft: bool = False
    merged: bool = False
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[Comment] = field(default_factory=list)
    requested_reviewers: list[str] = field(default_factory=list)
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    created_at: str = "2026-01-02T03:04:05Z"
    updated_at: str = "2026-01-02T03:04:05Z"
    closed_at: str = ""
    author_association: str = "CONTRIBUTOR"


@dataclass
class Repository:
    private: bool = False
    readers: set[str] = field(default_factory=set)
    issues: dict[int, Issue] = field(default_factory=dict)
    description: str = ""


@dataclass
class Limit:
    """One refusal: the primary limit (nothing remaining until the reset) or a secondary one."""

    status: Literal[403, 429] = 403
    retry_after: int | None = None
    reset_in: int | None = None
    primary: bool = False


@dataclass(frozen=True)
class SeenRequest:
    method: str
    path: str
    query: dict[str, str]
    authorization: str | None
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Code:
    redirect_uri: str
    challenge: str
    token: Token
    expires_at: float


class Refused(Exception):
    """A request the real API answers with something else than what was asked for."""

    def __init__(self, status: int, message: str, more: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)} | (more or {})
        self.response = JSONResponse(body, status, headers)


class GitHubServer:
    """Serves what tests put into `tokens` and `repositories`, and remembers each request."""

    CLIENT_ID = "Iv1.standin0123456789"
    CLIENT_SECRET = "canary-github-client-secret-4b825dc642cb6eb9"

    def __init__(self) -> None:
        self.reset()
        api = {
            "/user": self._user,
            "/search/issues": self._search_issues,
            "/search/repositories": self._search_repositories,
            "/repos/{owner}/{name}": lambda request: JSONResponse(
                repository_facts(request, *self._repository(request))
            ),
            "/repos/{owner}/{name}/{kind}": self._list,
            "/repos/{owner}/{name}/{kind}/{number:int}": self._one,
            "/repos/{owner}/{name}/{kind}/{number:int}/{part}": self._part,
        }
        routes = [Route(f"/api/v3{path}", self._api(handler)) for path, handler in api.items()]
        deletion = Route("/api/v3/applications/{client_id}/token", self._api(self._delete_token), methods=["DELETE"])
        nowhere = Route(
            "/api/v3/{rest:path}", self._api(self._nowhere), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
        )
        authorize = Route("/login/oauth/authorize", self.authorize)
        exchange = Route("/login/oauth/access_token", self.access_token, methods=["POST"])
        elsewhere = Route("/{rest:path}", self.elsewhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        self.app = Starlette(routes=[*routes, deletion, nowhere, authorize, exchange, elsewhere])

    def reset(self) -> None:
        """Forget everything."""
        self.requests: list[SeenRequest] = []
        self.tokens: dict[str, Token] = {}
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.limits: list[Limit | None] = []
        self.echo_headers = False
        self.redirect_to = ""
        self.answer: Callable[[Request], Response | None] | None = None
        self.redirect_uris: set[str] = set()
        self.login = "octocat"
        self.deny_next = False
        self._codes: dict[str, Code] = {}

    def _api(self, handler: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            request.state.seen = await seen(request)
            self.requests.append(request.state.seen)
            try:
                response = self._refusal(request) or handler(request)
            except Refused as refused:
                response = refused.response
            self._add_headers(request, response)
            return response

        return endpoint

    def _refusal(self, request: Request) -> Response | None:
        if not request.headers.get("user-agent"):
            return PlainTextResponse("Please make sure your request has a User-Agent header.", 403)
        if self.answer and (response := self.answer(request)):
            return response
        if self.redirect_to:
            return RedirectResponse(self.redirect_to, 302)
        if (version := request.headers.get("x-github-api-version", "2022-11-28")) != "2022-11-28":
            raise Refused(400, f"{version} is not a supported version of the REST API.")
        if self.limits and (limit := self.limits.pop(0)):
            raise limited(limit)
        return None

    def _add_headers(self, request: Request, response: Response) -> None:
        response.headers.setdefault("x-ratelimit-limit", "5000")
        response.headers.setdefault("x-ratelimit-remaining", str(max(1, 5000 - len(self.requests))))
        response.headers.setdefault("x-ratelimit-reset", str(int(time.time()) + 3600))
        if (token := self._known(request)) and token.kind != "fine-grained":
            response.headers["x-oauth-scopes"] = ", ".join(token.scopes)

    def _known(self, request: Request) -> Token | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        return self.tokens.get(value) if scheme.lower() in {"bearer", "token"} else None

    def _token(self, request: Request) -> Token:
        if (token := self._known(request)) is None:
            raise Refused(401, "Bad credentials" if "authorization" in request.headers else "Requires authentication")
        return token

    def _visible(self, token: Token) -> dict[str, Repository]:
        """Return what the token's person may read; private ones need the scope too."""
        scoped = token.kind == "fine-grained" or "repo" in token.scopes
        items = self.repositories.items()
        return {name: item for name, item in items if not item.private or (scoped and token.login in item.readers)}

    def _repository(self, request: Request) -> tuple[str, Repository]:
        visible = self._visible(self._token(request))
        asked = f"{request.path_params['owner']}/{request.path_params['name']}"
        if (new := self.renamed.get(asked)) in visible:
            url = str(request.url.replace(path=request.url.path.replace(f"/repos/{asked}", f"/repos/{new}", 1)))
            raise Refused(301, "Moved Permanently", {"url": url}, {"location": url})
        found = next((name for name in visible if name.lower() == asked.lower()), None)
        if found is None or request.path_params.get("kind", "pulls") not in {"issues", "pulls"}:
            raise Refused(404, "Not Found")
        return found, visible[found]

    def _numbered(self, request: Request) -> tuple[str, Issue, bool]:
        name, repository = self._repository(request)
        issue = repository.issues.get(request.path_params["number"])
        pulls = request.path_params["kind"] == "pulls"
        if issue is None or (pulls and not issue.is_pull):
            raise Refused(404, "Not Found")
        return name, issue, pulls

    def _nowhere(self, request: Request) -> Response:
        self._token(request)
        raise Refused(404, "Not Found")

    def _user(self, request: Request) -> Response:
        login = self._token(request).login
        return JSONResponse(account(login) | {"name": login.title(), "email": None})

    def _list(self, request: Request) -> Response:
        """List issues, which include pull requests, or pull requests without their sizes."""
        name, repository = self._repository(request)
        pulls = request.path_params["kind"] == "pulls"
        issues = [issue for issue in repository.issues.values() if issue.is_pull or not pulls]
        return paged(request, [self._facts(request, name, issue, pulls) for issue in selected(request, issues)])

    def _one(self, request: Request) -> Response:
        name, issue, pulls = self._numbered(request)
        facts = self._facts(request, name, issue, pulls)
        if pulls:
            facts |= {key: getattr(issue, key) for key in ("merged", "additions", "deletions", "changed_files")}
            facts |= {"comments": len(issue.comments), "review_comments": len(issue.review_comments), "commits": 1}
            facts |= {"mergeable": True, "mergeable_state": "draft" if issue.draft else "clean"}
        return JSONResponse(facts)

    def _part(self, request: Request) -> Response:
        _, issue, pulls = self._numbered(request)
        dates = {"created_at": issue.created_at, "updated_at": issue.updated_at}
        match pulls, request.path_params["part"]:
            case _, "comments":
                comments = issue.review_comments if pulls else issue.comments
                return paged(request, [{"user": account(it.author), "body": it.body} | dates for it in comments])
            case True, "reviews":
                shown = [it for it in issue.reviews if it.state != "PENDING" or it.author == self._token(request).login]
                return paged(request, [review_facts(it, issue.updated_at) for it in shown])
            case True, "requested_reviewers":
                return JSONResponse({"users": [account(login) for login in issue.requested_reviewers], "teams": []})
        raise Refused(404, "Not Found")

    def _facts(self, request: Request, name: str, issue: Issue, pulls: bool) -> dict[str, Any]:
        echo = f"\n{json.dumps(dict(request.headers))}" if self.echo_headers else ""
        api, web = f"{request.base_url}api/v3/repos/{name}", f"{request.base_url}{name}"
        pull_url, page = f"{api}/pulls/{issue.number}", f"{web}/{'pull' if issue.is_pull else 'issues'}/{issue.number}"
        closed_at = (issue.closed_at or issue.updated_at) if issue.state == "closed" else None
        merged_at = closed_at if issue.merged else None
        facts = {key: getattr(issue, key) for key in ("number", "title", "state", "created_at", "updated_at")}
        facts |= {"body": issue.body + echo or None, "user": account(issue.author), "html_url": page}
        facts |= {"closed_at": closed_at, "author_association": issue.author_association}
        facts |= {"labels": [{"name": label} for label in issue.labels]}
        if issue.is_pull:
            facts["draft"] = issue.draft
        if not pulls:
            facts |= {"url": f"{api}/issues/{issue.number}", "repository_url": api, "comments": len(issue.comments)}
            pull = {"url": pull_url, "html_url": page, "merged_at": merged_at}
            return facts | ({"pull_request": pull} if issue.is_pull else {})
        facts |= {"url": pull_url, "merged_at": merged_at, "requested_teams": []}
        facts |= {"requested_reviewers": [account(login) for login in issue.requested_reviewers]}
        return facts | {
            "head": {"ref": f"branch-{issue.number}", "sha": f"{issue.number:040x}"},
            "base": {"ref": "main"},
        }

    def _search_issues(self, request: Request) -> Response:
        token = self._token(request)
        terms, visible = search_terms(request, token.login), self._visible(token)
        wanted = {value for negated, key, value in terms if key == "repo" and not negated}
        people = {value for _, key, value in terms if key in {"author", "review-requested"}}
        if (wanted and wanted.isdisjoint(name.lower() for name in visible)) or people - self._people():
            raise invalid("The listed users and repositories cannot be searched: they do not exist or are not yours.")
        found = [
            (name, issue)
            for name, repository in visible.items()
            if not wanted or name.lower() in wanted
            for issue in repository.issues.values()
            if all(holds(name, issue, *term[1:]) != term[0] for term in terms if term[1] != "repo" or term[0])
        ]
        if (sort := request.query_params.get("sort", "")) in {"created", "updated", "comments"}:
            found.sort(key=lambda pair: rank(pair[1], sort), reverse=request.query_params.get("order") != "asc")
        return paged(request, [self._facts(request, *pair, False) | {"score": 1.0} for pair in found], search=True)

    def _people(self) -> set[str]:
        issues = [issue for repository in self.repositories.values() for issue in repository.issues.values()]
        logins = [token.login for token in self.tokens.values()] + [issue.author for issue in issues]
        return {login.lower() for login in [*logins, *(it for issue in issues for it in issue.requested_reviewers)]}

    def _search_repositories(self, request: Request) -> Response:
        token = self._token(request)
        terms = search_terms(request, token.login)
        found = [
            repository_facts(request, name, repository) | {"score": 1.0}
            for name, repository in self._visible(token).items()
            if all(named(name, repository, key, value) != negated for negated, key, value in terms)
        ]
        return paged(request, found, search=True)

    async def authorize(self, request: Request) -> Response:
        """Approve at once, as the person `login`; deny once when `deny_next` is set."""
        self.requests.append(await seen(request))
        query = request.query_params
        if query.get("client_id") != self.CLIENT_ID:
            return PlainTextResponse("Not Found", 404)
        if query.get("redirect_uri") not in self.redirect_uris or len(query.multi_items()) != len(query):
            return PlainTextResponse("The redirect_uri is not associated with this application.", 400)
        challenge = query.get("code_challenge", "")
        if not query.get("state") or query.get("code_challenge_method") != "S256" or not PKCE.fullmatch(challenge):
            return PlainTextResponse("This stand-in insists on a state and a PKCE challenge with S256.", 400)
        if self.deny_next:
            self.deny_next = False
            answer = {"error": "access_denied", "error_description": "The user has denied your application access."}
        else:
            answer = {"code": f"gh-code-canary-{secrets.token_hex(10)}"}
            token = Token(self.login, tuple(re.findall(r"[^ ,]+", query.get("scope", ""))), "oauth")
            self._codes[answer["code"]] = Code(query["redirect_uri"], challenge, token, time.monotonic() + 600)
        return with_query(query["redirect_uri"], answer | {"state": query["state"]})

    async def elsewhere(self, request: Request) -> Response:
        """Remember what has no business here."""
        self.requests.append(await seen(request))
        return PlainTextResponse("Not Found", 404)

    async def access_token(self, request: Request) -> Response:
        """Exchange a code; as with the real one, a failure is an answer with status 200."""
        self.requests.append(await seen(request))
        answer = self._exchange(dict(parse_qsl(self.requests[-1].body)))
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(answer)
        return Response(urlencode(answer), media_type="application/x-www-form-urlencoded")

    def _exchange(self, form: dict[str, str]) -> dict[str, str]:
        if (form.get("client_id"), form.get("client_secret")) != (self.CLIENT_ID, self.CLIENT_SECRET):
            return {
                "error": "incorrect_client_credentials",
                "error_description": "The client_id and/or client_secret passed are incorrect.",
            }
        code = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "")
        if code is None or challenge_of(verifier) != code.challenge or code.expires_at < time.monotonic():
            return {"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
        if form.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
            return {
                "error": "redirect_uri_mismatch",
                "error_description": "The redirect_uri MUST match the registered callback URL.",
            }
        value = f"gho_canary{secrets.token_hex(15)}"
        self.tokens[value] = code.token
        return {"access_token": value, "scope": ",".join(code.token.scopes), "token_type": "bearer"}

    def _delete_token(self, request: Request) -> Response:
        basic = base64.b64encode(f"{self.CLIENT_ID}:{self.CLIENT_SECRET}".encode()).decode()
        authorized = request.headers.get("authorization") == f"Basic {basic}"
        try:
            value = str(json.loads(request.state.seen.body)["access_token"])
        except (ValueError, KeyError, TypeError):
            value = ""
        if authorized and not value:
            raise invalid("access_token is missing")
        known = value in self.tokens and self.tokens[value].kind == "oauth"
        if not authorized or request.path_params["client_id"] != self.CLIENT_ID or not known:
            raise Refused(404, "Not Found")
        del self.tokens[value]
        return Response(status_code=204)


async def seen(request: Request) -> SeenRequest:
    """Return what a test may want to look at; the body stays readable."""
    headers, body = dict(request.headers), (await request.body()).decode(errors="replace")
    query = dict(request.query_params)
    return SeenRequest(request.method, request.url.path, query, headers.get("authorization"), headers, body)


def with_query(url: str, parameters: dict[str, str]) -> Response:
    """Redirect a browser back to the application."""
    return RedirectResponse(f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}", 302)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of RFC 7636, or nothing for a verifier that is none."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    return digest.decode().rstrip("=") if PKCE.fullmatch(verifier) else ""


def limited(limit: Limit) -> Refused:
    """Answer as GitHub does at its primary limit or at a secondary one."""
    reset = None if limit.reset_in is None else int(time.time()) + limit.reset_in
    remaining = 0 if limit.primary else None
    headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset, "retry-after": limit.retry_after}
    secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    message = "API rate limit exceeded for user." if limit.primary else secondary
    return Refused(
        limit.status, message, None, {key: str(value) for key, value in headers.items() if value is not None}
    )


def invalid(message: str, code: str = "invalid") -> Refused:
    errors = [{"message": message, "resource": "Search", "field": "q", "code": code}]
    return Refused(422, "Validation Failed", {"errors": errors})


def account(login: str) -> Any:
    return {"login": login, "id": int.from_bytes(login.encode()[:6], "big"), "type": "User"} if login else None


def review_facts(review: Review, date: str) -> dict[str, Any]:
    facts = {"user": account(review.author), "state": review.state, "body": review.body}
    return facts if review.state == "PENDING" else facts | {"submitted_at": date}


def repository_facts(request: Request, name: str, repository: Repository) -> dict[str, Any]:
    owner, _, short = name.partition("/")
    facts = {"name": short, "full_name": name, "private": repository.private, "owner": account(owner)}
    urls = {"html_url": f"{request.base_url}{name}", "url": f"{request.base_url}api/v3/repos/{name}"}
    opened = sum(issue.state == "open" for issue in repository.issues.values())
    return facts | urls | {"description": repository.description or None, "open_issues_count": opened}


def rank(issue: Issue, sort: str) -> tuple[Any, int]:
    dates = {"updated": issue.updated_at, "comments": len(issue.comments), "popularity": len(issue.comments)}
    return dates.get(sort, issue.created_at), issue.number


def selected(request: Request, issues: list[Issue]) -> list[Issue]:
    """Apply the parameters of a list: state, labels, creator, since, sort and direction."""
    query = request.query_params
    state, sort, labels = query.get("state", "open"), query.get("sort", "created"), query.get("labels")
    if state not in {"open", "closed", "all"}:
        raise invalid(f"{state} is no state")
    chosen = [issue for issue in issues if state in {"all", issue.state} and query.get("since", "") <= issue.updated_at]
    if request.path_params["kind"] == "issues":
        chosen = [issue for issue in chosen if query.get("creator", issue.author) == issue.author]
        chosen = [issue for issue in chosen if not labels or set(labels.split(",")) <= set(issue.labels)]
    usual = "asc" if request.path_params["kind"] == "pulls" and sort != "created" else "desc"
    return sorted(chosen, key=lambda issue: rank(issue, sort), reverse=query.get("direction", usual) == "desc")


def paged(request: Request, items: list[dict[str, Any]], search: bool = False) -> Response:
    """Answer one page with GitHub's Link header; a search stops at its first thousand results."""
    asked = [request.query_params.get(key, "") for key in ("per_page", "page")]
    size, page = [int(value) if value.isdecimal() and int(value) else 0 for value in asked]
    size, page = min(size or 30, 100), page or 1
    if search and (page - 1) * size >= 1000:
        raise Refused(422, "Only the first 1000 search results are available")
    last = max(1, -(-(min(len(items), 1000) if search else len(items)) // size))
    links = {"prev": min(page - 1, last)} if page > 1 else {}
    links |= {"next": page + 1} if page < last else {}
    links |= {"last": last} if page != last else {}
    links |= {"first": 1} if page > 1 else {}
    shown = items[(page - 1) * size : page * size]
    answer = {"total_count": len(items), "incomplete_results": False, "items": shown} if search else shown
    link = ", ".join(f'<{request.url.include_query_params(page=at)}>; rel="{rel}"' for rel, at in links.items())
    return JSONResponse(answer, headers={"link": link} if link else None)


def search_terms(request: Request, login: str) -> list[tuple[bool, str, str]]:
    """Split q into (negated, qualifier, lower-case value); a word without a qualifier has an empty one."""
    q = request.query_params.get("q", "")
    if not q.strip():
        raise invalid("q is missing", "missing")
    if len(q) > 256:
        raise invalid("The search is longer than 256 characters.")
    terms: list[tuple[bool, str, str]] = []
    for minus, key, value in TERM.findall(q):
        if key.lower() in NOT_MODELLED:
            raise invalid(f"this stand-in does not model {key}:")
        me = login if value == "@me" and key else value
        terms.append((bool(minus), key.lower(), me.strip('"').lower()))
    return terms


def holds(name: str, issue: Issue, key: str, value: str) -> bool:
    """Say whether an issue satisfies one term of a search."""
    kinds = {"pr": issue.is_pull, "pull-request": issue.is_pull, "issue": not issue.is_pull}
    states = {"open": issue.state == "open", "closed": issue.state == "closed", "merged": issue.merged}
    checks: dict[str, Callable[[], bool]] = {
        "is": lambda: (kinds | states | {"draft": issue.draft}).get(value, False),
        "type": lambda: kinds.get(value, False),
        "state": lambda: issue.state == value,
        "author": lambda: issue.author.lower() == value,
        "repo": lambda: name.lower() == value,
        "user": lambda: name.lower().startswith(f"{value}/"),
        "org": lambda: name.lower().startswith(f"{value}/"),
        "label": lambda: value in (label.lower() for label in issue.labels),
        "review-requested": lambda: value in (login.lower() for login in issue.requested_reviewers),
    }
    text = f"{key}:{value}" if key else value
    return checks.get(key, lambda: text in f"{issue.title}\n{issue.body}".lower())()


def named(name: str, repository: Repository, key: str, value: str) -> bool:
    """Say whether a repository satisfies one term of a search."""
    if key in {"user", "org"}:
        return name.lower().startswith(f"{value}/")
    if key == "is":
        return value == ("private" if repository.private else "public")
    return value in name.lower() if not key else name.lower() == value
