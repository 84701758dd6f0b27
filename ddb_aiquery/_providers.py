"""Providers that need no file: one row each, from which `provider/model` names become Endpoints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor or server: its usual base URL, and the environment variables that its users already have.

    `${VAR}` in the base URL is read from the environment; `url_variable` names one that replaces the whole. A row
    without a dialect of its own (DIALECTS in `_transport`) is spoken to as OpenAI is.
    """

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
    Provider("cohere", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
    Provider("azure", "", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
    Provider(
        "bedrock",
        "https://bedrock-runtime.${AWS_REGION}.amazonaws.com/openai/v1",
        "AWS_BEARER_TOKEN_BEDROCK",
        "BEDROCK_OPENAI_BASE_URL",
    ),
    Provider("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    Provider("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    Provider("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    Provider("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    Provider("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN"),
    Provider("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    Provider("databricks", "", "DATABRICKS_TOKEN", "DATABRICKS_HOST"),
    Provider("ollama", "http://127.0.0.1:11434/v1", "OLLAMA_API_KEY", "OLLAMA_BASE_URL", needs_key=False),
    Provider("vllm", "http://127.0.0.1:8000/v1", "VLLM_API_KEY", "VLLM_BASE_URL", needs_key=False),
    Provider("lmstudio", "http://127.0.0.1:1234/v1", "LMSTUDIO_API_KEY", "LMSTUDIO_BASE_URL", needs_key=False),
    Provider("llamacpp", "http://127.0.0.1:8080/v1", "LLAMACPP_API_KEY", "LLAMACPP_BASE_URL", needs_key=False),
)

PROVIDERS = {row.name: row for row in _ROWS}
