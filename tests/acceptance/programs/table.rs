//! The programs: how each is prepared, given data, asked, and made to fail.

/// A program with a definition in `examples/programs`.
pub(crate) struct Program {
    /// The id of the service, and the name of its definition.
    pub(crate) id: &'static str,
    /// What the text above the definition tells the reader to do, and what the test needs.
    pub(crate) prepare: &'static str,
    /// A replacement in the definition after which the program does not start.
    pub(crate) broken: (&'static str, &'static str),
    pub(crate) client: Client,
}

/// How a test asks a program, by shell scripts.
pub(crate) enum Client {
    /// It keeps data: `write` stores the number `$n`, and `read` prints all numbers.
    Data { write: &'static str, read: &'static str },
    /// It keeps none: the script fails unless there is an answer.
    Answers(&'static str),
}

use Client::{Answers, Data};

/// Asks each instance of a service that got its ports from conductor.
const EACH_INSTANCE: &str = r#"
    ports=$(conductor status --id "$id" --output json | grep -o '"port":[0-9]*' | cut -d : -f 2)
    test "$(echo "$ports" | wc -l)" = 2
    for port in $ports; do curl -sSf "127.0.0.1:$port/" | grep -q '^Hello from'; done"#;

/// Compares the series with those that the exporter has without a sandbox, by name; the file systems also by
/// value.
const SERIES: &str = r#"
    series() {
        curl -sSf --retry 50 --retry-connrefused --retry-delay 1 "127.0.0.1:$1/metrics" >"/srv/$1"
        sed -n 's/^\(node_[a-z0-9_]*\).*/\1/p; /^node_filesystem_readonly/p' "/srv/$1" | sort -u
    }
    systemctl is-active --quiet bare.service || systemd-run --quiet --unit bare \
        --property User=prometheus prometheus-node-exporter --web.listen-address=127.0.0.1:9101
    series 9101 >/srv/bare
    series 9100 | diff /srv/bare - >&2
    grep -q '^node_scrape_collector_success{collector="netdev"} 1' /srv/9100"#;

pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        id: "redis",
        prepare: "",
        broken: ("--logfile", "--no-such, x, --logfile"),
        // It saves when it stops. What it has not saved when it is killed, it loses by itself.
        client: Data {
            write: "redis-cli rpush log $n; [ $n != 4 ] || redis-cli save",
            read: "redis-cli lrange log 0 -1",
        },
    },
    Program {
        id: "postgresql",
        prepare: "",
        broken: ("/bin/postgres\n", "/bin/postgres\n  - --no_such=1\n"),
        // Another user than the server's: peer authentication.
        client: Data {
            write: "if [ $n = 1 ]; then
                        runuser -u postgres -- createuser operator
                        runuser -u postgres -- createdb --owner operator operator
                    fi
                    runuser -u operator -- psql -qc \
                        \"create table if not exists log (n int); insert into log values ($n)\"",
            read: "runuser -u operator -- psql -Atc 'select n from log order by n'",
        },
    },
    Program {
        id: "mariadb",
        prepare: "",
        broken: ("/mariadbd]", "/mariadbd, --no-such]"),
        client: Data {
            write: "if [ $n = 1 ]; then
                        mariadb -e 'create database log; grant all on log.* to operator
                            identified via unix_socket'
                    fi
                    runuser -u operator -- mariadb log -e \
                        \"create table if not exists log (n int); insert into log values ($n)\"",
            read: "runuser -u operator -- mariadb log -Ne 'select n from log order by n'",
        },
    },
    Program {
        id: "rabbitmq",
        // As Debian's installer writes it.
        prepare: "echo \"127.0.1.1 $(hostname)\" >>/etc/hosts",
        broken: ("env: {", "env: {RABBITMQ_NODE_PORT: none, "),
        client: Data {
            write: "python3 /usr/local/lib/queue.py $n",
            read: "python3 /usr/local/lib/queue.py; rabbitmqctl -q status >/dev/null",
        },
    },
    Program {
        id: "prometheus",
        prepare: "sed -Ei 's/(scrape_interval|scrape_timeout): .*/\\1: 1s/' \
                      /etc/prometheus/prometheus.yml",
        broken: ("--web.listen", "--no-such"),
        // Its own series at a time.
        client: Data {
            write: r#"ask() { curl -sSgf "http://127.0.0.1:9090/api/v1/query?time=$1&query=count_over_time(prometheus_build_info[3s])" | grep -q '"value"'; }
                until time=$(date +%s) && ask "$time"; do sleep 0.1; done; echo "$n $time" >>/srv/samples"#,
            read: r#"ask() { curl -sSgf "http://127.0.0.1:9090/api/v1/query?time=$1&query=count_over_time(prometheus_build_info[3s])" | grep -q '"value"'; }
                while read -r n time; do if ask "$time"; then echo "$n"; fi; done </srv/samples"#,
        },
    },
    Program {
        id: "caddy",
        prepare: "printf 'localhost {\\n\\trespond ok\\n}\\n' >>/etc/caddy/Caddyfile",
        broken: ("run, ", "run, --no-such, "),
        // Its certificates are signed by the authority that it made first.
        client: Data {
            write: "ca=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt
                    until curl -sSf --cacert $ca https://localhost/; do sleep 0.1; done
                    cp $ca /srv/ca.$n",
            read: "curl -sSf http://127.0.0.1/ | grep -q Caddy
                   for n in $(ls /srv/ca.* | cut -d . -f 2); do
                       test \"$(curl -sSf --cacert /srv/ca.$n https://localhost/)\" = ok && echo $n
                   done",
        },
    },
    Program {
        id: "haproxy",
        prepare: "printf '%s\\n' 'listen web' 'bind 127.0.0.1:81' \
                      'http-request return status 200 content-type text/plain string ok' \
                      >>/etc/haproxy/haproxy.cfg",
        broken: ("-db, ", "-db, --no-such, "),
        client: Answers("test \"$(curl -sSf 127.0.0.1:81)\" = ok"),
    },
    Program {
        id: "memcached",
        prepare: "",
        broken: ("--port", "--no-such=1, --port"),
        client: Answers(
            "bash -ec 'exec 3<>/dev/tcp/127.0.0.1/11211; printf \"version\\r\\nquit\\r\\n\" >&3; \
                 grep -q VERSION <&3'",
        ),
    },
    Program {
        id: "node_exporter",
        prepare: "mkdir /home/disk; echo 'tmpfs /home/disk tmpfs size=1m 0 0' >>/etc/fstab; mount /home/disk",
        broken: ("--web.listen", "--no-such"),
        client: Answers(SERIES),
    },
    Program {
        id: "gunicorn",
        prepare: "",
        broken: ("--chdir", "--no-such, --chdir"),
        client: Answers(EACH_INSTANCE),
    },
    Program {
        id: "node",
        prepare: "echo Hello >/etc/node-greeting; chmod 600 /etc/node-greeting",
        broken: ("server.js", "none.js"),
        client: Answers(EACH_INSTANCE),
    },
    Program {
        id: "java",
        prepare: "",
        broken: ("-XX:", "-XX:+NoSuch, -XX:"),
        client: Answers(EACH_INSTANCE),
    },
];
