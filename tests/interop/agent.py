"""One agent of the published package agent-coworker, unmodified, in a folder of its own, led by JSON lines.

    HOME=DIR python agent.py serve|mute NAME NODE_MODULES PRELOAD NODE_URL

DIR/.coworker holds the agent. A mute one has a bridge and answers nothing by itself. A line in is {"id": 1, "do": "call", ...}, a line out {"id": 1, "value": ...} or
{"id": 1, "error": "..."}; {"is": "ready", ...} comes first, and {"is": "message", ...} for everything that reaches its
bridge, at once and unread by the agent. What the agent prints goes to stderr. It ends, with its bridge, when its input
does; after {"do": "leave"} the bridge stays, and takes mail for the next one in the same folder.
"""

import argparse
import contextlib
import fcntl
import io
import json
import os
import sys
import threading
import time
import traceback
import urllib.request
from pathlib import Path

from agent_coworker import Agent, cli
from agent_coworker._internal import bridge

MODE, NAME, MODULES, PRELOAD, NODE = sys.argv[1:6]
HOME = Path(os.environ["HOME"]).absolute()
DATA = HOME / ".coworker"
OUT = sys.stdout
WRITING = threading.Lock()
CONNECTED = threading.Event()
ran = []


def say(line):
    with WRITING:
        OUT.write(json.dumps(line) + "\n")
        OUT.flush()


# -- What the agent offers ------------------------------------------------------------------------------------------

agent = Agent(NAME, data_dir=str(DATA))
numbers = {"a": "int", "b": "int"}


@agent.skill("add", description="Adds two numbers", input_schema=numbers, output_schema={"sum": "int"})
def add(a, b):
    ran.append(["add", a, b])
    return {"sum": a + b}


@agent.skill("versioned", description="Says its version", version="2.0.0")
def versioned():
    return {"version": "2.0.0"}


@agent.skill("internal", description="For good friends", min_trust_tier=2)
def internal():
    return {"seen": True}


@agent.skill("concealed", description="For nobody")
def concealed():
    ran.append(["concealed"])
    return {"seen": True}


@agent.skill("fails", description="Raises an exception")
def fails():
    secret_of_the_author = "sk-not-for-anybody"
    raise ValueError("it broke in /home/author/secret.py \x1b[31m" + secret_of_the_author)


@agent.skill("slow", description="Takes its time", input_schema={"seconds": "float"})
def slow(seconds):
    ran.append(["slow", seconds])
    time.sleep(seconds)
    return {"slept": seconds}


@agent.skill("big", description="Returns much", input_schema={"size": "int"})
def big(size):
    return {"text": "x" * size}


@agent.skill("text", description="Gibt zurück, was es bekommt: 漢字 🦀", input_schema={"text": "str"})
def text(text):
    return {"text": text, "length": len(text)}


@agent.skill("odd", description="Returns what is no JSON")
def odd():
    numbers = {"nan": float("nan"), "more": float("inf"), "less": float("-inf"), "huge": 1 << 80}
    return {**numbers, "half": "\ud800"}


@agent.skill("mute", description="Returns what nothing can send")
def mute():
    return {1, 2}


@agent.skill("coloured", description="\x1b[31mred\x1b[0m \u202egnikoohtloot", when_to_use="\x07 now")
def coloured():
    return {"text": "\x1b]0;owned\x07"}


# -- Its bridge -----------------------------------------------------------------------------------------------------


def identity():
    """Makes the home as the package's own `coworker init` does, with packages that need not be installed again."""
    (DATA / "bridge").mkdir(mode=0o700, parents=True, exist_ok=True)
    modules = DATA / "bridge" / "node_modules"
    if not modules.is_symlink():
        modules.symlink_to(MODULES)
    if not (DATA / "wallet.json").exists():
        cli.cmd_init(argparse.Namespace(name=NAME, force=False))


def start_bridge():
    os.environ["NODE_OPTIONS"] = f"--import={PRELOAD}"
    os.environ["COWORKER_TEST_NODE"] = NODE
    # Bridges that start at once would choose one port.
    with open(f"/tmp/coworker-interop-{os.getuid()}.lock", "w") as lock:
        for _ in range(5):
            fcntl.flock(lock, fcntl.LOCK_EX)
            started = bridge.start(DATA, env="local")
            health = None if "error" in started else get("/health")
            if health and owns(health):
                # As `coworker bridge start` does: until then the home names no real wallet.
                cli._sync_wallet_address(health["address"])
                return health
            print("the bridge did not start:", started, file=sys.stderr)
            stop_bridge()
        raise RuntimeError(f"the bridge does not start: {started}")


