// Carries bytes between coworker-host and an XMTP network: JSON lines on stdin and stdout, one frame a line, diagnostics on
// stderr. It holds no key and decides nothing. What it was given and what it gave are the host's to remember; all that it
// keeps is the official client's own database. It ends when stdin ends.

import { createInterface } from "node:readline";
import { Client as Library } from "@xmtp/node-bindings";
import {
  ApiUrls,
  Client,
  ConsentState,
  ContentType,
  ConversationType,
  DeliveryStatus,
  GroupMessageKind,
  IdentifierKind,
  ListConversationsOrderBy,
  MessageSortBy,
  SortDirection,
  isText,
} from "@xmtp/node-sdk";

/** The pauses between tries to reach the network, in milliseconds: from half of the first to the second. */
const PAUSE = [200, 1_000];
/** How many messages of a conversation are read at a time: of what may be new, and where the host turns out to have most. */
const FIRST_PAGE = 16;
const PAGE = 256;
/** How often conversations with traffic are looked through for what the stream has not said, in milliseconds. */
const SWEEP = 30_000;

const say = (frame) => process.stdout.write(`${JSON.stringify(frame)}\n`);
const note = (text) => process.stderr.write(`${String(text).replaceAll("\n", " ")}\n`);
const why = (error) => String(error?.message ?? error).slice(0, 500);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pause = () => wait(PAUSE[0] / 2 + Math.random() * (PAUSE[1] - PAUSE[0] / 2));

// What the client keeps is for its owner alone.
process.umask(0o077);
// Nothing but frames may reach stdout.
console.log = console.info = console.debug = (...words) => note(words.join(" "));

/** Says what makes going on impossible, and ends. */
function give_up(error) {
  say({ is: "trouble", why: why(error) });
  process.stdout.end(() => process.exit(1));
}
process.on("uncaughtException", give_up);
process.on("unhandledRejection", give_up);

// ---- signatures: the host has the key, and signs what it thinks right

const unsigned = new Map();
let next_signature = 0;

function sign(text) {
  return new Promise((resolve, reject) => {
    unsigned.set(++next_signature, { resolve, reject });
    say({ is: "sign", id: next_signature, text });
  });
}

function signed({ id, signature }) {
  const asked = unsigned.get(id);
  unsigned.delete(id);
  if (signature) asked?.resolve(Uint8Array.from(Buffer.from(signature, "hex")));
  else asked?.reject(new Error("the host does not sign this"));
}

// ---- what comes in
//
// The client's database is the buffer: a message that the host has no room for, or that came while nobody looked, is read
// from there later, so that each peer's messages reach the host in the order in which the client took them in.

let client;
/** The wallet, as the client calls it. */
let identifier;
let credit = 0;
let largest = 0;
/** Whether both streams run and what came before them was found. Until then the host gets and sends nothing. */
let online = false;
/** For each peer when the latest message that the host has was sent, and the ids that it has of the moments before. */
const given = new Map();
let overlap = 0n;
/** When a message was sent at the earliest that the host looks for. */
let since = 0n;
/**
 * The peers whose messages have to be read from the database, those first that have waited longest for their turn; with those
 * that were read already, from when on there may be more, and whether all of it has to be looked through once more.
 */
const behind = new Map();
let catching_up = false;

function had(peer, { sent_ns, ids }) {
  given.set(peer, { sent: BigInt(sent_ns), ids: new Map(ids.map((id) => [id, BigInt(sent_ns)])) });
}

/** Notes that the host has a message. What is too old to be mistaken for new is forgotten. */
function give({ senderInboxId: peer, id, sentAtNs: sent }) {
  const known = given.get(peer) ?? { sent, ids: new Map() };
  given.set(peer, known);
  if (sent > known.sent) known.sent = sent;
  known.ids.set(id, sent);
  if (known.ids.size % 256 === 0)
    for (const [old, at] of known.ids) if (at < known.sent - 2n * overlap) known.ids.delete(old);
}

