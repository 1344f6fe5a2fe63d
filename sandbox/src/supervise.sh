# Runs one sandbox and removes every trace of it when it ends, its owner says so, or its owner dies.
#
# usage: sh -c supervise.sh NAME HIERARCHY... -- SYSTEMD-NSPAWN...
#
# The owner holds the other end of standard input and writes nothing: end of file means that it let
# go or died, however it died. Every HIERARCHY is a directory where the cgroup NAME may be; the first
# is cgroup v2. This script stays outside of that cgroup, because it removes it.

cgroup=$1/$0
hierarchies=
while [ "$1" != -- ]; do
    hierarchies="$hierarchies $1/$0"
    shift
done
shift
exec 3<&0 </dev/null

# A tree with layers: LOWER has their paths. What is written is in memory, and stays there over reboots.
root=/run/$0.root
if [ -n "${LOWER-}" ]; then
    mkdir "$root"
    mount -t tmpfs -o mode=0755 tmpfs "$root"
    mkdir "$root/new" "$root/work" "$root/all"
    mkdir -m 0711 "$root/containers" "$root/docker"
    mount -t overlay -o "lowerdir=$LOWER,upperdir=$root/new,workdir=$root/work" overlay "$root/all"
fi

# Killing the payload alone lets systemd-nspawn remove its own directories. Repeated, because the
# payload may not have started yet.
(
    trap exit TERM
    read -r _ <&3
    tries=0
    while [ $tries -lt 40 ]; do
        echo 1 >"$cgroup/payload/cgroup.kill"
        sleep 0.05
        tries=$((tries + 1))
    done
    echo 1 >"$cgroup/cgroup.kill"
) 2>/dev/null &
watcher=$!

# 133 asks whoever runs systemd-nspawn with --keep-unit to start it anew: the sandbox is rebooted.
while :; do
    (echo 0 >"$cgroup/cgroup.procs" && exec "$@" 3<&-) &
    wait "$!"
    [ "$?.${LOWER:+layers}" = 133.layers ] || break
    # shellcheck disable=SC2086 # a list, and cgroup mount points have no spaces
    find $hierarchies -mindepth 1 -depth -type d -exec rmdir {} \; 2>/dev/null
    rmdir "$cgroup" && mkdir "$cgroup"
done
kill "$watcher"
wait "$watcher"
if [ -n "${LOWER-}" ]; then
    umount --recursive --lazy "$root"
    rmdir "$root"
fi

echo 1 >"$cgroup/cgroup.kill"
rm -rf "/run/systemd/nspawn/propagate/$0" "/run/systemd/nspawn/unix-export/$0"
tries=0
while [ $tries -lt 100 ]; do
    # shellcheck disable=SC2086 # a list, and cgroup mount points have no spaces
    find $hierarchies -depth -type d -exec rmdir {} \; 2>/dev/null
    [ -e "$cgroup" ] || exit 0
    sleep 0.02
    tries=$((tries + 1))
done
exit 1
