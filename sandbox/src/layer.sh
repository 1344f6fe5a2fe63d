# Installs Debian packages on top of a tree, and keeps only what differs from it, as a layer for overlayfs.
#
# usage: unshare --mount sh -ec layer.sh DIRECTORY TREE PACKAGE...
#
# DIRECTORY is empty, and is the layer afterwards. In a mount namespace of its own, so that no mount
# outlives this script.

layer=$0 tree=$1
shift
work=$layer.work
rm -rf --one-file-system "$work"
mkdir -p "$work/work" "$work/merged"
cd "$work/merged"
mount -t overlay -o "lowerdir=$tree,upperdir=$layer,workdir=$work/work" overlay .
cd "$work/merged"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs var/lib/apt/lists
mount -t tmpfs tmpfs var/cache/apt

cp /etc/resolv.conf etc/
# Nothing is started, and no unit is enabled: as with the tree, tests see only what they start.
printf '%s\n' '#!/bin/sh' 'exit 101' >usr/sbin/policy-rc.d
chmod +x usr/sbin/policy-rc.d
find etc/systemd/system -type l | sort >"$work/enabled"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
chroot . apt-get -q update
# Files are not synced one by one: nobody uses a layer that is not complete.
chroot . apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install "$@"
find etc/systemd/system -type l | sort | comm -13 "$work/enabled" - | xargs --no-run-if-empty rm -f
rm -f usr/sbin/policy-rc.d
# As in the tree: otherwise ldconfig and similar units would run at each boot.
touch etc/.updated var/.updated

cd /
umount --recursive "$work/merged"
rm -rf --one-file-system "$work"
