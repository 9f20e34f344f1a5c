#!/bin/sh
# The agent must run on a gateway that has nothing of the server. The developers' environment holds every package and
# would hide a forbidden import, so this builds one with the agent alone.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
UV_PROJECT_ENVIRONMENT="$folder/venv" "$root/.uv/uv" sync --quiet --locked --project "$root" --package stillcold-agent --no-dev
bin="$folder/venv/bin"
"$bin/python" "$root/tools/check_agent_alone.py"
cat >"$folder/agent.toml" <<TOML
gateway = "gw-1"
data_dir = "$folder/data"

[[bus]]
id = "hall"
kind = "tcp"
host = "127.0.0.1"

[[device]]
bus = "hall"
unit = 1
profile = "eastron-sdm630"
point = "p-1"
TOML
cd "$folder"
"$bin/stillcold-agent" --help >help
"$bin/stillcold-agent" check-config --config agent.toml >plan
grep -q "ed25519:" plan
"$bin/stillcold-agent" render-broker --out broker >files
grep -q "/etc/mosquitto/mosquitto.conf" files
du -sm "$folder/venv" | awk '{print "agent alone: its environment takes " $1 " MB"}'
