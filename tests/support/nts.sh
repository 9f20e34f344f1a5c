#!/bin/sh
# A broker's machine that tells the time, and a gateway that asks it once, both with their files as rendered.
# Usage, in namespaces of its own: nts.sh BROKER CERTIFICATE KEY GATEWAY, where BROKER and GATEWAY mirror /
set -eu
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/chrony
mount -t tmpfs tmpfs /etc/chrony
mkdir /run/chrony
chmod 750 /run/chrony
cp -r "$1/etc/chrony/conf.d" "$4/etc/chrony/chrony.conf" /etc/chrony
cp "$2" /etc/chrony/nts.crt
cp "$3" /etc/chrony/nts.key
echo "local stratum 1
confdir /etc/chrony/conf.d" >/etc/chrony/broker.conf
chronyd -u root -x -d -f /etc/chrony/broker.conf >&2 &
broker=$!
# Asks until it knows, for 20 s at most, says by how much the clock is wrong and sets nothing.
asked=0
chronyd -u root -x -Q -t 20 -f "$4/etc/chrony/chrony.conf" || asked=$?
kill "$broker"
exit "$asked"
