// Tries to connect to every place in the JSON list of its first argument; prints what became of each, as JSON.
"use strict";
const { connect } = require("net");

const places = JSON.parse(process.argv[2]);
const attempt = (place) =>
  new Promise((done) => {
    const socket = connect(place);
    socket.setTimeout(2000);
    socket.on("connect", () => done("connected"));
    socket.on("timeout", () => done("timeout"));
    socket.on("error", (error) => done(error.code));
  });
Promise.all(places.map(attempt)).then((results) => {
  console.log(JSON.stringify(results));
  process.exit();
});
