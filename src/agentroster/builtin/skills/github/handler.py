"""The GitHub tools. They only read, and only with the account that the caller connected."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentroster import Api, BadInput, SkillContext, escape_markdown
from agentroster.builtin.skills.github.rest import Page, get, get_list, get_object
from agentroster.json_values import as_list, is_object
from agentroster.messages import say

_REFERENCE = re.compile(r"(?:https://[\w.-]+/)?([\w.-]{1,100}/[\w.-]{1,100})(?:#|\s+|/(?:pull|issues)/)(\d{1,9})\b.*")
_REPOSITORY_URL = re.compile(r".*/repos/([\w.-]+/[\w.-]+)")
_AT_ONCE = 5
_MAX_COMMENTS = 200
_MAX_TEXT = 4000


async def github_whoami(context: SkillContext, /) -> dict[str, object]:
    """Return the connected account."""
    github = await context.accounts.open("github")
    answer = await get(github, "/user")
    me: dict[str, Any] = answer.json()
    scopes = [scope.strip() for scope in answer.headers.get("x-oauth-scopes", "").split(",") if scope.strip()]
    login, name = me["login"], me.get("name")
    who = say("github.you_are_named", login=login, name=name) if name else say("github.you_are", login=login)
    rights = say("github.rights", scopes=", ".join(scopes)) if scopes else say("github.rights_of_token")
    await context.show(f"{who} {rights}\n")
    return {"login": login, "name": name, "scopes": scopes}


async def github_my_pull_requests(context: SkillContext, /, most: int = 30) -> dict[str, object]:
    """Return the caller's open pull requests, each with its review state."""
    github = await context.accounts.open("github")
    query = {"q": "is:pr is:open author:@me", "sort": "updated", "order": "desc"}
    found = await get_list(github, "/search/issues", most, query)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def described(item: Mapping[str, Any]) -> dict[str, object]:
        async with gate:
            return await _pull_request(github, item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(described(item)) for item in found.items]
    pulls = [task.result() for task in tasks]
    await context.show(_pulls_table(pulls, found))
    return {"pull_requests": pulls, "total": found.total, "there_are_more": found.has_more}


async def github_show(context: SkillContext, /, reference: str) -> dict[str, object]:
    """Return one issue or pull request with its discussion."""
    match = _REFERENCE.fullmatch(reference.strip())
    if match is None:
        raise BadInput(say("github.no_reference"))
    repository, number = match[1], int(match[2])
    github = await context.accounts.open("github")
    issue = await get_object(github, f"/repos/{repository}/issues/{number}")
    comments = await get_list(github, f"/repos/{repository}/issues/{number}/comments", _MAX_COMMENTS)
    shown: dict[str, object] = {
        **_headline(issue, repository),
        "body": _cut(issue.get("body")),
        "discussion": [_remark(comment) for comment in comments.items],
        "there_are_more_comments": comments.has_more,
    }
    if "pull_request" in issue:
        shown |= await _pull_details(github, f"/repos/{repository}/pulls/{number}")
    await context.show(_page_of(shown))
    return shown


async def github_search(
    context: SkillContext, /, query: str, kind: str = "issues", most: int = 20
) -> dict[str, object]:
    """Return what GitHub's search finds."""
    github = await context.accounts.open("github")
    found = await get_list(github, f"/search/{kind}", most, {"q": query})
    rows = [_repository(item) if kind == "repositories" else _headline(item, _name_of(item)) for item in found.items]
    pairs = ((row.get("reference") or row.get("name"), row.get("title") or row.get("description")) for row in rows)
    lines = [f"- {name}: {_cell(title)}\n" for name, title in pairs]
    await context.show(f"{say('github.found', total=found.total, shown=len(rows))}\n\n" + "".join(lines))
    return {"found": rows, "total": found.total, "there_are_more": found.has_more}


async def _pull_request(github: Api, item: Mapping[str, Any]) -> dict[str, object]:
    repository, number = _name_of(item), int(item["number"])
    # Neither the search nor a list says how large a pull request is or who was asked.
    return {**_headline(item, repository), **await _reviewed(github, f"/repos/{repository}/pulls/{number}")}


