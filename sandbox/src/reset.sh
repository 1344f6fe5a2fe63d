# Stops and forgets every conductor unit of one service manager, every conductor container, tags of the
# tests' image, and nginx with everything that was added to its configuration; prints nothing if all is well.
#
# usage: sh -ec reset.sh --system|--user UNIT-DIRECTORY TIMER-STAMPS OTHER-DIRECTORY...

manager=$0 units=$1 stamps=$2
shift 2

# Asks only engines that were used since boot, because Docker would have to be started.
remove_containers() {
    [ "$manager" = --system ] || return 0
    if [ -n "$(ls /var/lib/docker/containers 2>/dev/null)" ]; then
        systemctl start docker.service
        remove_containers_of docker
    fi
    if [ -e /var/lib/containers/storage/db.sql ]; then
        remove_containers_of podman --time 0
        remove_pods
    fi
}

# Repeated, because Docker fails for a container that just removes itself, and Podman does once for one
# whose conmon was killed.
remove_containers_of() {
    engine=$1
    shift
    tries=0
    while held=$("$engine" ps --all --quiet --filter 'name=^conductor-') && [ -n "$held" ]; do
        tries=$((tries + 1))
        # shellcheck disable=SC2086 # a list of hexadecimal numbers
        if [ $tries -lt 50 ]; then
            "$engine" rm --force "$@" $held >/dev/null 2>&1 || sleep 0.1
        else
            "$engine" rm --force "$@" $held >/dev/null
        fi
    done
}

# Those of a test that failed. Removed twice, as a container whose conmon was killed.
remove_pods() {
    for pod in $(podman pod ls --quiet); do
        podman pod rm --force --time 0 "$pod" >/dev/null 2>&1 \
            || podman pod rm --force --time 0 "$pod" >/dev/null
    done
}

# The image has the tags v1 and v2; others are what a test called it, or those of releases. Docker that does not run has been
# given none since.
remove_tags() {
    [ "$manager" = --system ] || return 0
    if systemctl is-active --quiet docker.service; then
        remove_tags_of docker
    fi
    if [ -e /var/lib/containers/storage/db.sql ]; then
        remove_tags_of podman
    fi
}

remove_tags_of() {
    # podman lists all names of an image, whichever was asked for.
    others=$("$1" images --format '{{.Repository}}:{{.Tag}}' \
        | sed -n -e '/none/d' -e '/^localhost\/app:v[12]$/d' -e '/^localhost\/\(app\|conductor\):/p')
    # shellcheck disable=SC2086 # a list of names
    [ -z "$others" ] || "$1" rmi $others >/dev/null
}

# Killed first, because stopping waits for connections.
stop_nginx() {
    [ "$manager" = --system ] || return 0
    rm -f /etc/nginx/conf.d/*
    if [ -e /run/nginx.pid ] || systemctl --quiet is-failed nginx.service; then
        systemctl kill --signal=KILL nginx.service 2>/dev/null || true
        systemctl stop nginx.service
        rm -f /run/nginx.pid
        # Not a unit that is held any more, maybe.
        systemctl reset-failed nginx.service 2>/dev/null || true
    fi
}

stop_nginx
held=$(systemctl "$manager" list-units --all --plain --no-legend 'conductor-*')
# Units and the links to them in *.wants/, and the stamps of persistent timers.
files=$(find "$units" "$stamps" "$@" -name '*conductor*' 2>/dev/null || true)
if [ -z "$held$files" ]; then
    remove_containers
    remove_tags
    exit 0
fi

find "$units" -name 'conductor-*' -prune -exec rm -rf {} + 2>/dev/null || true
# What sockets are in is mounted twice, and one of the two is read-only.
if [ "$manager" = --system ]; then
    umount --lazy /run/conductor/sockets /run/conductor/private/sockets 2>/dev/null || true
fi
rm -rf "$stamps"/stamp-conductor-* "$@"

# Killed between two stops, because nobody wants to wait for TimeoutStopSec=, and a unit that is
# being stopped is not restarted. A slice waits for its containers, so they have to go before it; a
# client that was killed may have left one after that.
# A unit that is gone between being listed and being stopped is an error, so only the last try counts.
systemctl "$manager" stop --no-block 'conductor-*' 2>/dev/null || true
systemctl "$manager" kill --signal=KILL 'conductor-*' 2>/dev/null || true
remove_containers
systemctl "$manager" stop 'conductor-*' 2>/dev/null || systemctl "$manager" stop 'conductor-*'
remove_containers
remove_tags
systemctl "$manager" daemon-reload
systemctl "$manager" reset-failed 'conductor-*'
