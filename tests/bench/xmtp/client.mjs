// One official client in a process of its own, told what to do by JSON lines on stdin, one answer a line on stdout. Run it
// in a folder where @xmtp/node-sdk 5.5.0 is installed:
//
//   node client.mjs URL DATABASE ADDRESS [KEY]
//
// With a key, 32 bytes in hexadecimal, the database is encrypted.
//
// It asks {"sign": TEXT} of whoever has the key of the address and takes {"do": "signature", "hex": ...}. Then it says who
// it is, and takes further orders: "echo" sends every text back from now on; "trips" sends texts one after the other, each
// when the one before came back; "sends" sends without waiting for what comes back. It ends when stdin ends.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.cwd(), 'package.json'));
const { ApiUrls, Client, isText } = await import(pathToFileURL(require.resolve('@xmtp/node-sdk')));

const [url, dbPath, address, key] = process.argv.slice(2);
const dbEncryptionKey = key && Uint8Array.from(Buffer.from(key, 'hex'));
const say = (frame) => process.stdout.write(`${JSON.stringify(frame)}\n`);
// Some functions of this version ask this address whatever they are told.
ApiUrls.local = url;

let signed;
let client;
let echoes = false;
let heard;

/** Sends a text and waits until it comes back; returns how long that took. */
async function trip(dm, text) {
  const back = new Promise((resolve) => {
    heard = (content) => content === text && resolve();
  });
  const sent = performance.now();
  await dm.sendText(text);
  await back;
  return performance.now() - sent;
}

const orders = {
  signature({ hex }) {
    signed(Uint8Array.from(Buffer.from(hex, 'hex')));
  },
  echo() {
    echoes = true;
    say({ echoes });
  },
  // The first one makes the conversation, too.
  async trips({ to, count, bytes }) {
    const ms = [];
    const started = performance.now();
    const dm = client.conversations.getDmByInboxId(to) ?? (await client.conversations.createDm(to));
    const opened = performance.now() - started;
    for (let at = 0; at < count; at++) ms.push(await trip(dm, `${at} `.padEnd(bytes, 'x')));
    say({ ms, opened });
  },
  async sends({ to, count, bytes }) {
    const dm = await client.conversations.createDm(to);
    const started = performance.now();
    for (let at = 0; at < count; at++) await dm.sendText(`${at} `.padEnd(bytes, 'x'));
    say({ ms: performance.now() - started });
  },
};

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
const fail = (error) => {
  say({ error: String(error?.stack ?? error) });
  process.exit(1);
};
lines.on('line', (line) => {
  const order = JSON.parse(line);
  void Promise.resolve(orders[order.do](order)).catch(fail);
});
lines.on('close', () => process.exit(0));

client = await Client.create(
  {
    type: 'EOA',
    getIdentifier: () => ({ identifier: address, identifierKind: 0 }),
    signMessage: (text) =>
      new Promise((resolve) => {
        signed = resolve;
        say({ sign: text });
      }),
  },
  { env: 'local', apiUrl: url, dbPath, dbEncryptionKey, historySyncUrl: null, disableDeviceSync: true, loggingLevel: 'Off' },
);
await client.conversations.streamAllMessages({
  disableSync: true,
  retryDelay: 400,
  retryAttempts: 1e6,
  onError: () => {},
  onValue: async (message) => {
    if (!message || !isText(message) || message.senderInboxId === client.inboxId) return;
    if (echoes) {
      const { conversations } = client;
      const dm = conversations.getDmByInboxId(message.senderInboxId) ?? (await conversations.createDm(message.senderInboxId));
      await dm.sendText(message.content);
    } else heard?.(message.content);
  },
});
say({ inbox: client.inboxId });
