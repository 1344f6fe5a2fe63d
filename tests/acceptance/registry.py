"""A registry on port 5000 with one image, app: its tag `latest` means the version that the file /srv/latest names. The
image keeps data in /data (VOLUME). Only pulls work (OCI distribution specification)."""

import hashlib
import http.server
import json
import tarfile

ARCHIVE = tarfile.open("/usr/share/conductor-sandbox/app.tar")
BLOBS = {}


def read(name):
    return ARCHIVE.extractfile(name).read()


def keep(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    BLOBS[digest] = data
    return {"digest": digest, "size": len(data)}


def manifest(version):
    image = next(it for it in json.loads(read("./manifest.json")) if version in it["RepoTags"][0])
    config = json.loads(read("./" + image["Config"].removeprefix("./")))
    config["config"]["Volumes"] = {"/data": {}}
    kind = "application/vnd.docker."
    layers = [keep(read(layer)) for layer in image["Layers"]]
    made = {
        "schemaVersion": 2,
        "mediaType": kind + "distribution.manifest.v2+json",
        "config": keep(json.dumps(config).encode()) | {"mediaType": kind + "container.image.v1+json"},
        "layers": [it | {"mediaType": kind + "image.rootfs.diff.tar"} for it in layers],
    }
    return json.dumps(made).encode()


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        media, data = "application/octet-stream", b""
        if "/manifests/" in self.path:
            media = "application/vnd.docker.distribution.manifest.v2+json"
            if name.startswith("sha256:"):
                data = BLOBS[name]
            else:
                with open("/srv/latest") as file:
                    data = manifest(file.read().strip())
                keep(data)
        elif "/blobs/" in self.path:
            data = BLOBS[name]
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(data).hexdigest())
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET


http.server.ThreadingHTTPServer(("127.0.0.1", 5000), Registry).serve_forever()