function hand_over(message) {
  credit -= 1;
  give(message);
  // Without halves of characters, which JSON can spell and the host does not read.
  const text = message.content.length <= largest ? message.content.toWellFormed() : null;
  say({
    is: "message",
    peer: message.senderInboxId,
    id: message.id,
    sent_ns: String(message.sentAtNs),
    size: message.content.length,
    text,
  });
}

/** The peers with traffic since the last sweep. */
const active = new Set();
setInterval(() => {
  if (!online) return;
  for (const peer of active) fall_behind(peer);
  active.clear();
  catch_up().catch(give_up);
}, SWEEP).unref();

function fall_behind(peer) {
  const queue = behind.get(peer);
  if (queue) queue.stale = true;
  else behind.set(peer, { list: [], from: null, stale: true });
}

function arrived(message) {
  if (!isText(message) || message.senderInboxId === client.inboxId) return;
  const peer = message.senderInboxId;
  active.add(peer);
  if (given.get(peer)?.ids.has(message.id)) return;
  if (online && credit > 0 && !behind.has(peer)) hand_over(message);
  else {
    fall_behind(peer);
    if (online) catch_up().catch(give_up);
  }
}

/**
 * Reads on in the messages of a peer, oldest first and a page at a time: however much there is, little of it is in memory. By
 * the network's time: the time at which the client took a message in changes.
 */
async function read(peer, queue) {
  const dm = client.conversations.getDmByInboxId(peer);
  let { from } = queue;
  let list = [];
  for (let limit = FIRST_PAGE; dm && from !== null && list.length === 0; ) {
    const page = await dm.messages({
      limit,
      direction: SortDirection.Ascending,
      sortBy: MessageSortBy.SentAt,
      sentAfterNs: from > 0n ? from - 1n : undefined,
      contentTypes: [ContentType.Text],
      excludeSenderInboxIds: [client.inboxId],
    });
    const had = given.get(peer)?.ids;
    list = page.filter((message) => isText(message) && message.senderInboxId === peer && !had?.has(message.id));
    const last = page.at(-1)?.sentAtNs;
    // What is of its last moment is read again with the next page, which is a larger one where a moment fills it.
    if (page.length < limit) from = null;
    else if (last > from) [from, limit] = [last, PAGE];
    else limit *= 4;
  }
  queue.list = list;
  queue.from = dm ? from : null;
}

/** Hands over what is behind, one message of each peer at a time, for as long as the host has room. */
async function catch_up() {
  if (catching_up) return;
  catching_up = true;
  try {
    while (credit > 0 && behind.size > 0) {
      const [peer, queue] = behind.entries().next().value;
      if (queue.list.length === 0) {
        if (queue.from === null) {
          if (!queue.stale) {
            behind.delete(peer);
            continue;
          }
          queue.stale = false;
          const known = given.get(peer);
          queue.from = known && known.sent - overlap > since ? known.sent - overlap : since;
        }
        await read(peer, queue);
        // The host may have lost what was read meanwhile, and then it is read from further back.
        if (behind.get(peer) !== queue) continue;
      }
      const message = queue.list.shift();
      if (message && !given.get(peer)?.ids.has(message.id)) hand_over(message);
      // To the end of the line.
      behind.delete(peer);
      behind.set(peer, queue);
    }
  } finally {
    catching_up = false;
  }
}

/** Reads a stream to its end. What was in it then is in the database. */
async function follow(open, take) {
  let failure;
  const stream = await open({
    disableSync: true,
    retryOnFail: false,
    onError: (error) => {
      failure ??= error;
    },
  });
  if (stream.isDone) throw failure ?? new Error("the stream ended at once");
  const ended = (async () => {
    for await (const value of stream) if (value !== undefined) take(value);
    throw failure ?? new Error("the stream ended");
  })();
  ended.catch(() => {});
  return { stream, ended };
}

/** Returns whether the network knows that the wallet is ours. One whose database was lost does not, and nobody finds us. */
async function is_known() {
  return (await client.fetchInboxIdByIdentifier(identifier)) === client.inboxId;
}

function introduce(known) {
  say({
    is: "ready",
    inbox: client.inboxId,
    installation: client.installationId,
    library: client.libxmtpVersion,
    node: process.version,
    known,
  });
}