async def _reviewed(github: Api, path: str) -> dict[str, object]:
    pull = await get_object(github, path)
    reviews = (await get_list(github, f"{path}/reviews", _MAX_COMMENTS)).items
    asked = [_login(person) for person in as_list(pull.get("requested_reviewers"))]
    asked += [str(team.get("slug")) for team in as_list(pull.get("requested_teams"))]
    return {
        "review_state": review_state(reviews, asked, is_draft=bool(pull.get("draft"))),
        "waiting_for": asked,
        "changed_lines": int(pull.get("additions", 0)) + int(pull.get("deletions", 0)),
    }


async def _pull_details(github: Api, path: str) -> dict[str, object]:
    reviews = await get_list(github, f"{path}/reviews", _MAX_COMMENTS)
    remarks = await get_list(github, f"{path}/comments", _MAX_COMMENTS)
    return {
        **await _reviewed(github, path),
        "reviews": [{**_remark(review), "state": review.get("state")} for review in reviews.items],
        "remarks_on_code": [{**_remark(remark), "file": remark.get("path")} for remark in remarks.items],
    }


def review_state(reviews: Sequence[Mapping[str, Any]], asked: Sequence[str], *, is_draft: bool) -> str:
    """Return where the review stands: the last word of each reviewer counts, comments alone are none."""
    last: dict[str, str] = {}
    for review in reviews:
        if review.get("state") in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            last[_login(review.get("user"))] = str(review["state"])
    # Whoever is asked again has not spoken yet.
    words = {state for person, state in last.items() if person not in asked}
    if "CHANGES_REQUESTED" in words:
        return say("github.changes_requested")
    if is_draft:
        return say("github.draft")
    if "APPROVED" in words:
        return say("github.approved")
    return say("github.waiting_for_review") if asked else say("github.nobody_asked")


def _headline(item: Mapping[str, Any], repository: str) -> dict[str, object]:
    return {
        "reference": f"{repository}#{item['number']}",
        "kind": "pull request" if "pull_request" in item else "issue",
        "title": item.get("title"),
        "state": item.get("state"),
        "author": _login(item.get("user")),
        "labels": [label.get("name") for label in as_list(item.get("labels"))],
        "updated_at": item.get("updated_at"),
        "address": item.get("html_url"),
    }


def _repository(item: Mapping[str, Any]) -> dict[str, object]:
    return {"name": item.get("full_name"), "description": item.get("description"), "address": item.get("html_url")}


def _remark(item: Mapping[str, Any]) -> dict[str, object]:
    return {
        "author": _login(item.get("user")),
        "at": item.get("created_at") or item.get("submitted_at"),
        "text": _cut(item.get("body")),
    }


def _login(person: object) -> str:
    # A deleted account is null.
    return str(person.get("login")) if is_object(person) else "ghost"


def _name_of(item: Mapping[str, Any]) -> str:
    match = _REPOSITORY_URL.fullmatch(str(item.get("repository_url", "")))
    return match[1] if match else "unknown/unknown"


def _cut(text: object) -> str:
    value = text if isinstance(text, str) else ""
    return value if len(value) <= _MAX_TEXT else say("github.cut", text=value[:_MAX_TEXT], characters=len(value))


def _pulls_table(pulls: Sequence[Mapping[str, Any]], found: Page) -> str:
    if not pulls:
        return f"{say('github.no_pulls')}\n"
    rows = [
        f"| [{pull['reference']}]({pull['address']}) | {_cell(pull['title'])} | {pull['review_state']} | "
        f"{', '.join(pull['waiting_for']) or '-'} |\n"
        for pull in pulls
    ]
    more = f"\n{say('github.more_pulls', total=found.total)}\n" if found.has_more else ""
    return f"{say('github.pulls_head')}\n| --- | --- | --- | --- |\n{''.join(rows)}{more}"


def _page_of(shown: Mapping[str, Any]) -> str:
    title, reference = _cell(shown["title"]), shown["reference"]
    head = say("github.headline", title=title, reference=reference, state=shown["state"], author=shown["author"])
    lines = [head, "", escape_markdown(shown["body"]), ""]
    if "review_state" in shown:
        lines += [say("github.review", state=shown["review_state"]), ""]
    remarks = [*shown["discussion"], *shown.get("reviews", []), *shown.get("remarks_on_code", [])]
    for remark in sorted(remarks, key=lambda one: str(one["at"])):
        state = f" ({remark['state'].lower().replace('_', ' ')})" if remark.get("state") else ""
        lines += [f"> **{remark['author']}**{state}: {_cell(remark['text'])}", ""]
    return "\n".join(lines)


def _cell(text: object) -> str:
    return escape_markdown(" ".join(str(text).split())).replace("|", "\\|")
