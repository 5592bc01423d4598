// Stands in for the official client, under the real sidecar: as much of its interface as that uses, over peers whose mail
// is made when it is read, so that there may be any amount of it. The world is a file: for each peer how many requests of
// which size wait from it, how many it makes one after the other, each when the one before is answered, and how many it pours
// out as fast as the sidecar reads, and whether its conversation holds something that cannot be read. Its messages are as far
// apart as it says, in nanoseconds, from so many seconds ago on. Those whose numbers it lists as odd hold what it says of them.

import { Client as Library, library } from "@xmtp/node-bindings";
import { appendFileSync, readFileSync } from "node:fs";

export const ApiUrls = {};
export const ConsentState = { Unknown: 0, Denied: 2 };
export const ContentType = { Text: 1 };
export const ConversationType = { Dm: 0, Group: 1 };
export const DeliveryStatus = { Published: 1 };
export const GroupMessageKind = { Application: 0 };
export const IdentifierKind = { Ethereum: 0 };
export const ListConversationsOrderBy = { LastActivity: 1 };
export const MessageSortBy = { SentAt: 0 };
export const SortDirection = { Ascending: 0, Descending: 1 };

const { inbox, notes, peers } = JSON.parse(readFileSync(new URL("world.json", import.meta.url), "utf8"));
const note = (value) => appendFileSync(notes, `${JSON.stringify(value)}\n`);
const now = BigInt(Date.now()) * 1_000_000n;

/** A stream that ends when it is told to. */
function stream(take, end) {
  const waiting = [];
  let under_way = false;
  const pass_on = () => {
    under_way = false;
    for (let n = 0; n < 64 && waiting.length > 0; n++) take(null, waiting.shift());
    wake();
  };
  const wake = () => {
    if (under_way || waiting.length === 0) return;
    under_way = true;
    setImmediate(pass_on);
  };
  return {
    waitForReady: async () => {},
    push(value) {
      waiting.push(value);
      wake();
    },
    end: () => end(null),
    fail: (error) => take(error, undefined),
  };
}

let live;
let most = 0;

const plain = { authorityId: "xmtp.org", typeId: "text", versionMajor: 1, versionMinor: 0 };

class Dm {
  async sync() {}

  async stream(take, end) {
    return stream(take, end);
  }

  constructor({ peer, waiting, size, talks, pours, apart, ago, strange = false, odd = {} }) {
    Object.assign(this, { peer, count: waiting, size, talks, pours, apart: BigInt(apart), strange, odd });
    this.start = now - BigInt(ago) * 1_000_000_000n;
  }

  dmPeerInboxId() {
    if (this.strange === "nameless") throw new TypeError("no peer is known");
    return this.peer;
  }

  /** Returns how many messages were sent before a time. */
  before(time) {
    if (time <= this.start) return 0;
    if (this.apart === 0n) return this.count;
    return Math.min(this.count, Number((time - this.start + this.apart - 1n) / this.apart));
  }

  message(n) {
    const input = { n, text: "x".repeat(this.size) };
    const envelope = {
      protocol: "coworker",
      version: "1.0",
      type: "task_request",
      payload: { skill: "echo", input },
      timestamp: new Date().toISOString(),
      ttl: 3600,
      correlation_id: `${this.peer.slice(0, 4)}-${n}`,
    };
    const message = {
      id: `${this.peer}-${n}`,
      senderInboxId: this.peer,
      sentAtNs: this.start + BigInt(n) * this.apart,
      kind: GroupMessageKind.Application,
      content: { type: plain, parameters: {}, content: new TextEncoder().encode(JSON.stringify(envelope)) },
    };
    const odd = this.odd[n];
    if (odd === "throws")
      Object.defineProperty(message, "content", {
        get() {
          throw new TypeError("no codec reads that");
        },
      });
    else if (odd === "nothing") message.content = null;
    else if (odd) Object.assign(message, odd.message, { content: { ...message.content, ...odd.content } });
    return message;
  }

  async findMessages({ contentTypes, limit = Number.MAX_SAFE_INTEGER, direction = SortDirection.Ascending, sentAfterNs, sentBeforeNs }) {
    if (this.strange && (this.strange === "unread" || contentTypes === undefined)) throw new TypeError("no codec reads that");
    // What is read at once is in memory at once.
    if (limit > most) note({ most: (most = limit) });
    const from = sentAfterNs === undefined ? 0 : this.before(sentAfterNs + 1n);
    const to = sentBeforeNs === undefined ? this.count : this.before(sentBeforeNs);
    const numbers = Array.from({ length: Math.max(0, Math.min(limit, to - from)) }, (_, at) => at);
    const page = direction === SortDirection.Ascending ? numbers.map((at) => from + at) : numbers.map((at) => to - 1 - at);
    return page.map((n) => this.message(n));
  }

  async sendText(text) {
    note({ to: this.peer, text });
    if (this.count < this.talks) this.say();
  }

  say() {
    this.count += 1;
    // What is said before anybody listens is found in the conversation.
    live?.push(this.message(this.count - 1));
  }

  pour() {
    for (let n = 0; n < 50 && this.pours > 0; n++, this.pours--) this.say();
    if (this.pours > 0) setImmediate(() => this.pour());
  }
}

const dms = new Map(peers.map((peer) => [peer.peer, new Dm(peer)]));

library.conversations = {
  findDmByTargetInboxId(peer) {
    const dm = dms.get(peer);
    if (!dm) throw new Error("not found");
    return dm;
  },
  list: ({ conversationType }) =>
    conversationType === ConversationType.Dm ? [...dms.values()].map((conversation) => ({ conversation })) : [],
  deleteMessageById: () => 1,
  sync: async () => {},
  async streamAllMessages(take, end) {
    live = stream(take, end);
    live.fail(new Error("a message could not be taken in"));
    for (const dm of dms.values()) dm.pour();
    return live;
  },
  stream: async (take, end) => stream(take, end),
};

export const Client = {
  async create() {
    new Library().conversations();
    return {
      isRegistered: true,
      inboxId: inbox,
      installationId: "ab".repeat(32),
      libxmtpVersion: "0",
      fetchInboxIdByIdentifier: async () => inbox,
      conversations: {
        getDmByInboxId: (peer) => dms.get(peer),
        createDm: async (peer) => dms.get(peer),
      },
    };
  },
};
