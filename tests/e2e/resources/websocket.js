// A WebSocket server in plain node (RFC 6455): it echoes; the text "headers" is answered with the handshake's
// own headers as JSON.
"use strict";
const { createHash } = require("crypto");

const frame = (opcode, payload) => {
  const length = payload.length;
  const extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const head = Buffer.alloc(2 + extra);
  head[0] = 0x80 | opcode;
  head[1] = extra === 0 ? length : extra === 2 ? 126 : 127;
  if (extra === 2) head.writeUInt16BE(length, 2);
  if (extra === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
};

// The first whole frame of a client's bytes, all of which are masked; null if there is none yet.
const parse = (bytes) => {
  if (bytes.length < 2) return null;
  let length = bytes[1] & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  if (bytes.length < at + 4 + length) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + length));
  for (let i = 0; i < length; i++) payload[i] ^= mask[i & 3];
  return { opcode: bytes[0] & 0x0f, payload, end: at + 4 + length };
};

module.exports = (request, socket, head) => {
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let bytes = head;
  const take = (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (let found; (found = parse(bytes)); bytes = bytes.subarray(found.end)) {
      const { opcode, payload } = found;
      if (opcode === 8) return socket.end(frame(8, payload));
      if (opcode === 9) socket.write(frame(10, payload));
      else if (opcode === 1 && payload.toString() === "headers")
        socket.write(frame(1, Buffer.from(JSON.stringify(request.rawHeaders))));
      else if (opcode === 1 || opcode === 2) socket.write(frame(opcode, payload));
    }
  };
  socket.on("data", take);
  socket.on("error", () => {});
  take(Buffer.alloc(0));
};
