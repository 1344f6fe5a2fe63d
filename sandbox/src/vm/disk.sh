# Makes what virtual machines boot: Debian's cloud kernel as `kernel`, and the sandbox's tree with that
# kernel's modules and the agent as an ext4 image, `root.ext4`.
#
# usage: unshare --mount sh -ec disk.sh DIRECTORY TREE RELEASE AGENT-SCRIPT AGENT-UNIT
#
# In a mount namespace of its own, so that no mount outlives this script.

tree=$1 release=$2 script=$3 unit=$4
cd "$0"

# Only unpacked: installing a kernel also makes an initial RAM disk, which takes long. None is needed,
# because the drivers of NVMe and of ext4 are built in.
mmdebstrap --quiet --mode=root --variant=extract --include=linux-image-cloud-amd64 "$release" debian
mv debian/boot/vmlinuz-* kernel

mkdir -p layer/usr/lib layer/usr/local/sbin layer/var layer/mnt
mv debian/usr/lib/modules layer/usr/lib/modules
ln -s usr/lib layer/lib
depmod --basedir layer "$(ls layer/usr/lib/modules)"
rm -r --one-file-system layer/lib debian

units=layer/etc/systemd/system
mkdir -p $units/multi-user.target.wants layer/etc/containers/containers.conf.d
printf '%s\n' "$script" >layer/usr/local/sbin/vm-agent
printf '%s\n' "$unit" >$units/vm-agent.service
ln -s ../vm-agent.service $units/multi-user.target.wants/
# Here are modules: what the tree masks is unmasked. systemd loads what disk images need by it.
cp "$tree/usr/lib/systemd/system/modprobe@.service" $units/
# Here are all controllers, so podman's usual limits are taken back.
: >layer/etc/containers/containers.conf.d/sandbox.conf
# Says that ldconfig and its like have seen this /usr, although it is newer than the tree's.
touch layer/etc/.updated layer/var/.updated

mkdir merged
mount -t overlay -o "ro,lowerdir=layer:$tree" overlay merged
truncate --size=4G root.ext4
# Without lazy initialization, which would keep each machine's disk busy after its first boot.
mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -d merged root.ext4
umount merged
rm -r --one-file-system layer merged
