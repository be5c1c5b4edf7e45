"""The keys of `skill.yaml` before there were `capabilities`; files that have them keep working."""

from agentroster.skills.capability_options import Declared, Domain, ModelType


class EarlierPermissions(Declared):
    """What a skill may do, as it was written before: hosts, and what it may write beside a model."""

    write_metadata: bool = False
    write_previews: bool = False
    network_domains: tuple[Domain, ...] = ()


class EarlierKeys(Declared):
    """Without `capabilities` these keys declare what the skill is handed, which was all there is."""

    credentials: tuple[str, ...] = ()
    permissions: EarlierPermissions = EarlierPermissions()
    model_type_filter: tuple[ModelType, ...] | None = None

    def as_capabilities(self, *, everything: bool) -> dict[str, dict[str, object]]:
        """Return the same in today's form; `everything` adds what was handed out without being declared."""
        permissions = self.permissions
        library: dict[str, object] = {}
        if permissions.write_metadata or permissions.write_previews or self.model_type_filter is not None:
            library = {
                "write_metadata": permissions.write_metadata,
                "write_previews": permissions.write_previews,
                "types": self.model_type_filter,
            }
        found: dict[str, dict[str, object]] = {
            "http": {"hosts": permissions.network_domains} if permissions.network_domains else {},
            "accounts": {"providers": self.credentials} if self.credentials else {},
            "library": library,
            "memory": {},
        }
        return {name: options for name, options in found.items() if options or everything}
