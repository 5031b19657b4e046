"""TOOLS: tool servers that steps call, and what is served offered as tools. The SDK is an extra, loaded when used."""
