// Official clients of many inboxes in one process, which send whatever they are told: texts, and contents of every kind that
// no codec would make. One order a line on stdin, one answer a line on stdout. Run it in a folder where @xmtp/node-sdk 5.5.0
// is installed:
//
//   node strangers.mjs URL FOLDER ADDRESS...
//
// It asks {"sign": TEXT, "by": ADDRESS} of whoever has the keys and takes {"do": "signature", "hex": ...}. Then it says who
// they are: {"inboxes": [...]}. It ends when stdin ends.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { deflateSync, gzipSync } from 'node:zlib';

const require = createRequire(join(process.cwd(), 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Client: Library } = await load('@xmtp/node-bindings');
const { ApiUrls, Client } = await load('@xmtp/node-sdk');

const [url, folder, ...addresses] = process.argv.slice(2);
const say = (frame) => process.stdout.write(`${JSON.stringify(frame)}\n`);
// Some functions of this version ask this address whatever they are told.
ApiUrls.local = url;
console.log = console.info = console.warn = console.debug = () => {};

// The library under the SDK sends what the SDK would not.
let made;
const conversations = Library.prototype.conversations;
Library.prototype.conversations = function () {
  made = conversations.call(this);
  return made;
};

let signed;

async function open(address) {
  const client = await Client.create(
    {
      type: 'EOA',
      getIdentifier: () => ({ identifier: address, identifierKind: 0 }),
      signMessage: (text) =>
        new Promise((resolve) => {
          signed = resolve;
          say({ sign: text, by: address });
        }),
    },
    {
      env: 'local',
      apiUrl: url,
      dbPath: join(folder, `${address}.db3`),
      historySyncUrl: null,
      disableDeviceSync: true,
      loggingLevel: 'Off',
    },
  );
  return { inbox: client.inboxId, conversations: made };
}

const people = [];
const dm = (by, to) => people[by].conversations.createDmByInboxId(to);

/** Numbers that look like chance and are the same for the same seed (mulberry32). */
function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const bytes = (text) => new TextEncoder().encode(text);
const type = (typeId, more = {}) => ({ authorityId: 'xmtp.org', typeId, versionMajor: 1, versionMinor: 0, ...more });
const content = (type, content, more = {}) => ({ type, parameters: {}, content, ...more });
const request = JSON.stringify({ protocol: 'coworker', version: '1.0', type: 'ping', payload: {} });

/** Every type that the client knows, its own name for each, and some that nobody knows. */
const TYPES = [
  'text', 'markdown', 'reaction', 'reply', 'readReceipt', 'attachment', 'remoteStaticAttachment',
  'multiRemoteStaticAttachment', 'transactionReference', 'group_updated', 'leave_request', 'walletSendCalls', 'intent',
  'actions', 'deletedMessage', 'deleteMessage', 'delete_message', 'editMessage', 'edit_message', 'edit', 'custom',
  'group_membership_change', 'Text', 'TEXT', 'text ', 'text\0', '', '\u202etxet', 'x'.repeat(10_000), '__proto__',
];

/** What is made to break a reader of texts: `ids` are messages of its own that it may speak of. */
function crafted(ids) {
  const text = type('text');
  const wrong = [
    [0xff], [0xc3], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc0, 0x80], [0xfe, 0xff, 0, 0x7b],
    [0xff, 0xfe, 0x7b, 0], [...bytes('{"a":"'), 0xe2, 0x82], [0xef, 0xbb, 0xbf],
  ].map((it) => content(text, Uint8Array.from(it)));
  const versions = [[0, 0], [0, 9], [1, 1], [1, 4294967295], [2, 0], [99, 0], [4294967295, 0]].map(
    ([versionMajor, versionMinor]) => content(type('text', { versionMajor, versionMinor }), bytes(request)),
  );
  const compressed = [
    content(text, deflateSync(request), { compression: 0 }),
    content(text, gzipSync(request), { compression: 1 }),
    content(text, gzipSync(Buffer.alloc(50_000_000)), { compression: 1 }),
    content(text, bytes(request), { compression: 1 }),
    content(text, bytes('x'), { compression: 7 }),
  ];
  const texts = [
    content(text, new Uint8Array()),
    content(text, bytes('\0')),
    content(text, bytes('\u2028\u2029\u0085\r\n')),
    content(text, bytes(request), { parameters: { encoding: 'UTF-16' } }),
    content(text, bytes(request), { parameters: Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, 'v'])) }),
    content(text, bytes(request), { fallback: 'x'.repeat(100_000) }),
    content(type('text', { authorityId: '' }), bytes(request)),
    content(type('text', { authorityId: 'example.org' }), bytes(request)),
    content(undefined, bytes(request)),
    content(text, bytes('{"a":'.repeat(50_000))),
    content(text, bytes('\u0001'.repeat(300_000))),
    content(text, bytes('é'.repeat(400_000))),
  ];
  const kinds = TYPES.flatMap((name) => [
    content(type(name), new Uint8Array()),
    content(type(name), bytes('{}')),
    content(type(name, { versionMajor: 2 }), Uint8Array.from([0xff, 0xfe, 8, 1])),
    // A message that speaks of another one: a reaction to it, its deletion, its edition.
    ...ids.slice(0, 1).flatMap((id) => [
      content(type(name), bytes(JSON.stringify({ reference: id, messageId: id, action: 'added', content: 'x', schema: 'unicode' })), {
        parameters: { reference: id, action: 'added', schema: 'unicode', contentType: 'xmtp.org/text:1.0' },
      }),
      content(type(name), Uint8Array.from([10, id.length, ...bytes(id)])),
    ]),
  ]);
  return [...wrong, ...versions, ...compressed, ...texts, ...kinds];
}

