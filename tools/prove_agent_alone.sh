#!/bin/sh
# The agent must run on a gateway that has nothing of the server. The developers' environment holds every package and
# would hide a forbidden import, so this builds one with the agent alone.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
UV_PROJECT_ENVIRONMENT="$folder/venv" "$root/.uv/uv" sync --quiet --locked --project "$root" --package stillcold-agent --no-dev
cd "$folder"
bin="$folder/venv/bin"
"$bin/python" "$root/tools/check_agent_alone.py"
"$bin/stillcold-agent" --help >"$folder/help"
cp "$root/firmware_config/agent.toml" "$folder/agent.toml"
"$bin/stillcold-agent" check-config "$folder/agent.toml" >"$folder/plan"
du -sm "$folder/venv" | awk '{print "agent alone: its environment takes " $1 " MB"}'