/** Stays connected. At every start, what the database holds beyond what the host has is handed over first. */
async function listen() {
  for (let again = false; ; again = true) {
    const streams = [];
    try {
      // Whatever took the connection away may have taken the network's memory too.
      if (again && !(await is_known())) return introduce(false);
      const open = client.conversations;
      streams.push(await follow((options) => open.streamAllDmMessages(options), arrived));
      streams.push(await follow((options) => open.streamGroups(options), joined));
      for (const dm of await open.list({
        conversationType: ConversationType.Dm,
        orderBy: ListConversationsOrderBy.LastActivity,
      }))
        fall_behind(dm.peerInboxId);
      for (const group of open.listGroups({ consentStates: [ConsentState.Unknown] })) joined(group);
      online = true;
      say({ is: "online" });
      await Promise.all([catch_up(), Promise.race(streams.map(({ ended }) => ended))]);
    } catch (error) {
      online = false;
      say({ is: "offline", why: why(error) });
    }
    for (const { stream } of streams) stream.end();
    await pause();
  }
}

// ---- groups: the host says whether we stay

const groups = new Map();

function joined(group) {
  if (groups.has(group.id) || group.addedByInboxId === client.inboxId) return;
  groups.set(group.id, group);
  say({ is: "group", id: group.id, by: group.addedByInboxId });
}

async function leave({ id }) {
  const group = groups.get(id);
  if (!group) return;
  try {
    // Denied first: from then on nothing of it is read, whatever becomes of the request.
    group.updateConsentState(ConsentState.Denied);
    await group.requestRemoval();
  } catch (error) {
    note(`a group was not told that we leave: ${why(error)}`);
  }
}

// ---- what is old: the host says up to when

/** The library's own conversations: the SDK over them has no way to remove a message from the client's database. */
let kept;
const conversations = Library.prototype.conversations;
Library.prototype.conversations = function () {
  kept = conversations.call(this);
  return kept;
};

/** Removes what was said before a time, but for what the host may still ask for and what is still to be sent. */
async function forget({ before_ns, since_ns, have }) {
  since = BigInt(since_ns);
  for (const [peer, { sent }] of given) if (sent < since && !behind.has(peer)) given.delete(peer);
  let count = 0;
  for (const dm of await client.conversations.list({ conversationType: ConversationType.Dm })) {
    try {
      count += await forget_in(dm, BigInt(before_ns), have[dm.peerInboxId] ?? { sent_ns: 0, ids: [] });
    } catch (error) {
      note(`what is old stays in the conversation with ${dm.peerInboxId}: ${why(error)}`);
    }
  }
  say({ is: "forgot", count });
}

/** The same for one conversation. Returns how many messages it has no longer. */
async function forget_in(dm, before, { sent_ns, ids }) {
  const done = (message) =>
    message.senderInboxId === client.inboxId ||
    message.sentAtNs < since ||
    message.sentAtNs < BigInt(sent_ns) - overlap ||
    ids.includes(message.id);
  let count = 0;
  for (let after = 0n; ; ) {
    const page = await dm.messages({
      limit: PAGE,
      direction: SortDirection.Ascending,
      sortBy: MessageSortBy.SentAt,
      kind: GroupMessageKind.Application,
      deliveryStatus: DeliveryStatus.Published,
      sentAfterNs: after,
      sentBeforeNs: before,
    });
    for (const message of page.filter(done)) count += kept.deleteMessageById(message.id);
    if (page.length < PAGE) return count;
    after = page.at(-1).sentAtNs;
  }
}

// ---- what goes out: one at a time in each conversation, because sends that overlap there get in each other's way

const lanes = new Map();
/**
 * The peers with a message that did not leave, and what kept it. What follows would overtake it, and comes back too, until
 * the host says that it sends that one again.
 */
const held = new Map();

function send(frame) {
  const { to } = frame;
  const turn = (lanes.get(to) ?? Promise.resolve()).then(() => deliver(frame));
  lanes.set(to, turn);
  void turn.finally(() => lanes.get(to) === turn && lanes.delete(to));
}

