"""The contract between gateway and server: topics, messages and their encoding. ``docs/wire.md`` says it in words."""
