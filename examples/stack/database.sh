#!/bin/sh
# Starts PostgreSQL as an image's entrypoint does: an empty data directory is set up first.
set -eu
export PATH="$(echo /usr/lib/postgresql/*/bin):$PATH"
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
    initdb --pgdata="$data" --username=app --auth-local=trust --auth-host=scram-sha-256 \
        --pwfile=/run/secrets/password --encoding=UTF8 --locale=C.UTF-8
    echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories=/tmp
