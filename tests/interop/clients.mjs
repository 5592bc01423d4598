// Official clients against a node: direct messages, a group of three, streams, clients and nodes that go away, and changes
// of an inbox. Run it in a folder where @xmtp/node-sdk 5.5.0 and viem are installed:
//
//   node clients.mjs URL                      against a node that is running
//   node clients.mjs URL --data DIR           also looks for what was said in the node's files
//   node clients.mjs URL [--data DIR] -- COMMAND ...
//                                             starts the node itself, and kills it in the middle
//
// It prints one line a check and ends with 0 if all held, otherwise with 1.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.cwd(), 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { ApiUrls, Client, isText } = await load('@xmtp/node-sdk');
const { privateKeyToAccount } = await load('viem/accounts');
const { hexToBytes } = await load('viem');

const words = process.argv.slice(2);
const dashes = words.indexOf('--');
const command = dashes < 0 ? [] : words.splice(dashes).slice(1);
const [url, flag, data] = words;
if (!url || (flag && (flag !== '--data' || !data))) {
  console.error('usage: clients.mjs URL [--data DIR] [-- COMMAND ...]');
  process.exit(2);
}
// Some functions of this version ask this address whatever they are told.
ApiUrls.local = url;

const home = await mkdtemp(join(tmpdir(), 'clients-'));
const secret = `never-in-the-clear-${randomBytes(12).toString('hex')}`;
const streaming = { disableSync: true, retryDelay: 400, retryAttempts: 1e6 };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let node;
process.on('exit', () => node?.kill('SIGKILL'));

function check(holds, what) {
  if (!holds) throw new Error(`does not hold: ${what}`);
  console.log(`ok  ${what}`);
}

async function until(holds, what, ms = 20_000) {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`did not happen within ${ms} ms: ${what}`);
    await sleep(20);
  }
}

