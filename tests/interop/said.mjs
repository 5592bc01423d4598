// Prints what a client's database holds, a message a line; with `sync`, what the network holds too, which the database then
// does as well. Run it in a folder where @xmtp/node-sdk 5.5.0 is installed:
//
//   node said.mjs URL DATABASE KEY ADDRESS [sync]

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.cwd(), 'package.json'));
const { ApiUrls, Client } = await import(pathToFileURL(require.resolve('@xmtp/node-sdk')));
const [apiUrl, dbPath, key, identifier, sync] = process.argv.slice(2);
// Some functions of this version ask this address whatever they are told.
ApiUrls.local = apiUrl;
const client = await Client.build(
  { identifier, identifierKind: 0 },
  { env: 'local', apiUrl, dbPath, dbEncryptionKey: Uint8Array.from(Buffer.from(key, 'hex')), historySyncUrl: null, disableDeviceSync: true },
);
if (sync) await client.conversations.syncAll();
for (const dm of await client.conversations.list())
  for (const message of await dm.messages()) console.log(JSON.stringify(message.content));
process.exit(0);
