#!/bin/sh
# Mounts what the image's fstab says, after the folders that its unit makes, and prints where what was written is.
# Runs in the root of image.sh.
set -eu
PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
$(sed -n 's/^ExecStart=//p' /etc/systemd/system/stillcold-data.service)
mount -a -t noext4,novfat
for place in /etc /opt /usr /usr/local /boot /root /tmp /var/log /var/lib /var/lib/stillcold-agent /var/lib/chrony /var/lib/systemd \
    /etc/stillcold /etc/NetworkManager/system-connections; do
    if mkdir -p "$place" 2>/dev/null && touch "$place/written" 2>/dev/null; then echo "$place"; fi
done
echo kept
cd /data
find . -name written
stat -c '%U %a %n' agent
