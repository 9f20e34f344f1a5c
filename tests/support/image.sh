#!/bin/sh
# A gateway's root as its image has it, with files for partitions, read-only, in mounts of its own; then a script in it.
# Usage, as root in a mount namespace: image.sh RENDERED FOLDER SCRIPT [ARGUMENT…]; SCRIPT and FOLDER are /folder there
set -eu
PATH=$PATH:/usr/sbin:/sbin
rendered=$1 folder=$2
shift 2
root=$folder/root
mkdir "$root"
mount -t tmpfs tmpfs "$root"
cd "$root"
mkdir -p usr proc dev run tmp data folder boot etc/stillcold etc/NetworkManager/system-connections \
    var/lib/stillcold-agent var/lib/chrony var/lib/systemd
for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
cp -r "$rendered/." .
cp /etc/machine-id etc/ 2>/dev/null || echo 0123456789abcdef0123456789abcdef >etc/machine-id
echo 'root:x:0:0::/root:/bin/sh' >etc/passwd
echo 'root:x:0:' >etc/group
echo 'u _chrony - "chronyd"' >etc/sysusers.d/chrony.conf
systemd-sysusers --root="$root" 2>/dev/null
mount -t tmpfs tmpfs dev
cp -a /dev/null /dev/zero /dev/random /dev/urandom dev
if [ -e /dev/loop-control ]; then cp -a /dev/loop* dev; fi
mkdir -p dev/disk/by-partlabel
for label in root-a root-b boot-a boot-b; do head -c 1048576 /dev/zero >"dev/disk/by-partlabel/$label"; done
# What the image has from its packages.
mkdir usr-local
cp -r "$rendered/usr/local/." usr-local
mount --bind /usr usr
mount -o remount,ro,bind usr
mount --bind usr-local usr/local
mount -o remount,ro,bind usr/local
mount --rbind /proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs data
mount -t tmpfs tmpfs boot/autoboot
cp "$rendered/boot/autoboot/autoboot.txt" boot/autoboot
mount --bind "$folder" folder
mount -o remount,ro "$root"
exec chroot . "$@"
