"""The GitHub tools. They only read, and only with the account that the caller connected."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentroster import Api, BadInput, SkillContext, escape_markdown
from agentroster.builtin.skills.github.rest import Page, get, get_list, get_object

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
    name = f" ({me['name']})" if me.get("name") else ""
    await context.show(
        f"You are **{me['login']}**{name} on GitHub. Rights: {', '.join(scopes) or 'as the token says'}.\n"
    )
    return {"login": me["login"], "name": me.get("name"), "scopes": scopes}


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
        raise BadInput("Name it as owner/repository#number, or give its web address.")
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
        shown |= await _pull_details(github, repository, number)
    await context.show(_page_of(shown))
    return shown


async def github_search(
    context: SkillContext, /, query: str, kind: str = "issues", most: int = 20
) -> dict[str, object]:
    """Return what GitHub's search finds."""
    github = await context.accounts.open("github")
    found = await get_list(github, f"/search/{kind}", most, {"q": query})
    rows = [_repository(item) if kind == "repositories" else _headline(item, _name_of(item)) for item in found.items]
    lines = [
        f"- {row.get('reference') or row.get('name')}: {_cell(row.get('title') or row.get('description'))}"
        for row in rows
    ]
    await context.show("\n".join([f"{found.total} found, {len(rows)} shown:", "", *lines]) + "\n")
    return {"found": rows, "total": found.total, "there_are_more": found.has_more}


async def _pull_request(github: Api, item: Mapping[str, Any]) -> dict[str, object]:
    repository = _name_of(item)
    # Neither the search nor a list says how large a pull request is or who was asked.
    return {**_headline(item, repository), **await _reviewed(github, repository, int(item["number"]))}


async def _reviewed(github: Api, repository: str, number: int) -> dict[str, object]:
    path = f"/repos/{repository}/pulls/{number}"
    pull = await get_object(github, path)
    reviews = (await get_list(github, f"{path}/reviews", _MAX_COMMENTS)).items
    asked = [_login(person) for person in _objects(pull.get("requested_reviewers"))]
    asked += [str(team.get("slug")) for team in _objects(pull.get("requested_teams"))]
    return {
        "review_state": review_state(reviews, asked, is_draft=bool(pull.get("draft"))),
        "waiting_for": asked,
        "changed_lines": int(pull.get("additions", 0)) + int(pull.get("deletions", 0)),
    }


async def _pull_details(github: Api, repository: str, number: int) -> dict[str, object]:
    path = f"/repos/{repository}/pulls/{number}"
    reviews = await get_list(github, f"{path}/reviews", _MAX_COMMENTS)
    remarks = await get_list(github, f"{path}/comments", _MAX_COMMENTS)
    return {
        **await _reviewed(github, repository, number),
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
        return "changes requested"
    if is_draft:
        return "draft"
    if "APPROVED" in words:
        return "approved"
    return "waiting for review" if asked else "nobody was asked yet"


def _headline(item: Mapping[str, Any], repository: str) -> dict[str, object]:
    return {
        "reference": f"{repository}#{item['number']}",
        "kind": "pull request" if "pull_request" in item else "issue",
        "title": item.get("title"),
        "state": item.get("state"),
        "author": _login(item.get("user")),
        "labels": [label.get("name") for label in _objects(item.get("labels"))],
        "updated_at": item.get("updated_at"),
        "address": item.get("html_url"),
    }


def _repository(item: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: item.get(key)
        for name, key in (("name", "full_name"), ("description", "description"), ("address", "html_url"))
    }


def _remark(item: Mapping[str, Any]) -> dict[str, object]:
    return {
        "author": _login(item.get("user")),
        "at": item.get("created_at") or item.get("submitted_at"),
        "text": _cut(item.get("body")),
    }


def _login(person: object) -> str:
    # A deleted account is null.
    return str(cast("dict[str, object]", person).get("login")) if isinstance(person, dict) else "ghost"


def _objects(value: object) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", value) if isinstance(value, list) else []


def _name_of(item: Mapping[str, Any]) -> str:
    match = _REPOSITORY_URL.fullmatch(str(item.get("repository_url", "")))
    return match[1] if match else "unknown/unknown"


def _cut(text: object) -> str:
    value = text if isinstance(text, str) else ""
    return value if len(value) <= _MAX_TEXT else f"{value[:_MAX_TEXT]} [cut: {len(value)} characters in all]"


def _pulls_table(pulls: Sequence[Mapping[str, Any]], found: Page) -> str:
    if not pulls:
        return "You have no open pull requests.\n"
    rows = [
        f"| [{pull['reference']}]({pull['address']}) | {_cell(pull['title'])} | {pull['review_state']} | "
        f"{', '.join(pull['waiting_for']) or '-'} |"
        for pull in pulls
    ]
    more = f"\n{found.total} in all; these are the most recently updated.\n" if found.has_more else ""
    return (
        "\n".join(["| Pull request | Title | Review | Waiting for |", "| --- | --- | --- | --- |", *rows]) + "\n" + more
    )


def _page_of(shown: Mapping[str, Any]) -> str:
    lines = [
        f"**{_cell(shown['title'])}** ({shown['reference']}, {shown['state']}, by {shown['author']})",
        "",
        escape_markdown(shown["body"]),
        "",
    ]
    if "review_state" in shown:
        lines += [f"Review: {shown['review_state']}", ""]
    remarks = [*shown["discussion"], *shown.get("reviews", []), *shown.get("remarks_on_code", [])]
    for remark in sorted(remarks, key=lambda one: str(one["at"])):
        state = f" ({remark['state'].lower().replace('_', ' ')})" if remark.get("state") else ""
        lines.append(f"> **{remark['author']}**{state}: {_cell(remark['text'])}")
        lines.append("")
    return "\n".join(lines)


def _cell(text: object) -> str:
    return escape_markdown(" ".join(str(text).split())).replace("|", "\\|")
