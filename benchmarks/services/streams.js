// What end_of_a_grant runs in its VM: node streams.js PORT. Every answer is one that does not end by itself.
"use strict";
const { createHash } = require("crypto");
const { createServer } = require("http");

const EVENT_MS = 1000;
const PIECE_MS = 500;
const LENGTH = 2 ** 40;
const SLOW = Buffer.alloc(4096, "s");
const FAST = Buffer.alloc(65536, "f");

const every = (ms, stream, act) => {
  const timer = setInterval(act, ms);
  stream.on("close", () => clearInterval(timer));
};

const routes = {
  // Server-sent events, one a second.
  "/events": (request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: first\n\n");
    every(EVENT_MS, response, () => response.write("data: next\n\n"));
  },
  // A download that the service itself sends slowly.
  "/slow": (request, response) => {
    response.writeHead(200, { "Content-Length": LENGTH });
    response.write(SLOW);
    every(PIECE_MS, response, () => response.write(SLOW));
  },
  // A download as fast as it is read.
  "/fast": (request, response) => {
    response.writeHead(200, { "Content-Length": LENGTH });
    const more = () => {
      while (response.write(FAST));
      response.once("drain", more);
    };
    more();
  },
  // An upload; node answers Expect: 100-continue by itself.
  "/upload": (request, response) => {
    let bytes = 0;
    request.on("data", (piece) => (bytes += piece.length));
    request.on("end", () => response.end(String(bytes)));
  },
};

const server = createServer((request, response) => {
  request.on("error", () => {});
  response.on("error", () => {});
  const route = routes[request.url];
  if (route) route(request, response);
  else response.end("ready");
});

// A WebSocket that gets a message a second (RFC 6455).
server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.on("error", () => {});
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.resume();
  every(EVENT_MS, socket, () => socket.write(Buffer.from("\x81\x04next", "latin1")));
});

server.requestTimeout = 0;
server.listen(Number(process.argv[2]), "127.0.0.1", 2048);