async function startNode() {
  if (!command.length) return;
  const started = spawn(command[0], command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  started.on('error', () => {});
  node = started;
  const { hostname, port } = new URL(url);
  const { connect } = await import('node:net');
  await until(
    () =>
      new Promise((resolve, reject) => {
        // Somebody else's node would answer in the place of one that could not start.
        if (started.exitCode !== null || started.pid === undefined) reject(new Error('the node ended'));
        const socket = connect(Number(port), hostname, () => (socket.destroy(), resolve(true)));
        socket.on('error', () => resolve(false));
      }),
    'the node listens',
  );
  await sleep(200);
  if (started.exitCode !== null) throw new Error('the node ended');
}

async function killNode() {
  const ended = new Promise((resolve) => node.once('exit', resolve));
  node.kill('SIGKILL');
  await ended;
}

function wallet() {
  const account = privateKeyToAccount(`0x${randomBytes(32).toString('hex')}`);
  return {
    type: 'EOA',
    address: account.address,
    getIdentifier: () => ({ identifier: account.address.toLowerCase(), identifierKind: 0 }),
    signMessage: async (message) => hexToBytes(await account.signMessage({ message })),
  };
}

class Agent {
  static async open(name, signer = wallet()) {
    const agent = new Agent();
    Object.assign(agent, { name, signer, heard: [] });
    await agent.reopen();
    return agent;
  }

  async reopen() {
    this.client = await Client.create(this.signer, {
      env: 'local',
      apiUrl: url,
      dbPath: join(home, `${this.name}.db3`),
      historySyncUrl: null,
      disableDeviceSync: true,
      loggingLevel: 'Off',
    });
  }

  async listen() {
    this.stream = await this.client.conversations.streamAllMessages({
      ...streaming,
      onValue: (message) => {
        if (message && isText(message) && message.senderInboxId !== this.client.inboxId) {
          this.heard.push(message.content);
        }
      },
      onError: () => {},
    });
  }

  async hush() {
    await this.stream.end();
  }

  async hears(texts, what) {
    await until(() => texts.every((text) => this.heard.includes(text)), what);
    const order = this.heard.filter((text) => texts.includes(text));
    check(JSON.stringify(order) === JSON.stringify(texts), what);
  }
}

const numbered = (name, count) =>
  Array.from({ length: count }, (_, at) => `${name} ${at} ${secret}`);

async function directMessages(alice, bob) {
  await Promise.all([alice.listen(), bob.listen()]);
  const dm = await alice.client.conversations.createDm(bob.client.inboxId);
  const texts = numbered('dm', 50);
  const start = performance.now();
  for (const text of texts) await dm.sendText(text);
  await bob.hears(texts, `50 direct messages arrive in order (${(performance.now() - start).toFixed(0)} ms)`);

  await bob.client.conversations.sync();
  const back = (await bob.client.conversations.createDm(alice.client.inboxId));
  const times = [];
  for (let at = 0; at < 50; at++) {
    const [ping, pong] = [`ping ${at}`, `pong ${at}`];
    const sent = performance.now();
    await dm.sendText(ping);
    while (!bob.heard.includes(ping)) await sleep(0);
    await back.sendText(pong);
    while (!alice.heard.includes(pong)) await sleep(0);
    times.push(performance.now() - sent);
  }
  times.sort((a, b) => a - b);
  check(times.length === 50, `50 round trips: p50 ${times[25].toFixed(1)} ms, p95 ${times[47].toFixed(1)} ms`);

  const large = `${'x'.repeat(1_000_000)} ${secret}`;
  await dm.sendText(large);
  await bob.hears([large], 'a message of 1 MB arrives');
  return dm;
}

async function groupOfThree(alice, bob, carol) {
  await carol.listen();
  const group = await alice.client.conversations.createGroup(
    [bob.client.inboxId, carol.client.inboxId],
    { groupName: 'before' },
  );
  const first = numbered('group', 10);
  for (const text of first) await group.sendText(text);
  await bob.hears(first, 'the group reaches its second member');
  await carol.hears(first, 'the group reaches its third member');

  await group.updateName(`after ${secret}`);
  const [bobs, carols] = await Promise.all(
    [bob, carol].map((agent) => agent.client.conversations.getConversationById(group.id)),
  );
  await Promise.all([bobs.sync(), carols.sync()]);
  check(bobs.name === `after ${secret}` && carols.name === bobs.name, 'the new name reaches both');

  await group.removeMembers([carol.client.inboxId]);
  await group.sendText(`without carol ${secret}`);
  await bob.hears([`without carol ${secret}`], 'who stays hears on');
  await until(() => carols.sync().then(() => !carols.isActive, () => !carols.isActive), 'carol is out');
  check(!carol.heard.includes(`without carol ${secret}`), 'who was removed hears nothing more');
}

async function tooLarge(dm, bob) {
  const mallory = await Agent.open('mallory');
  const theirs = await mallory.client.conversations.createDm(bob.client.inboxId);
  const sent = await theirs.sendText(`${'x'.repeat(25_000_000)} ${secret}`).then(() => true, () => false);
  check(!sent, 'a message of 25 MB is refused');
  const after = `after the large one ${secret}`;
  await dm.sendText(after);
  await bob.hears([after], 'and harms nobody');
}

async function offline(dm, bob) {
  await bob.hush();
  bob.client = undefined;
  const texts = numbered('offline', 25);
  for (const text of texts) await dm.sendText(text);
  const start = performance.now();
  await bob.reopen();
  await bob.listen();
  await bob.hears(texts, `25 messages wait for who was away (${(performance.now() - start).toFixed(0)} ms)`);
}

async function killed(dm, bob) {
  const [before, after] = [numbered('before the kill', 20), numbered('after the kill', 20)];
  for (const text of before) await dm.sendText(text);
  await killNode();
  await sleep(500);
  await startNode();
  const start = performance.now();
  for (const text of after) {
    await until(() => dm.sendText(text).then(() => true, () => false), 'the node answers again');
  }
  await bob.hears([...before, ...after], `a killed node loses nothing (${(performance.now() - start).toFixed(0)} ms)`);
}

async function identity(alice) {
  const client = alice.client;
  const second = wallet();
  await client.unsafe_addAccount(second, true);
  const known = async (signer) =>
    (await client.canMessage([signer.getIdentifier()])).get(signer.getIdentifier().identifier);
  check(await known(second), 'a second address is linked');
  await client.removeAccount(second.getIdentifier());
  check(!(await known(second)), 'and unlinked');

  const other = await Agent.open('alice-2', alice.signer);
  check(other.client.inboxId === client.inboxId, 'a second installation joins the inbox');
  await client.revokeAllOtherInstallations();
  const state = await client.preferences.fetchInboxState();
  check(state.installations.length === 1, 'and is revoked');

  await client.changeRecoveryIdentifier(second.getIdentifier());
  const changed = await client.preferences.fetchInboxState();
  const recovery = changed.recoveryIdentifier.identifier;
  check(recovery === second.getIdentifier().identifier, 'the recovery address changes');
}

async function inTheClear() {
  let bytes = 0;
  for (const name of await readdir(data)) {
    const content = await readFile(join(data, name));
    bytes += content.length;
    if (content.includes(secret)) throw new Error(`${name} holds what was said`);
  }
  check(bytes > 0, `nothing that was said is in the node's files (${bytes} bytes)`);
}

let failed = false;
try {
  await startNode();
  const agents = {};
  for (const name of ['alice', 'bob', 'carol']) agents[name] = await Agent.open(name);
  console.log('ok  three clients register');
  const dm = await directMessages(agents.alice, agents.bob);
  await groupOfThree(agents.alice, agents.bob, agents.carol);
  await tooLarge(dm, agents.bob);
  await offline(dm, agents.bob);
  if (command.length) await killed(dm, agents.bob);
  await identity(agents.alice);
  if (data) await inTheClear();
} catch (error) {
  failed = true;
  console.error(error);
}
await rm(home, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
