#!/bin/sh
# Two networks, a gateway's with rules of nftables and a neighbour's, and a cable between them; then cable.py tries WAYS.
# Usage, in namespaces of its own: cable.sh RULES WAYS
set -eu
PATH=$PATH:/usr/sbin:/sbin
mount -t tmpfs tmpfs /run
ip netns add gateway
ip link add cable type veth peer name eth0 netns gateway
ip address add 192.168.1.50/24 dev cable
ip address add 192.168.1.51/24 dev cable
ip link set cable up
ip link set lo up
ip -n gateway address add 192.168.1.2/24 dev eth0
ip -n gateway link set eth0 up
ip -n gateway link set lo up
ip netns exec gateway nft -f "$1"
exec python3 "$(dirname "$0")/cable.py" "$2"
