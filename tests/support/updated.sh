#!/bin/sh
# Updates a gateway with real RAUC, in the root of image.sh: what each step leaves is printed, a step a line.
# /folder has the bundles good.raucb, changed.raucb and stranger.raucb, and the authority keyring.pem.
set -eu
PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
slots=/dev/disk/by-partlabel
mkdir /run/systemd
cp /folder/*.raucb /data
# The kernel of the tests may have no device mapper, which the other format of bundles needs.
sed 's/^bundle-formats=.*//; s|^path=.*|path=/folder/keyring.pem|' /etc/rauc/system.conf >/data/plain.conf
sed 's|^path=.*|path=/folder/keyring.pem|' /etc/rauc/system.conf >/data/system.conf

serve() { # CONF: the service, on a bus of its own, for the system that /proc/cmdline names
    rauc --conf="$1" service >&2 &
    service=$!
    until gdbus_up; do kill -0 "$service"; done
}

gdbus_up() {
    dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
        string:de.pengutronix.rauc | grep -q "boolean true"
}

start() { # SLOT CONF: the machine starts this system
    if [ -n "${service:-}" ]; then kill "$service"; wait "$service" || true; fi
    rm -f /run/systemd/reboot-param
    echo "root=PARTLABEL=root rauc.slot=$1" >/data/cmdline
    mount --bind /data/cmdline /proc/cmdline
    serve "$2"
}

say() { # STEP: what there is after it
    trial=no next=no
    /usr/local/lib/stillcold/boot-slot on-trial && trial=yes
    [ -e /run/systemd/reboot-param ] && next=$(cat /run/systemd/reboot-param)
    content=$(for slot in root-a boot-a root-b boot-b; do head -c 3 "$slots/$slot" | tr '\0' .; done)
    echo "$1: keeps $(sed -n "s/^boot_partition=//p" /boot/autoboot/autoboot.txt | head -n 1), on trial $trial, next start $next, $content"
}

attempt() { # STEP COMMAND…
    step=$1
    shift
    if "$@" >&2; then done=done; else done=refused; fi
    say "$step $done"
}

start A /data/system.conf
attempt "plain bundle" rauc --conf=/data/system.conf install /data/good.raucb
start A /data/plain.conf
attempt "a stranger's" rauc --conf=/data/plain.conf install /data/stranger.raucb
attempt "a changed one" rauc --conf=/data/plain.conf install /data/changed.raucb
attempt "a gateway's" rauc --conf=/data/plain.conf install /data/gateway.raucb
attempt "a good one" rauc --conf=/data/plain.conf install /data/good.raucb
start A /data/plain.conf
say "power cut"
start B /data/plain.conf
attempt "another on trial" rauc --conf=/data/plain.conf install /data/good.raucb
attempt "commit" rauc --conf=/data/plain.conf status mark-good
start B /data/plain.conf
say "started"
kill "$service"
