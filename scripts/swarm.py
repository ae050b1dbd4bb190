"""Write deploy/swarm.yaml from compose.yaml; with --check, exit 1 when it is not what would be written.

Images, commands, environment and health checks are taken as they stand. What `docker stack deploy` refuses or ignores
is left out or said in its own way, and what only a swarm has (replicas, rolling updates) is added.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = ROOT / "compose.yaml"
STACK = ROOT / "deploy" / "swarm.yaml"

HEADER = """\
# Written by scripts/swarm.py from compose.yaml: change that file, or the script, and run the script again.
#
#     set -a; . ./.env; set +a        # `docker stack` does not read .env by itself
#     docker stack deploy --resolve-image never -c deploy/swarm.yaml ai-service
#
# The image is not built here: APP_IMAGE names one that every node has or can pull. There is no depends_on either: the
# entrypoint waits for the database. No virtual addresses and no routing mesh (endpoint_mode: dnsrr, ports in host mode
# without a fixed number), so that it runs where the kernel has no IPVS, and so that an update can start a new replica
# beside the old one; `docker ps` shows the ports. A name resolves to the addresses of all its replicas.
"""

# Taken over as they are.
KEPT = (
    "image",
    "init",
    "entrypoint",
    "command",
    "environment",
    "healthcheck",
    "stop_grace_period",
    "read_only",
    "cap_drop",
)
# Said in another way below.
TRANSLATED = ("ports", "tmpfs", "shm_size", "volumes", "restart", "deploy")
# A swarm's images are built elsewhere, its services start in any order, and `docker stack deploy` ignores security_opt.
DROPPED = ("build", "depends_on", "security_opt")

# "never" is for the development database of a Compose project; a stack is production.
POLICY = "SCHEMATA_BACKUPS_POLICY"
# A replica that is ready may yet become unhealthy: three checks, 10 s apart, and a little.
MONITOR = "${UPDATE_MONITOR:-45s}"
UPDATE = {
    "parallelism": 1,
    "order": "start-first",
    "failure_action": "rollback",
    "monitor": MONITOR,
}
ROLLBACK = {"parallelism": 1, "order": "start-first", "failure_action": "pause", "monitor": MONITOR}


class _Dumper(yaml.SafeDumper):
    """Spells shared parts out: what is read in one place is written there."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def stack(compose: dict[str, Any]) -> dict[str, Any]:
    """Return the stack of a Compose project: its services without those of a profile, its volumes.

    Raises ValueError for a key that is neither known to fit nor known to be left out.
    """
    services = {
        name: _service(name, service) for name, service in compose["services"].items() if not service.get("profiles")
    }
    return {"services": services, "volumes": {name: volume or {} for name, volume in compose["volumes"].items()}}


def _service(name: str, service: dict[str, Any]) -> dict[str, Any]:
    if unknown := service.keys() - {*KEPT, *TRANSLATED, *DROPPED}:
        raise ValueError(f"compose.yaml, {name}: scripts/swarm.py does not know what becomes of {', '.join(unknown)}")
    made = {key: service[key] for key in KEPT if key in service}
    if POLICY in made.get("environment", {}):
        made["environment"] = {**made["environment"], POLICY: f"${{{POLICY}:-destructive}}"}
    # Data on a volume of one node: one replica, there, and never two on the same files.
    keeps_data = bool(service.get("volumes"))
    mounts: list[Any] = list(service.get("volumes", []))
    mounts += [_tmpfs(text) for text in service.get("tmpfs", [])]
    if "shm_size" in service:
        mounts.append(_tmpfs(f"/dev/shm:size={service['shm_size']}"))
    if mounts:
        made["volumes"] = mounts
    if service.get("ports") and not keeps_data:
        made["ports"] = [{"target": int(port.rpartition(":")[2]), "mode": "host"} for port in service["ports"]]
    made["deploy"] = {
        "endpoint_mode": "dnsrr",
        "replicas": 1 if keeps_data else f"${{{name.upper().replace('-', '_')}_REPLICAS:-2}}",
        **({"placement": {"constraints": ["node.role == manager"]}} if keeps_data else {}),
        "restart_policy": {"condition": "any", "delay": "2s"},
        "update_config": {"parallelism": 1, "order": "stop-first", "failure_action": "rollback"}
        if keeps_data
        else UPDATE,
        "rollback_config": {"parallelism": 1, "order": "stop-first"} if keeps_data else ROLLBACK,
        **service.get("deploy", {}),
    }
    return made


def _tmpfs(text: str) -> dict[str, Any]:
    """Return Compose's short form as a mount: `docker stack deploy` ignores the short form."""
    target, _, options = text.partition(":")
    found = dict(option.partition("=")[::2] for option in options.split(",") if option)
    sizes = {"k": 2**10, "m": 2**20, "g": 2**30}
    size = found["size"].lower()
    # Any user may write there without saying so: mode 1777 is what such a mount has.
    return {
        "type": "tmpfs",
        "target": target,
        "tmpfs": {"size": int(size[:-1]) * sizes[size[-1]] if size[-1] in sizes else int(size)},
    }


def text(compose: str) -> str:
    """Return the stack file of a compose file."""
    document = stack(yaml.safe_load(compose))
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def main(arguments: list[str]) -> int:
    """Write the file, or check it; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/swarm.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is stale")
    options = parser.parse_args(arguments)
    wanted = text(COMPOSE.read_text(encoding="utf-8"))
    name = STACK.relative_to(ROOT)
    if STACK.exists() and STACK.read_text(encoding="utf-8") == wanted:
        print(f"{name} is what compose.yaml says.")
        return 0
    if options.check:
        print(f"{name} is not what compose.yaml says. Write it: python scripts/swarm.py", file=sys.stderr)
        return 1
    STACK.parent.mkdir(exist_ok=True)
    STACK.write_text(wanted, encoding="utf-8")
    print(f"Wrote {name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
