import { createClient } from "rivetkit/client";
import type { registry } from "./server";

const client = createClient<typeof registry>("http://localhost:6420");
const agent = client.vm.getOrCreate(["my-agent"]);

const preview = await agent.createSignedPreviewUrl(3000);

// Revoke the token immediately
await agent.expireSignedPreviewUrl(preview.token);
