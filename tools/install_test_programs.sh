#!/bin/sh
# Real parts that the tests run against. Tests skip, and say so, where one is missing.
set -eu
packages="mosquitto mosquitto-clients victoria-metrics chromium fonts-noto-cjk mbpoll gcc libc6-dev nftables iproute2 chrony udev rauc squashfs-tools dbus openssl xxd zstd postgresql"
missing=""
for package in $packages; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # a list of words
    apt-get update -qq && apt-get install -qq --yes --no-install-recommends $missing >/dev/null && exit 0
fi
echo "Not installed, tests that need them are skipped:$missing" >&2
