// Stands in for the official client, under the real sidecar: as much of its interface as that uses, over peers whose mail
// is made when it is read, so that there may be any amount of it. The world is a file: for each peer how many requests of
// which size wait from it, how many it makes one after the other, each when the one before is answered, and how many it pours
// out as fast as the sidecar reads, and whether its conversation holds something that no codec reads. Its messages are as far apart as it says, in nanoseconds, from so many seconds ago on.

import { Client as Library } from "@xmtp/node-bindings";
import { appendFileSync, readFileSync } from "node:fs";

export const ApiUrls = {};
export const ConsentState = { Unknown: 0, Denied: 2 };
export const ContentType = { Text: 1 };
export const ConversationType = { Dm: 0 };
export const DeliveryStatus = { Published: 1 };
export const GroupMessageKind = { Application: 0 };
export const IdentifierKind = { Ethereum: 0 };
export const ListConversationsOrderBy = { LastActivity: 1 };
export const MessageSortBy = { SentAt: 0 };
export const SortDirection = { Ascending: 0, Descending: 1 };
export const isText = (message) => typeof message.content === "string";

const { inbox, notes, peers } = JSON.parse(readFileSync(new URL("world.json", import.meta.url), "utf8"));
const note = (value) => appendFileSync(notes, `${JSON.stringify(value)}\n`);
const now = BigInt(Date.now()) * 1_000_000n;

/** A stream that ends when it is told to. */
function stream() {
  const waiting = [];
  let wake = () => {};
  let open = true;
  return {
    isDone: false,
    push(value) {
      waiting.push(value);
      wake();
    },
    end() {
      open = false;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (waiting.length > 0) yield waiting.shift();
        if (!open) return;
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

let live;
let most = 0;

class Dm {
  constructor({ peer, waiting, size, talks, pours, apart, ago, strange = false }) {
    Object.assign(this, { peerInboxId: peer, count: waiting, size, talks, pours, apart: BigInt(apart), strange });
    this.start = now - BigInt(ago) * 1_000_000_000n;
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
      correlation_id: `${this.peerInboxId.slice(0, 4)}-${n}`,
    };
    return {
      id: `${this.peerInboxId}-${n}`,
      senderInboxId: this.peerInboxId,
      sentAtNs: this.start + BigInt(n) * this.apart,
      content: JSON.stringify(envelope),
    };
  }

  async messages({ contentTypes, limit = Number.MAX_SAFE_INTEGER, direction = SortDirection.Ascending, sentAfterNs, sentBeforeNs }) {
    if (this.strange && contentTypes === undefined) throw new TypeError("no codec reads that");
    // What is read at once is in memory at once.
    if (limit > most) note({ most: (most = limit) });
    const from = sentAfterNs === undefined ? 0 : this.before(sentAfterNs + 1n);
    const to = sentBeforeNs === undefined ? this.count : this.before(sentBeforeNs);
    const numbers = Array.from({ length: Math.max(0, Math.min(limit, to - from)) }, (_, at) => at);
    const page = direction === SortDirection.Ascending ? numbers.map((at) => from + at) : numbers.map((at) => to - 1 - at);
    return page.map((n) => this.message(n));
  }

  async sendText(text) {
    note({ to: this.peerInboxId, text });
    if (this.count < this.talks) this.say();
  }

  say() {
    this.count += 1;
    live.push(this.message(this.count - 1));
  }

  pour() {
    for (let n = 0; n < 50 && this.pours > 0; n++, this.pours--) this.say();
    if (this.pours > 0) setImmediate(() => this.pour());
  }
}

const dms = new Map(peers.map((peer) => [peer.peer, new Dm(peer)]));

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
        list: async () => [...dms.values()],
        listGroups: () => [],
        async streamAllDmMessages() {
          live = stream();
          for (const dm of dms.values()) dm.pour();
          return live;
        },
        streamGroups: async () => stream(),
      },
    };
  },
};
