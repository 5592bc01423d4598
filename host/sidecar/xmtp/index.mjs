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
} from "@xmtp/node-sdk";

/** The pauses between tries to reach the network, in milliseconds: from half of the first to the second. */
const PAUSE = [200, 1_000];
/** How many messages of a conversation are read at a time: of what may be new, and where the host turns out to have most. */
const FIRST_PAGE = 16;
/** How many bytes of what one peer has waiting are kept until its turn. */
const HELD = 65_536;
const PAGE = 256;
/** How often conversations with traffic are looked through for what the stream has not said, in milliseconds. */
const SWEEP = 30_000;
/** How many named peers have streams of their own, those with whom something was said last. */
const APART = 32;
/** How many messages of others in half a second are a flood, and how long it is one after that, in milliseconds. */
const CROWD = 16;
const CALM = 30_000;
/** How far these may be ahead of the stream of all, in nanoseconds, and how many ids are known of one peer. */
const LAG = 600_000_000_000n;
const IDS = 8_192;
/** How many new conversations may wait to be looked at, how many are at a time, and how long one may take, in milliseconds. */
const FRESH = 1_024;
const LOOKS = 32;
const PATIENCE = 5_000;
/** How many lines go to the log at once; then it is one a second. */
const NOTES = 200;
/** How far the network's clock may be ahead, in nanoseconds. */
const DAY = 86_400_000_000_000n;
/** The pauses before a conversation that could not be read is tried again, in milliseconds: they grow from the first on. */
const RETRY = [1_000, 60_000];

const say = (frame) => process.stdout.write(`${JSON.stringify(frame)}\n`);
/** How many lines the log may take now: what a stranger can make fail must not fill the disk. */
let notes = NOTES;
setInterval(() => (notes = Math.min(NOTES, notes + 1)), 1_000).unref();
const note = (text) => {
  if (notes > 0) process.stderr.write(`${String(text).replaceAll("\n", " ").slice(0, 2_000)}\n`);
  notes = Math.max(0, notes - 1);
};
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

// ---- the client's library, under the SDK
//
// The SDK decodes each message as it hands it over, with its reactions and replies, and reads it from the database once more:
// one that a stranger made for it throws there, and a flood of them takes the time of everybody's. So messages are taken from
// the library as they are, and a text is read here.

