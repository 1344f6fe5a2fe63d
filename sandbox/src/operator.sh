# Starts the service manager of the user `operator`, and lets it stay without a session.

if systemctl --quiet is-active systemd-logind.service; then
    # In a unit, because logind asks in which cgroup its caller is.
    systemd-run --quiet --wait loginctl enable-linger operator
else
    # Without logind nobody makes the runtime directory, nor tells the service manager of it.
    mkdir -p /run/systemd/system/user-runtime-dir@.service.d /run/systemd/system/user@.service.d
    cat >/run/systemd/system/user@.service.d/no-logind.conf <<'END'
[Service]
Environment=XDG_RUNTIME_DIR=/run/user/%i SYSTEMD_SECCOMP=0
END
    cat >/run/systemd/system/user-runtime-dir@.service.d/no-logind.conf <<'END'
[Service]
ExecStart=
ExecStart=/usr/bin/install --directory --owner=1000 --group=users --mode=0700 /run/user/1000
ExecStop=
END
    systemctl daemon-reload
fi
systemctl start user@1000.service