def owns(health):
    """Whether the bridge that answers is the one of this folder: the agent only asks whether there is one."""
    log = (DATA / "bridge.log").read_text()
    return health["address"] in log


def stop_bridge():
    pid_file = DATA / "bridge.pid"
    pid = int(pid_file.read_text()) if pid_file.exists() else None
    bridge.stop(DATA)
    if pid:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        while Path(f"/proc/{pid}").exists() and str(DATA) in Path(f"/proc/{pid}/cmdline").read_text():
            time.sleep(0.02)


def port():
    return int((DATA / "bridge_port").read_text())


def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port()}{path}", timeout=30) as reply:
        return json.loads(reply.read())


def post(path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port()}{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode(errors="replace")) from None


def restart_bridge():
    CONNECTED.clear()
    stop_bridge()
    start_bridge()
    CONNECTED.wait()


def listen():
    """Says everything that reaches the bridge, beside the agent that asks for it every second and a half."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port()}/stream") as stream:
                for line in stream:
                    if not line.startswith(b"data: "):
                        continue
                    entry = json.loads(line[6:])
                    if entry.get("event") == "connected":
                        CONNECTED.set()
                    else:
                        say({"is": "message", "entry": entry})
        except (OSError, ValueError):
            pass
        time.sleep(0.1)


# -- What it is asked to do -----------------------------------------------------------------------------------------


def send_all(to, texts):
    return [post("/send", {"to": to, "content": one})["messageId"] for one in texts]


def group(members, texts):
    made = post("/create-group", {"members": members, "name": "group", "description": ""})
    for one in texts:
        post("/group-send", {"groupId": made["groupId"], "content": one})
    return made["groupId"]


def forget(what):
    (DATA / what).unlink(missing_ok=True)


COMMANDS = {
    "connect": lambda to: agent.connect(to, retries=1),
    "call": lambda to, skill, input, timeout=60, version=None: agent.call(
        to, skill, input, timeout=timeout, version=version
    ),
    "request": lambda to, skill, input: agent.request(to, skill, input),
    "result": lambda task: agent.get_result(task),
    "collaborate": lambda to, goal: agent.collaborate(to, goal, timeout=40),
    "send": lambda to, type, payload, correlation: agent.client.send(to, type, payload, correlation_id=correlation),
    "raw": send_all,
    "group": group,
    "broadcast": lambda to, type, payload: agent.client.broadcast(to, type, payload),
    "attach": lambda to, path: agent.client.send_file(to, path),
    "trust": lambda peer, tier: agent.trust_manager.set_trust_override(peer, tier),
    "tier": lambda peer: agent.trust_manager.get_trust_tier(peer),
    "peers": lambda: agent._load_peers(),
    "ran": lambda: list(ran),
    "forget": forget,
    "bridge_stop": stop_bridge,
    "bridge_start": lambda: start_bridge()["inboxId"],
    "bridge_restart": restart_bridge,
}


def obey(order):
    id, what = order.pop("id"), order.pop("do")
    try:
        say({"id": id, "value": COMMANDS[what](**order)})
    except Exception as error:
        traceback.print_exc()
        say({"id": id, "error": f"{type(error).__name__}: {error}"})


def lead():
    CONNECTED.wait()
    while MODE == "serve" and not any(row["status"] == "online" for row in list(agent._activity)):
        time.sleep(0.02)
    health = get("/health")
    say({"is": "ready", "wallet": health["address"], "inbox": health["inboxId"]})
    leaving = False
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "leave":
            leaving = True
            break
        threading.Thread(target=obey, args=(order,), daemon=True).start()
    if not leaving:
        stop_bridge()
    sys.stderr.flush()
    os._exit(0)


def main():
    # The agent prints to stdout; that is taken.
    sys.stdout = io.TextIOWrapper(sys.stderr.buffer, line_buffering=True, errors="backslashreplace")
    identity()
    start_bridge()
    threading.Thread(target=listen, daemon=True).start()
    leading = threading.Thread(target=lead, daemon=True)
    leading.start()
    if MODE == "mute":
        leading.join()
    offered = [name for name in agent.executor.skill_names if name != "concealed"]
    agent.serve(monitor_port=0, expose_skills=offered)


main()
