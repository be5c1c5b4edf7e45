"""`/roster/api/skills`: what there is, and the beginning of a job."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentroster.agents.rights import Rights
from agentroster.identity.authenticate import Authenticator
from agentroster.identity.caller import Caller
from agentroster.jobs.service import Jobs
from agentroster.skills.capability_options import AccountsOptions, HttpOptions, LibraryOptions
from agentroster.skills.registry import Skill, SkillRegistry
from agentroster.web.api.requests import answering, json_object


@dataclass(frozen=True, slots=True)
class SkillRoutes:
    """Lists skills and executes pipelines, as far as the key permits an agent that carries them."""

    authenticator: Authenticator
    skills: SkillRegistry
    jobs: Jobs
    rights: Rights

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/roster/api/skills", answering(self._list, self.authenticator), methods=["GET"]),
            Route("/roster/api/skills/{name}/execute", answering(self._execute, self.authenticator), methods=["POST"]),
        ]

    async def _list(self, _request: Request, caller: Caller) -> Response:
        self.rights.require_agent(caller)
        skills = [skill for skill in self.skills.all() if self.rights.may_run(caller, skill.manifest.name)]
        return JSONResponse({"data": [_shown(skill) for skill in skills]})

    async def _execute(self, request: Request, caller: Caller) -> Response:
        job = await self.jobs.begin(caller, request.path_params["name"], await json_object(request))
        return JSONResponse({"job_id": job.id, **job.to_json()}, 202, {"location": f"/roster/api/jobs/{job.id}"})


def _shown(skill: Skill) -> dict[str, object]:
    manifest = skill.manifest
    accounts = manifest.options(AccountsOptions) or AccountsOptions()
    library = manifest.options(LibraryOptions) or LibraryOptions()
    http = manifest.options(HttpOptions) or HttpOptions()
    return {
        "name": manifest.name,
        "title": manifest.title,
        "description": manifest.description,
        "kind": manifest.kind,
        "origin": skill.origin,
        "llm_required": manifest.llm_required,
        "input_schema": manifest.input_schema,
        "output_schema": manifest.output_schema,
        "capabilities": {name: options.model_dump(mode="json") for name, options in manifest.declared.items()},
        "credentials": list(accounts.providers),
        "permissions": {
            "write_metadata": library.write_metadata,
            "write_previews": library.write_previews,
            "network_domains": list(http.hosts),
        },
        "tools": [{"name": tool.name, "description": tool.description} for tool in skill.tools],
    }
