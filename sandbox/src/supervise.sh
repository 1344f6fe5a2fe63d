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

(echo 0 >"$cgroup/cgroup.procs" && exec "$@" 3<&-) &
nspawn=$!

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

wait "$nspawn"
kill "$watcher"
wait "$watcher"

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
