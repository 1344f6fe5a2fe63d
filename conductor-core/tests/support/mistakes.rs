//! Mistakes in the three formats, with marks at their places.

/// A mistake in the three formats, marked, and the path and the beginning of the message.
pub(crate) type Mistake = ([&'static str; 3], &'static str, &'static str);

pub(crate) const MISTAKES: &[Mistake] = &[
    (
        [
            "id: «WEB\ncommand: [/x]\n",
            "{\"id\": «\"WEB\", \"command\": [\"/x\"]}",
            "id = «\"WEB\"\ncommand = [\"/x\"]\n",
        ],
        "id",
        "\"WEB\" is not an id",
    ),
    (
        ["«command: [/x]\n", "«{\"command\": [\"/x\"]}", "«command = [\"/x\"]\n"],
        "",
        "the key id is missing",
    ),
    (
        [
            "id: web\ncommand: [/x]\n«prot: 80\n",
            "{\"id\": \"web\", \"command\": [\"/x\"],\n  «\"prot\": 80}",
            "id = \"web\"\ncommand = [\"/x\"]\n«prot = 80\n",
        ],
        "prot",
        "unknown key \"prot\"",
    ),
    (
        [
            "id: web\ndescription: größe\ncommand: [/x, 'ää', «null]\n",
            "{\"id\": \"web\", \"command\": [\"/x\", \"ää\", «true]}",
            "id = \"web\"\ncommand = [\"/x\", \"ää\", «true]\n",
        ],
        "command[2]",
        "expected text, found",
    ),
    (
        [
            "id: web\r\ncommand: [/x]\r\nlimits:\r\n  cpu: 1\r\n  memory: «512Q\r\n",
            "{\"id\": \"web\", \"command\": [\"/x\"],\r\n\"limits\": {\"cpu\": 1,\r\n \"memory\": «\"512Q\"}}",
            "id = \"web\"\r\ncommand = [\"/x\"]\r\n[limits]\r\ncpu = 1\r\nmemory = «\"512Q\"\r\n",
        ],
        "limits.memory",
        "\"512Q\" is not a size",
    ),
    (
        [
            "id: web\ncommand: [/x]\nlimits: {cpu: «-1}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"limits\": {\"cpu\": «-1}}",
            "id = \"web\"\ncommand = [\"/x\"]\nlimits = {cpu = «-1}\n",
        ],
        "limits.cpu",
        "\"-1\" is not an amount of CPU",
    ),
    (
        [
            "id: web\ncommand: [/x]\nport: «70000\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"port\": «70000}",
            "id = \"web\"\ncommand = [\"/x\"]\nport = «70000\n",
        ],
        "port",
        "\"70000\" is not a port",
    ),
    (
        [
            "id: web\ncommand: [/x]\ninstances: «-1\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"instances\": «-1}",
            "id = \"web\"\ncommand = [\"/x\"]\ninstances = «-1\n",
        ],
        "instances",
        "-1 is not a whole number from 0 to 65535",
    ),
    (
        [
            "id: web\ncommand: [/x]\nenv:\n  GOOD: ä\n  «not-good: x\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"env\": {\"GOOD\": \"ä\", «\"not-good\": \"x\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[env]\nGOOD = \"ä\"\n«not-good = \"x\"\n",
        ],
        "env.not-good",
        "\"not-good\" is not the name of an environment variable",
    ),
    (
        [
            "id: web\ncommand: [/x]\nenv: {A: ok, B: «\"a\\0b\"}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"env\": {\"A\": \"ok\", \"B\": «\"a\\u0000b\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\nenv = {A = \"ok\", B = «\"a\\u0000b\"}\n",
        ],
        "env.B",
        "\"a\\0b\" contains a NUL",
    ),
    (
        [
            "id: web\ncommand: [/x]\nruntime: «nativ\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"runtime\": «\"nativ\"}",
            "id = \"web\"\ncommand = [\"/x\"]\nruntime = «\"nativ\"\n",
        ],
        "runtime",
        "unknown value \"nativ\"",
    ),
    (
        [
            "id: web\ncommand: «/x -a\n",
            "{\"id\": \"web\", \"command\": «\"/x -a\"}",
            "id = \"web\"\ncommand = «\"/x -a\"\n",
        ],
        "command",
        "expected a list, found text",
    ),
    (
        [
            "id: web\ncommand: [/x]\nhealth:\n  «http: /ok\n  tcp: true\nport: 80\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"port\": 80, \"health\": «{\"http\": \"/ok\", \"tcp\": true}}",
            "id = \"web\"\ncommand = [\"/x\"]\nport = 80\nhealth = «{http = \"/ok\", tcp = true}\n",
        ],
        "health",
        "exactly one of http, tcp and command is needed",
    ),
    (
        [
            "id: web\ncommand: [/x]\nhealth: {http: «/ok}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"health\": {\"http\": «\"/ok\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\nhealth.http = «\"/ok\"\n",
        ],
        "health.http",
        "the service has no port to check",
    ),
    (
        [
            "id: web\ncommand: [/x]\ncron:\n  tidy:\n    schedule: «'60 * * * *'\n    command: [x]\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"cron\": {\"tidy\": {\"schedule\": «\"60 * * * *\", \"command\": [\"x\"]}}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[cron.tidy]\nschedule = «\"60 * * * *\"\ncommand = [\"x\"]\n",
        ],
        "cron.tidy.schedule",
        "\"60 * * * *\" is not a crontab expression: \"60\" in the minute: not from 0 to 59",
    ),
    (
        [
            "id: web\ncommand: [/x]\nsystemd: {Service: {«ExecStart: /bin/sh}}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"systemd\": {\"Service\": {«\"ExecStart\": \"/bin/sh\"}}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[systemd.Service]\n«ExecStart = \"/bin/sh\"\n",
        ],
        "systemd.Service.ExecStart",
        "ExecStart is set by conductor",
    ),
    (
        [
            "id: web\ncommand: [/x]\nsystemd: {Service: {After: [a, «\"b\\nc\"]}}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"systemd\": {\"Service\": {\"After\": [\"a\", «\"b\\nc\"]}}}",
            "id = \"web\"\ncommand = [\"/x\"]\n[systemd.Service]\nAfter = [\"a\", «\"b\\nc\"]\n",
        ],
        "systemd.Service.After[1]",
        "\"b\\nc\" contains '\\n'",
    ),
    (
        [
            "id: web\ncommand: [/x]\nport: 80\n«port: 81\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"port\": 80,\n «\"port\": 81}",
            "id = \"web\"\ncommand = [\"/x\"]\nport = 80\n«port = 81\n",
        ],
        "",
        "the key \"port\" is given twice",
    ),
    (
        [
            "id: web\ncommand: [/x]\nenv: {A: x, «A: y}\n",
            "{\"id\": \"web\", \"command\": [\"/x\"], \"env\": {\"A\": \"x\", «\"A\": \"y\"}}",
            "id = \"web\"\ncommand = [\"/x\"]\nenv = {A = \"x\", «A = \"y\"}\n",
        ],
        "",
        "the key \"A\" is given twice",
    ),
];
