"""The wire protocol of the npm package `rivetkit`'s client, so that its users' programs run against this server as they
are. An adapter: each action is done by the control API's own operations, with their own validation.

- `actors`: what the client asks before its first action: metadata, and VMs as actors.
- `calls`: actions over HTTP. `connection`: actions and events over a WebSocket.
- `actions`: the table of actions. By noun: `file_actions`, `process_actions`, `shell_actions`, `service_actions`,
  `preview_actions`, `cron_actions`; `arguments`: what they are called with, checked. `vm_fetch`: one request to a
  service in a VM.
- `events`: what happens in a VM under the names and in the shapes that its users know.
- `actor_target`: which VM a URL names, and the credential in it. `actor_key`: keys as text. Pure.
- `encodings`: the bodies of actions in the three encodings; `connection_messages`: those of a WebSocket. Made of
  `js_values`: what JavaScript has and JSON has not; `cbor` and `bare`: the binary formats; `bounds`: how many values
  there may be. Pure: whatever comes in is a value or our error.
- `errors`: refusals as the client raises them; `endpoint`: where they become answers. `routes`: the paths of all of it.
"""