/** The library's own conversations. */
let library;
const conversations = Library.prototype.conversations;
Library.prototype.conversations = function () {
  library = conversations.call(this);
  return library;
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns whether a message is of the one kind that hosts speak in; its type alone, whatever it holds. */
function is_speech({ kind, content }) {
  return kind === GroupMessageKind.Application && content?.type?.typeId === "text";
}

/** Returns the text of a message and its size. There is no text in what is too large or is none. */
function text_of(message) {
  const nothing = { text: null, size: 0 };
  try {
    const { type, compression, content: bytes } = message.content;
    // A character takes at most four bytes.
    if (bytes.length > 4 * largest) return { text: null, size: bytes.length };
    if (type.authorityId !== "xmtp.org" || type.typeId !== "text" || type.versionMajor !== 1) return nothing;
    if (compression !== undefined && compression !== null) return nothing;
    const text = utf8.decode(bytes);
    return text.length > largest ? { text: null, size: text.length } : { text, size: text.length };
  } catch {
    return nothing;
  }
}

const is_inbox = (id) => typeof id === "string" && /^[0-9a-f]{64}$/.test(id);

/**
 * What was passed over and needs no place in the host's memory: messages of kinds that hosts do not speak in, and what the
 * client could not take in at all.
 */
const passed = { other: 0, failed: 0 };

/** Does what a message of a stranger may make fail: that costs this message, and nobody else anything. */
function guarded(work, value) {
  try {
    return work(value);
  } catch (error) {
    passed.failed += 1;
    note(`passed over: ${why(error)}`);
  }
}

// ---- what comes in
//
// The client's database is the buffer: a message that the host has no room for, or that came while nobody looked, is read
// from there later, so that each peer's messages reach the host in the order in which the client took them in.

let client;
/** The wallet, as the client calls it. */
let identifier;
let largest = 0;
/** Whether both streams run and what came before them was found. Until then the host gets and sends nothing. */
let online = false;
/** For each peer when the latest message that the host has was sent, and the ids that it has of the moments before. */
const given = new Map();
let overlap = 0n;
/** When a message was sent at the earliest that the host looks for. */
let since = 0n;

/**
 * Peers wait in two lines that share nothing: those whom the host names go on whatever the others send. A line has the room
 * that the host gave it, and the peers whose messages have to be read from the database, those first that have waited longest
 * for their turn; with those that were read already, from when on there may be more, and whether all of it has to be looked
 * through once more.
 */
class Line {
  room = 0;
  behind = new Map();
  busy = false;
}
const lines_of = { first: new Line(), rest: new Line() };
/** The peers that stand in the first line. */
let named = new Set();
const line_of = (peer) => (named.has(peer) ? lines_of.first : lines_of.rest);

/** How many messages were handed over. */
let handed = 0;
/** Conversations that the client cannot read now: how often it tried, when it tries again, and why. */
const unread = new Map();

function had(peer, { sent_ns, ids }) {
  given.set(peer, { sent: BigInt(sent_ns), ids: new Map(ids.map((id) => [id, BigInt(sent_ns)])) });
}

/** Notes that the host has a message. What is too old to be mistaken for new is forgotten. */
function give({ senderInboxId: peer, id, sentAtNs }) {
  // A time that cannot be would have everything after it looked like something that the host has.
  const latest = BigInt(Date.now()) * 1_000_000n + DAY;
  const sent = sentAtNs < latest ? sentAtNs : latest;
  const known = given.get(peer) ?? { sent, ids: new Map() };
  given.set(peer, known);
  if (sent > known.sent) known.sent = sent;
  known.ids.set(id, sent);
  if (known.ids.size % 256 !== 0) return;
  // What came by a stream of its own comes once more by the one of all, when that has got so far.
  const horizon = known.sent - (apart.has(peer) ? LAG : 2n * overlap);
  for (const [old, at] of known.ids) if (at < horizon || known.ids.size > IDS) known.ids.delete(old);
}

/** Hands over a message. One that cannot be read goes without its text: the host counts it, and it is not read again. */
function hand_over(message, line) {
  const { text, size } = text_of(message);
  say({
    is: "message",
    peer: message.senderInboxId,
    id: message.id,
    sent_ns: String(message.sentAtNs),
    size,
    // The decoder lets no half of a character through.
    text,
    first: line === lines_of.first,
  });
  line.room -= 1;
  handed += 1;
  give(message);
  if (text === null) bury(message.id);
}

/** Messages that nobody can read, which leave the client's database when there is time. */
const buried = [];

function bury(id) {
  // What there is no place for is met once more at the next start.
  if (buried.push(id) === 1) setTimeout(dig, 50);
  if (buried.length > 4_096) buried.shift();
}

function dig() {
  for (let n = 0; n < 16 && buried.length > 0; n++) guarded((id) => library.deleteMessageById(id), buried.shift());
  if (buried.length > 0) setTimeout(dig, 50);
}

/** The peers with traffic since the last sweep. */
const active = new Set();
setInterval(() => {
  if (!online) return;
  for (const peer of active) fall_behind(peer);
  active.clear();
  catch_up();
}, SWEEP).unref();

/** Tries again what could not be read. */
setInterval(() => {
  if (!online) return;
  for (const [peer, { at }] of unread) if (at <= Date.now()) fall_behind(peer);
  catch_up();
}, RETRY[0]).unref();

function fall_behind(peer) {
  // It is looked through when it is settled.
  if (settling.has(peer)) return;
  const { behind } = line_of(peer);
  const queue = behind.get(peer);
  if (queue) queue.stale = true;
  else behind.set(peer, { list: [], from: null, stale: true });
}

/** Tells the host what another installation of our inbox says. What this one says itself is no news. */
function said_as_us(message) {
  const { text } = text_of(message);
  if (text === null) return;
  const { senderInstallationId: by } = library.findEnrichedMessageById(message.id);
  if (by === client.installationId) return;
  say({ is: "twin", by, sent_ns: String(message.sentAtNs), text });
}

function arrived(message) {
  const peer = message.senderInboxId;
  if (peer === client.inboxId) return said_as_us(message);
  if (!is_speech(message) || !is_inbox(peer)) {
    passed.other += 1;
    return;
  }
  active.add(peer);
  if (!named.has(peer)) crowd.count += 1;
  if (given.get(peer)?.ids.has(message.id) || settling.has(peer)) return;
  const line = line_of(peer);
  if (online && line.room > 0 && !line.behind.has(peer)) hand_over(message, line);
  else {
    fall_behind(peer);
    catch_up();
  }
}

/**
 * Reads on in the messages of a peer, oldest first and a page at a time: however much there is, little of it is in memory. By
 * the network's time: the time at which the client took a message in changes.
 */
async function read(peer, queue) {
  const dm = dm_with(peer);
  let { from } = queue;
  let list = [];
  for (let limit = FIRST_PAGE; dm && from !== null && list.length === 0; ) {
    const page = await dm.findMessages({
      limit,
      direction: SortDirection.Ascending,
      sortBy: MessageSortBy.SentAt,
      sentAfterNs: from > 0n ? from - 1n : undefined,
      contentTypes: [ContentType.Text],
      excludeSenderInboxIds: [client.inboxId],
    });
    const had = given.get(peer)?.ids;
    // Whatever of a peer's is found here is handed over, in whatever state: what is left out would be found again for ever.
    list = page.filter((message) => message.senderInboxId === peer && !had?.has(message.id));
    const last = page.at(-1)?.sentAtNs;
    // What is of its last moment is read again with the next page, which is a larger one where a moment fills it.
    if (page.length < limit) from = null;
    else if (last > from) [from, limit] = [last, PAGE];
    else limit *= 4;
  }
  queue.list = list;
  queue.from = dm ? from : null;
  // What many peers have waiting here must not fill the memory: the first one leaves at once, and few bytes stay.
  let size = 0;
  const kept = list.findIndex((message, at) => (size += size_of(message)) > HELD && at > 0);
  if (kept > 0) {
    list.length = kept;
    queue.from = list.at(-1).sentAtNs;
  }
}

/** Returns how many bytes a message takes. */
function size_of(message) {
  try {
    return message.content.content.length;
  } catch {
    return 0;
  }
}

/** Returns the conversation with a peer, if there is one. */
function dm_with(peer) {
  try {
    return library.findDmByTargetInboxId(peer);
  } catch {
    return undefined;
  }
}

/** Hands over what is behind in both lines. */
function catch_up() {
  if (!online) return;
  for (const line of Object.values(lines_of)) void serve(line);
}

/** Hands over what is behind in a line, one message of each peer at a time, for as long as the host has room. */
async function serve(line) {
  if (line.busy) return;
  line.busy = true;
  const { behind } = line;
  while (online && line.room > 0 && behind.size > 0) {
    const [peer, queue] = behind.entries().next().value;
    try {
      if (queue.list.length === 0 && !(await find(peer, queue, behind))) continue;
      const message = queue.list.shift();
      if (message && !given.get(peer)?.ids.has(message.id)) hand_over(message, line);
      // To the end of the line.
      if (behind.delete(peer)) behind.set(peer, queue);
    } catch (error) {
      set_aside(peer, error);
      behind.delete(peer);
    }
  }
  line.busy = false;
}

/** Reads what a peer's queue is to hold next. Returns whether it is still its turn. */
async function find(peer, queue, behind) {
  if (queue.from === null) {
    if (!queue.stale) {
      behind.delete(peer);
      return false;
    }
    queue.stale = false;
    const known = given.get(peer);
    queue.from = known && known.sent - overlap > since ? known.sent - overlap : since;
  }
  await read(peer, queue);
  unread.delete(peer);
  // The host may have lost what was read meanwhile, and then it is read from further back; or the peer stands elsewhere now.
  return behind.get(peer) === queue;
}

/** Leaves a conversation alone for a while that cannot be read. It costs the others nothing. */
function set_aside(peer, error) {
  const tries = (unread.get(peer)?.tries ?? 0) + 1;
  const pause = Math.min(RETRY[1], RETRY[0] * 2 ** tries);
  unread.set(peer, { tries, at: Date.now() + pause, why: why(error) });
  note(`a conversation cannot be read: ${why(error)}`);
}

/** Reads a stream to its end. What was in it then is in the database. */
async function follow(open, take) {
  let fail;
  let failure;
  const ended = new Promise((_, reject) => {
    fail = reject;
  });
  ended.catch(() => {});
  const stream = await open(
    (error, value) => {
      if (error) {
        // Of one message. If it is the stream's, that ends.
        failure = error;
        passed.failed += 1;
      } else if (value !== undefined && value !== null) guarded(take, value);
    },
    (error) => fail(error ?? failure ?? new Error("the stream ended")),
  );
  await Promise.race([stream.waitForReady(), ended]);
  return { stream, ended };
}

// ---- ways past the one stream
//
// The client takes in what all peers send in one stream, one message after the other. Whoever sends more than it takes in makes
// everybody wait there, before any turn is taken here. So the peers that the host names have streams of their own, and a peer
// that nobody knew is looked at as soon as its conversation is there.

/** How much those who are not named have sent in this second, and until when that counts as a flood. */
const crowd = { count: 0, until: 0 };
setInterval(() => {
  const was_crowded = crowd.until > Date.now();
  if (crowd.count >= CROWD) crowd.until = Date.now() + CALM;
  crowd.count = 0;
  if (crowd.until > Date.now() || was_crowded || apart.size > 0) void attend();
}, 500).unref();

/** The streams of their own that named peers have, while others send much. */
const apart = new Map();
/** The peers whose stream is being opened: until what came before is in the database, nothing of theirs is handed over. */
const settling = new Set();
let attending = false;
/** When a stream was opened for a peer and none came of it. */
const tried = new Map();

/** Opens and closes the streams of named peers. */
async function attend() {
  if (!online || attending) return;
  attending = true;
  try {
    const is_crowded = crowd.until > Date.now();
    // Those that spoke last, by what is known here: the database has enough to do.
    const spoke = (peer) => given.get(peer)?.sent ?? 0n;
    const latest = (one, other) => (spoke(one) < spoke(other) ? 1 : spoke(one) > spoke(other) ? -1 : 0);
    const wanted = new Set(is_crowded ? [...named].sort(latest).slice(0, APART) : []);
    for (const [peer, stream] of apart)
      if (!wanted.has(peer)) {
        apart.delete(peer);
        guarded((stream) => stream.end(), stream);
      }
    for (const peer of wanted)
      if (online && !apart.has(peer) && !(tried.get(peer) > Date.now() - SWEEP)) {
        tried.set(peer, Date.now());
        if (await set_apart(peer)) tried.delete(peer);
      }
    for (const peer of tried.keys()) if (!wanted.has(peer)) tried.delete(peer);
  } catch (error) {
    note(`conversations have no streams of their own: ${why(error)}`);
  }
  attending = false;
}

async function set_apart(peer) {
  const dm = dm_with(peer);
  if (!dm) return false;
  settling.add(peer);
  line_of(peer).behind.delete(peer);
  const opening = follow((take, end) => dm.stream(take, end), arrived);
  try {
    const { stream, ended } = await within(opening);
    ended.catch(() => apart.get(peer) === stream && apart.delete(peer));
    // What the stream of all has yet to bring is older than what this one brings.
    await within(dm.sync());
    apart.set(peer, stream);
  } catch (error) {
    note(`a conversation has no stream of its own: ${why(error)}`);
    opening.then(
      ({ stream }) => stream.end(),
      () => {},
    );
  }
  settling.delete(peer);
  fall_behind(peer);
  catch_up();
  return apart.has(peer);
}

/** Conversations that are new, and how many of them are looked at now. */
const fresh = [];
let looks = 0;

/**
 * Takes in what a new conversation holds. Many are looked at together, so that one with a single message is done while others
 * with hundreds are not. What there is no place for comes by the stream of all.
 */
async function appeared(dm) {
  if (fresh.push(dm) > FRESH) fresh.shift();
  if (looks === LOOKS) return;
  looks += 1;
  while (online && fresh.length > 0) {
    const dm = fresh.shift();
    try {
      const peer = dm.dmPeerInboxId();
      await within(dm.sync());
      if (is_inbox(peer)) fall_behind(peer);
      catch_up();
    } catch (error) {
      note(`a new conversation cannot be looked at yet: ${why(error)}`);
    }
  }
  looks -= 1;
}

/** Waits for work, but not for long. */
function within(work) {
  work.catch(() => {});
  return Promise.race([
    work,
    wait(PATIENCE).then(() => {
      throw new Error("it takes too long");
    }),
  ]);
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

/** Returns who has a conversation with us, those first with whom something was said lately. */
function peers() {
  const found = library.list({
    conversationType: ConversationType.Dm,
    orderBy: ListConversationsOrderBy.LastActivity,
  });
  const peers = new Set();
  for (const item of found) {
    try {
      peers.add(item.conversation.dmPeerInboxId());
    } catch (error) {
      note(`whose conversation it is cannot be read: ${why(error)}`);
    }
  }
  return [...peers].filter(is_inbox);
}

/**
 * Before the stream of all brings whatever came while we were away: takes in what the named peers have said, then what new
 * conversations hold, and for a short time at most.
 */
async function first_of_all() {
  const all = peers();
  for (const peer of all) fall_behind(peer);
  catch_up();
  const begun = all.filter((peer) => !given.has(peer) && !named.has(peer)).map(dm_with).filter(Boolean);
  if (begun.length === 0) return;
  crowd.until = Date.now() + CALM;
  const looked = async () => {
    await attend();
    await Promise.all(begun.map(appeared));
  };
  await Promise.race([looked(), wait(PATIENCE)]);
}

/** Stays connected. At every start, what the database holds beyond what the host has is handed over first. */
async function listen() {
  for (let again = false; ; again = true) {
    const streams = [];
    try {
      // Whatever took the connection away may have taken the network's memory too.
      if (again && !(await is_known())) return introduce(false);
      await library.sync();
      online = true;
      say({ is: "online" });
      await first_of_all();
      const { Dm, Group } = ConversationType;
      streams.push(await follow((take, end) => library.streamAllMessages(take, end, Dm), arrived));
      streams.push(await follow((take, end) => library.stream(take, end, Group), joined));
      streams.push(await follow((take, end) => library.stream(take, end, Dm), appeared));
      for (const peer of peers()) fall_behind(peer);
      for (const { conversation } of library.list({ conversationType: Group, consentStates: [ConsentState.Unknown] }))
        guarded(joined, conversation);
      catch_up();
      await Promise.race(streams.map(({ ended }) => ended));
    } catch (error) {
      online = false;
      say({ is: "offline", why: why(error) });
    }
    for (const stream of [...streams.map(({ stream }) => stream), ...apart.values()])
      guarded((stream) => stream.end(), stream);
    apart.clear();
    await pause();
  }
}

// ---- groups: the host says whether we stay

const groups = new Map();

function joined(group) {
  const [id, by] = [group.id(), group.addedByInboxId()];
  if (groups.has(id) || by === client.inboxId) return;
  groups.set(id, group);
  say({ is: "group", id, by });
}

async function leave({ id }) {
  const group = groups.get(id);
  if (!group) return;
  try {
    // Denied first: from then on nothing of it is read, whatever becomes of the request.
    group.updateConsentState(ConsentState.Denied);
    await group.leaveGroup();
  } catch (error) {
    note(`a group was not told that we leave: ${why(error)}`);
  }
}

// ---- what is old: the host says up to when

/** Removes what was said before a time, but for what the host may still ask for and what is still to be sent. */
async function forget({ before_ns, since_ns, have }) {
  since = BigInt(since_ns);
  for (const [peer, { sent }] of given) if (sent < since && !line_of(peer).behind.has(peer)) given.delete(peer);
  let count = 0;
  for (const peer of peers()) {
    try {
      const dm = dm_with(peer);
      if (dm) count += await forget_in(dm, BigInt(before_ns), have[peer] ?? { sent_ns: 0, ids: [] });
    } catch (error) {
      note(`what is old stays in the conversation with ${peer}: ${why(error)}`);
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
    const page = await dm.findMessages({
      limit: PAGE,
      direction: SortDirection.Ascending,
      sortBy: MessageSortBy.SentAt,
      kind: GroupMessageKind.Application,
      deliveryStatus: DeliveryStatus.Published,
      sentAfterNs: after,
      sentBeforeNs: before,
    });
    for (const message of page.filter(done)) count += library.deleteMessageById(message.id);
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
  lines_of.first.room = hello.credit - hello.rest;
  lines_of.rest.room = hello.rest;
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
  more({ count, rest }) {
    lines_of.first.room += count - rest;
    lines_of.rest.room += rest;
    catch_up();
  },
  // Whose messages go before those of everybody else.
  name({ peers }) {
    named = new Set(peers);
    for (const line of Object.values(lines_of))
      for (const peer of line.behind.keys())
        if (line_of(peer) !== line) {
          // Whoever reads for it at this moment reads for nobody, and it is looked through once more where it stands now.
          line.behind.delete(peer);
          fall_behind(peer);
        }
    catch_up();
    void attend();
  },
  // The host could not keep what it got.
  again({ peer, have }) {
    if (have) had(peer, have);
    else given.delete(peer);
    line_of(peer).behind.set(peer, { list: [], from: null, stale: true });
    catch_up();
  },
  ping: ({ id }) =>
    say({
      is: "pong",
      id,
      handed,
      waiting: lines_of.first.behind.size + lines_of.rest.behind.size,
      passed: passed.other,
      failed: passed.failed,
      unread: unread.size,
      why: unread.values().next().value?.why,
    }),
};

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", (line) => {
  const frame = JSON.parse(line);
  void Promise.resolve(orders[frame.do]?.(frame)).catch(give_up);
});
lines.on("close", () => process.exit(0));
