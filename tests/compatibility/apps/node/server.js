// What Node's own http module receives: heads as they come, bodies counted and digested.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const BLOCK = Buffer.alloc(1 << 20, "hatch");

function digest(request, response) {
  const hash = createHash("sha256");
  let bytes = 0;
  request.on("data", (piece) => {
    hash.update(piece);
    bytes += piece.length;
  });
  request.on("end", () => response.end(JSON.stringify({ bytes, sha256: hash.digest("hex") })));
}

function blocks(response, count) {
  let sent = 0;
  const more = () => {
    while (sent < count) {
      sent += 1;
      if (!response.write(BLOCK)) return void response.once("drain", more);
    }
    response.end();
  };
  more();
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/digest") return digest(request, response);
  if (url.pathname === "/blocks") return blocks(response, Number(url.searchParams.get("count")));
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ url: request.url, headers: request.rawHeaders }));
});

server.on("upgrade", (request, socket) => {
  const body = JSON.stringify({ url: request.url, headers: request.rawHeaders });
  socket.end(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n${body}`);
});

server.listen(3000);
