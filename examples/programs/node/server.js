// Says hello, with a secret.
const fs = require("node:fs");
const http = require("node:http");

const greeting = fs.readFileSync(`${process.env.CREDENTIALS_DIRECTORY}/greeting`, "utf8").trim();
const server = http.createServer((request, response) => response.end(`${greeting} from Node\n`));
server.listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
