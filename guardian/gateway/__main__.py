"""How is the paper gateway started? `python -m guardian.gateway --command URL --ticks URL --key-file F --journal DIR`.

Prints one line, `gateway ready <command url> <ticks url>`, once it is bound and its journal is read.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

import zmq
import zmq.auth

from guardian.gateway.codes import Refused
from guardian.gateway.faults import fault
from guardian.gateway.journal import Journal, JournalDamaged, JournalHeld
from guardian.gateway.payloads import ACTIONS, read_payload
from guardian.gateway.protocol import read_keys
from guardian.gateway.server import InterfaceRefused, Server, clock
from guardian.gateway.venue import GATEWAY_ID, Venue

EXIT_USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the gateway until SIGTERM or SIGINT; return 2 for a bad configuration, with one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        keys = read_keys(options.key_file)
        curve = zmq.auth.load_certificate(options.curve_dir / "server.key_secret") if options.curve_dir else None
        journal = Journal(options.journal)
        venue = Venue(data=options.data, gateway_id=options.gateway_id)
        server = Server(venue, journal, keys)
        venue.restore(journal.records, journal.clocks(), now=clock())
        for row in json.loads(options.faults):
            venue.faults.add(fault(read_payload(ACTIONS["FAULT"].fields, row)))
        commands, ticks = server.bind(
            options.command, options.ticks, curve=(curve[0], curve[1] or b"") if curve else None
        )
    except zmq.ZMQError as error:
        return _fail(f"cannot bind {options.command} or {options.ticks}: {error}; the port is occupied or not ours")
    except (OSError, ValueError, JournalHeld, JournalDamaged, InterfaceRefused, Refused) as error:
        return _fail(str(error))
    journal.records.clear()

    def stop(*_: object) -> None:
        server.is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stdout.write(f"gateway ready {commands} {ticks}\n")
    sys.stdout.flush()
    server.run()
    server.close()
    journal.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m guardian.gateway", description="The paper gateway.")
    parser.add_argument("--command", required=True, help="where commands are taken, such as tcp://127.0.0.1:5555")
    parser.add_argument("--ticks", required=True, help="where ticks are published, such as tcp://127.0.0.1:5556")
    parser.add_argument("--key-file", required=True, type=Path, help="KEYID:hexsecret a line; the first one signs")
    parser.add_argument("--journal", required=True, type=Path, help="folder of the journal, made if it is missing")
    parser.add_argument("--data", required=True, type=Path, help="folder of recorded bars")
    parser.add_argument("--curve-dir", type=Path, help="folder with server.key_secret; needed off loopback")
    parser.add_argument("--gateway-id", default=GATEWAY_ID, help="who requests must be addressed to")
    parser.add_argument("--faults", default="[]", help="JSON list of FAULT payloads, for the whole gateway")
    return parser


def _fail(sentence: str) -> int:
    sys.stderr.write(f"gateway: {sentence}\n")
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
