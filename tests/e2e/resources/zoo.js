// A service with one of each: node zoo.js PORT NAME HOST
"use strict";
const { createHash } = require("crypto");
const { createServer } = require("http");
const { gzipSync } = require("zlib");
const upgrade = require("./websocket.js");

const [port, name, host] = process.argv.slice(2);
const BLOCK = 65536;
const streams = new Set();
const closed = [];
const seen = [];

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>${name}</title>
<h1>Hello from ${name}</h1>
<p id="script"></p>
<p id="socket"></p>
<script src="/app.js"></script>
`;
const APP = `
document.getElementById("script").textContent = "the script ran";
const socket = new WebSocket("ws://" + location.host + "/socket");
socket.onopen = () => socket.send("hello");
socket.onmessage = (event) => {
  document.getElementById("socket").textContent = "the socket said " + event.data;
};
`;

// Blocks that differ, so that a lost or swapped one is noticed.
const sendBlocks = (response, total) => {
  let number = 0;
  const more = () => {
    while (number * BLOCK < total) {
      const block = Buffer.alloc(BLOCK, "x");
      block.writeBigUInt64BE(BigInt(number++));
      if (!response.write(block.subarray(0, Math.min(BLOCK, total - (number - 1) * BLOCK)))) {
        return response.once("drain", more);
      }
    }
    response.end();
  };
  more();
};

const routes = {
  "/": (request, response) => response.end(name),
  "/page": (request, response) => response.setHeader("Content-Type", "text/html").end(PAGE),
  "/app.js": (request, response) => response.setHeader("Content-Type", "text/javascript").end(APP),
  "/echo": (request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      const { method, url, rawHeaders } = request;
      const body = Buffer.concat(pieces).toString("base64");
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ method, url, rawHeaders, body }));
    });
  },
  "/seen": (request, response) => response.end(JSON.stringify(seen)),
  "/hash": (request, response) => {
    const hash = createHash("sha256");
    let bytes = 0;
    request.on("data", (piece) => {
      hash.update(piece);
      bytes += piece.length;
    });
    request.on("end", () => response.end(JSON.stringify({ bytes, sha256: hash.digest("hex") })));
  },
  "/bytes": (request, response, query) => {
    const total = Number(query.get("n"));
    if (query.has("length")) response.setHeader("Content-Length", total);
    sendBlocks(response, total);
  },
  "/events": (request, response) => {
    response.setHeader("Content-Type", "text/event-stream");
    response.write("data: first\n\n");
    streams.add(response);
    response.on("close", () => {
      streams.delete(response);
      closed.push(request.url);
    });
  },
  "/finish": (request, response) => {
    for (const stream of streams) stream.end("data: last\n\n");
    response.end();
  },
  "/closed": (request, response) => response.end(JSON.stringify(closed)),
  "/chunked": (request, response) => {
    response.write("one,");
    response.write("two,");
    response.end("three");
  },
  "/redirect": (request, response, query) => {
    response.writeHead(302, { Location: query.get("to") });
    response.end();
  },
  "/gzip": (request, response) => {
    const body = gzipSync("compressed by the service");
    response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": body.length });
    response.end(body);
  },
  "/cookies": (request, response) => {
    response.setHeader("Set-Cookie", ["a=1; Path=/", "b=2; HttpOnly", "c=3; Max-Age=60"]);
    response.end();
  },
  "/own-cors": (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "https://one.example");
    response.end();
  },
  "/status": (request, response, query) => {
    response.writeHead(Number(query.get("code")), query.get("reason"));
    response.end();
  },
};

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname !== "/seen") seen.push([request.method, request.url, ...request.rawHeaders]);
  const route = routes[url.pathname];
  if (!route) response.writeHead(404).end("no such route");
  else route(request, response, url.searchParams);
});
server.on("upgrade", (request, socket, head) => {
  seen.push([request.method, request.url, ...request.rawHeaders]);
  upgrade(request, socket, head);
});
server.listen(Number(port), host);
