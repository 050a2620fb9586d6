import express from "express";

const app = express();
app.use(express.json(), express.urlencoded());
app.use("/static", express.static("public"));
app.get("/", (request, response) => response.json({ hostname: request.hostname, protocol: request.protocol }));
app.post("/form", (request, response) => response.json(request.body));
app.get("/back", (request, response) => response.redirect(request.get("Referer")));
app.get("/cookie", (request, response) => response.cookie("a", "b", { domain: "localhost" }).send("set"));
app.get("/fail", () => {
  throw new Error("of the app's own");
});
app.listen(3000);
