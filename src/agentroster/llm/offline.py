"""No language model: what an agent says when somebody asks for one."""

TEXT = (
    "No language model is configured here, so I can only do what needs none: /help lists it. "
    "The operator sets one with LLM_PROVIDER, LLM_MODEL and, where needed, LLM_API_BASE and LLM_API_KEY."
)