/** What nobody would think of. */
function* drawn(seed, count) {
  const next = chance(seed);
  const upto = (n) => Math.floor(next() * n);
  const pick = (list) => list[upto(list.length)];
  const size = () => pick([0, 1, 2, upto(64), upto(4_000), upto(100_000)]);
  for (let n = 0; n < count; n++) {
    const body = Uint8Array.from({ length: size() }, () => (next() < 0.7 ? 32 + upto(95) : upto(256)));
    const of = next() < 0.6 ? 'text' : pick(TYPES);
    yield content(
      next() < 0.05
        ? undefined
        : type(of, {
            authorityId: pick(['xmtp.org', 'xmtp.org', 'xmtp.org', 'coinbase.com', '', 'x'.repeat(upto(2_000))]),
            versionMajor: pick([1, 1, 1, 0, 2, upto(4294967296)]),
            versionMinor: pick([0, 0, 1, upto(4294967296)]),
          }),
      body,
      {
        ...(next() < 0.2 ? { compression: pick([0, 1, 2, 1000]) } : {}),
        ...(next() < 0.2 ? { fallback: 'f'.repeat(size()) } : {}),
        parameters: next() < 0.2 ? { encoding: pick(['UTF-8', 'latin1', '']) } : {},
      },
    );
  }
}

/** Sends what the client takes. Returns the ids. */
async function send(conversation, contents) {
  const ids = [];
  for (const content of contents)
    await conversation.send(content, { shouldPush: false }).then(
      (id) => ids.push(id),
      () => {},
    );
  return ids;
}

let hushed = false;

const orders = {
  signature({ hex }) {
    signed(Uint8Array.from(Buffer.from(hex, 'hex')));
  },
  // So many texts of two bytes that are none.
  async broken({ by = 0, to, count }) {
    const conversation = await dm(by, to);
    for (let n = 0; n < count; n++)
      await conversation.send(content(type('text'), Uint8Array.from([0xff, n % 256])), { shouldPush: false, optimistic: true });
    await conversation.publishMessages();
    say({ sent: count });
  },
  async texts({ by = 0, to, texts }) {
    const conversation = await dm(by, to);
    for (const text of texts) await conversation.sendText(text);
    say({ sent: texts.length });
  },
  async strange({ by = 0, to, seed, count }) {
    const conversation = await dm(by, to);
    // A message that is there to be spoken of, of ours, and the settings by which what is said goes away.
    const ids = [await conversation.sendText('to be spoken of')];
    const all = crafted(ids);
    ids.push(...(await send(conversation, all)));
    await conversation.updateMessageDisappearingSettings({ fromNs: 1n, inNs: 1_000_000_000n }).catch(() => {});
    ids.push(...(await send(conversation, [content(type('text'), bytes('soon gone')), content(type('text'), Uint8Array.from([0xff]))])));
    await conversation.removeMessageDisappearingSettings().catch(() => {});
    await conversation.sendReaction({ reference: ids[0], referenceInboxId: to, action: 1, content: 'x', schema: 1 }).catch(() => {});
    await conversation.sendReadReceipt().catch(() => {});
    ids.push(...(await send(conversation, drawn(seed, count))));
    const group = await people[by].conversations.createGroupByInboxId([to]).catch(() => undefined);
    if (group) {
      await group.updateGroupName('\u202e').catch(() => {});
      ids.push(...(await send(group, all.slice(0, 40))));
    }
    say({ sent: ids.length, of: all.length + count });
  },
  // Everybody at once, so many each; `$AT` is made another one in each text.
  async crowd({ to, each, text, from = 0, upto = people.length }) {
    const started = performance.now();
    hushed = false;
    let sent = 0;
    await Promise.all(
      people.slice(from, upto).map(async (_, at) => {
        const conversation = await dm(from + at, to);
        for (let n = 0; n < each && !hushed; n++)
          await conversation.sendText(text.replaceAll('$AT', `${from + at}-${n}`)).then(
            () => (sent += 1),
            () => new Promise((resolve) => setTimeout(resolve, 10)),
          );
      }),
    );
    say({ sent, ms: performance.now() - started });
  },
  hush() {
    hushed = true;
  },
};

const fail = (error) => {
  say({ error: String(error?.stack ?? error) });
  process.exit(1);
};
const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on('line', (line) => {
  const order = JSON.parse(line);
  void Promise.resolve(orders[order.do](order)).catch(fail);
});
lines.on('close', () => process.exit(0));

for (const address of addresses) people.push(await open(address));
say({ inboxes: people.map(({ inbox }) => inbox) });
