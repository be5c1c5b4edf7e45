"""`custom_auth: agentroster.provider.auth.user_api_key_auth`."""

from agentroster.gateway.litellm.auth import user_api_key_auth

__all__ = ["user_api_key_auth"]
