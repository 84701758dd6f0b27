"""Providers that need no file: one row each, from which `provider/model` names become Endpoints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor or server: its usual base URL, the environment variables its users already have, and its dialect."""

    name: str
    base_url: str
    key_variable: str = ""
    url_variable: str = ""
    needs_key: bool = True


_ROWS = (
    Provider("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    Provider("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    Provider("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    Provider("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    Provider("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    Provider("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    Provider("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    Provider("azure", "", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
    Provider("bedrock", "", "AWS_BEARER_TOKEN_BEDROCK", "BEDROCK_OPENAI_BASE_URL"),
    Provider("databricks", "", "DATABRICKS_TOKEN", "DATABRICKS_HOST"),
    Provider("ollama", "http://127.0.0.1:11434/v1", "OLLAMA_API_KEY", "OLLAMA_BASE_URL", needs_key=False),
    Provider("vllm", "http://127.0.0.1:8000/v1", "VLLM_API_KEY", "VLLM_BASE_URL", needs_key=False),
    Provider("lmstudio", "http://127.0.0.1:1234/v1", "LMSTUDIO_API_KEY", "LMSTUDIO_BASE_URL", needs_key=False),
    Provider("llamacpp", "http://127.0.0.1:8080/v1", "LLAMACPP_API_KEY", "LLAMACPP_BASE_URL", needs_key=False),
)

PROVIDERS = {row.name: row for row in _ROWS}