async function deliver({ id, to, text, again }) {
  if (again) held.delete(to);
  if (held.has(to)) {
    say({ is: "failed", id, kind: held.get(to), why: "an earlier message waits" });
    return;
  }
  if (!online) {
    held.set(to, "unreachable");
    say({ is: "failed", id, kind: "unreachable", why: "the network does not answer" });
    return;
  }
  try {
    const open = client.conversations;
    const dm = open.getDmByInboxId(to) ?? (await open.createDm(to));
    await dm.sendText(text);
    active.add(to);
    say({ is: "sent", id });
  } catch (error) {
    const sort = kind(error);
    // What comes after one of which nobody knows whether it left surely did not leave.
    if (sort !== "impossible") held.set(to, sort === "rate_limited" ? sort : "unreachable");
    say({ is: "failed", id, kind: sort, why: why(error) });
  }
}

/** Sorts an error by its words, which is all that the client gives. */
function kind(error) {
  const words = why(error).toLowerCase();
  if (/resource.?exhausted|rate.?limit|too many requests|\b429\b/.test(words)) return "rate_limited";
  if (/too large|larger than|exceeds/.test(words)) return "impossible";
  if (/connect|unavailable|refused|dns/.test(words)) return "unreachable";
  return "unconfirmed";
}

/** Finds who has a wallet. The node's word is not enough: the inbox's own log, which the client verifies, must name it. */
async function resolve({ id, address }) {
  try {
    const wallet = { identifier: address, identifierKind: IdentifierKind.Ethereum };
    const inbox = await client.fetchInboxIdByIdentifier(wallet);
    const states = inbox ? await client.preferences.fetchInboxStates([inbox]) : [];
    const named = states.some(
      (state) =>
        state.inboxId === inbox && state.identifiers.some(({ identifier: known }) => known.toLowerCase() === address),
    );
    say({ is: "resolved", id, inbox: named ? inbox : null });
  } catch (error) {
    say({ is: "resolved", id, inbox: null, why: why(error) });
  }
}

// ---- start

async function start(hello) {
  credit = hello.credit;
  largest = hello.largest;
  overlap = BigInt(hello.overlap_ns);
  since = BigInt(hello.since_ns);
  for (const [peer, have] of Object.entries(hello.have)) had(peer, have);
  if (hello.url) ApiUrls[hello.env] = hello.url;
  identifier = { identifier: hello.address, identifierKind: IdentifierKind.Ethereum };
  const signer = { type: "EOA", getIdentifier: () => identifier, signMessage: sign };
  const options = {
    env: hello.env,
    apiUrl: hello.url ?? undefined,
    dbPath: hello.database,
    dbEncryptionKey: Uint8Array.from(Buffer.from(hello.database_key, "hex")),
    historySyncUrl: null,
    disableDeviceSync: true,
    disableAutoRegister: true,
    appVersion: hello.version,
  };
  const reached = async (work) => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (kind(error) !== "unreachable") throw error;
        say({ is: "offline", why: why(error) });
        await pause();
      }
    }
  };
  client = await reached(() => Client.create(signer, options));
  if (!client.isRegistered) await reached(() => client.register());
  const known = await reached(is_known);
  introduce(known);
  if (known) await listen();
}

const orders = {
  hello: start,
  signature: signed,
  send,
  resolve,
  leave,
  // It is asked for again in an hour.
  forget: (frame) => forget(frame).catch((error) => note(`nothing old was removed: ${why(error)}`)),
  more({ count }) {
    credit += count;
    if (online) return catch_up();
  },
  // The host could not keep what it got.
  again({ peer, have }) {
    if (have) had(peer, have);
    else given.delete(peer);
    behind.set(peer, { list: [], from: null, stale: true });
    if (online) return catch_up();
  },
  ping: ({ id }) => say({ is: "pong", id }),
};

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", (line) => {
  const frame = JSON.parse(line);
  void Promise.resolve(orders[frame.do]?.(frame)).catch(give_up);
});
lines.on("close", () => process.exit(0));
