import { createClient } from "rivetkit/client";
import type { registry } from "./server";

const client = createClient<typeof registry>("http://localhost:6420");
const agent = client.vm.getOrCreate(["my-agent"]);

// Start a web server inside the VM
await agent.writeFile( "/home/user/server.js", 'require("http").createServer((req, res) => res.end("Hello from VM")).listen(3000);',);
await agent.spawn("node", ["/home/user/server.js"]);

// Fetch from the VM service
const response = await agent.vmFetch(3000, "/");
console.log("Status:", response.status);
console.log("Body:", new TextDecoder().decode(response.body));
