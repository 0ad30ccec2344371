"""How does the paper gateway listen, in which order does it act, and what leaves only after the disk has it?

One thread, one loop: let time pass, read every waiting request, carry them out, write their records with one fsync,
then send answers, ticks and deals. A crash in between loses nothing that anybody was told.
"""

from __future__ import annotations

import heapq
import ipaddress
import itertools
import json
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import zmq

from guardian.gateway import protocol
from guardian.gateway.actions import HANDLERS
from guardian.gateway.protocol import ACTIONS, ERROR, OK, PENDING, REJECTED, Key, Refused, Request
from guardian.gateway.venue import Now, Outcome, Publication, Venue, deal_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardian.gateway.journal import Journal

BATCH: Final = 256  # requests of one turn: they share an fsync, and ticks wait no longer than that
CLOCK_SAVE_NS: Final = 1_000_000_000
IDLE_MS: Final = 250  # how long a signal to stop may wait


class InterfaceRefused(Exception):
    """An address that would be open to every interface, or to the network without CURVE."""


class Held(NamedTuple):
    """A request that waits for its moment (DELAY, STALL)."""

    due_ns: int
    number: int
    client: bytes
    request: Request
    received_ns: int


def clock() -> Now:
    """Read both clocks."""
    return Now(time.monotonic_ns(), time.time_ns() // 1_000_000)


def is_readable(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message waits; cheaper than an exception that says no."""
    return int(socket.getsockopt(zmq.EVENTS)) & 1 == 1  # zmq.POLLIN, whose own & is slow


def refuse_interface(url: str, *, is_encrypted: bool) -> None:
    """Raise `InterfaceRefused` unless `url` names one interface, and loopback when nothing encrypts it."""
    host = url.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise InterfaceRefused(f"{url}: tcp://<address of one interface>:<port>") from error
    if address.is_unspecified or not url.startswith("tcp://"):
        raise InterfaceRefused(f"{url}: the gateway is never bound to every interface")
    if not address.is_loopback and not is_encrypted:
        raise InterfaceRefused(f"{url}: off loopback only with --curve-dir")


class Server:
    """The ZMQ loop around a venue."""

    def __init__(self, venue: Venue, journal: Journal, keys: Sequence[Key]) -> None:
        self.venue, self.journal = venue, journal
        self.keys = {key.key_id: key for key in keys}
        self.is_stopping = False
        self._first_key = keys[0]
        self._nonces = protocol.Nonces()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._commands = self._context.socket(zmq.ROUTER)
        self._ticks = self._context.socket(zmq.XPUB)
        self._held: list[Held] = []
        self._numbers = itertools.count()
        self._answers: list[tuple[bytes, bytes]] = []
        self._published: list[Publication] = []
        self._clocks_saved_ns = 0

    def bind(self, commands: str, ticks: str, *, curve: tuple[bytes, bytes] | None = None) -> tuple[str, str]:
        """Bind both sockets and return their addresses (port 0 takes a free one).

        Raises `InterfaceRefused`, or `zmq.ZMQError` when a port is occupied.
        """
        bound = []
        for socket, url in ((self._commands, commands), (self._ticks, ticks)):
            refuse_interface(url, is_encrypted=curve is not None)
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.SNDHWM, 100_000)
            socket.setsockopt(zmq.RCVHWM, 100_000)
            socket.setsockopt(zmq.MAXMSGSIZE, protocol.MESSAGE_BYTES_MAX)
            if curve:
                socket.setsockopt(zmq.CURVE_SERVER, 1)
                socket.curve_publickey, socket.curve_secretkey = curve
            socket.bind(url.removesuffix(":0") + ":*" if url.endswith(":0") else url)
            bound.append(socket.getsockopt_string(zmq.LAST_ENDPOINT))
        return bound[0], bound[1]

    def run(self) -> None:
        """Serve until `is_stopping`."""
        poller = zmq.Poller()
        poller.register(self._commands, zmq.POLLIN)
        poller.register(self._ticks, zmq.POLLIN)
        while not self.is_stopping:
            poller.poll(self._wait_ms(clock()))
            self.turn()
        self.journal.save_clocks(self.venue.clocks(clock()))

    def turn(self) -> None:
        """One turn of the loop: time, requests, disk, answers.

        All of it happens at one moment: every tick up to it has been told before a request is carried out at it, so
        that no later deal is older than a receipt says.
        """
        self._read_subscriptions()
        now = clock()
        self._advance(now)
        while self._held and self._held[0].due_ns <= now.mono_ns:
            held = heapq.heappop(self._held)
            self._carry_out(held.client, held.request, held.received_ns, now)
        for _ in range(BATCH):
            if not is_readable(self._commands):
                break
            parts = self._commands.recv_multipart(zmq.NOBLOCK)
            self._receive(parts[0], parts[-1], now)
        self.journal.commit()
        self._send(now)

    def close(self) -> None:
        """Close the sockets."""
        self._commands.close(0)
        self._ticks.close(0)
        self._context.term()

    def _wait_ms(self, now: Now) -> int:
        due = [held.due_ns for held in self._held[:1]]
        tick = self.venue.next_due_ns()
        due += [tick] if tick is not None else []
        if not due:
            return IDLE_MS
        return min(max(-(-(min(due) - now.mono_ns) // 1_000_000), 0), IDLE_MS)

    def _read_subscriptions(self) -> None:
        while is_readable(self._ticks):
            message = self._ticks.recv(zmq.NOBLOCK)
            if message[:1] == b"\x01":
                self.venue.watched.add(message[1:])
            else:
                self.venue.watched.discard(message[1:])

    def _advance(self, now: Now) -> None:
        published, records = self.venue.advance(now)
        self._published += published
        for record in records:
            self.journal.append(record)

    # ── Requests ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def _receive(self, client: bytes, raw: bytes, now: Now) -> None:
        self.venue.counters["requests_processed"] += 1
        message: dict[str, Any] = {}
        try:
            message = protocol.parse(raw)
            request = protocol.open_request(
                message, keys=self.keys, gateway_id=self.venue.gateway_id, now_ms=now.wall_ms, nonces=self._nonces
            )
        except Refused as refused:
            self.venue.counters["errors_encountered"] += 1
            key = self.keys.get(str(message.get("key_id")), self._first_key)
            request_id = message["id"] if protocol.is_uuid4(message.get("id")) else ""
            outcome = Outcome(ERROR, refused.code, refused.message, refused.data)
            self._answer(client, request_id, key, outcome, now.mono_ns)
            return
        if wait_ns := self._wait_ns(request, now):
            self._hold(client, request, now, wait_ns)
        else:
            self._carry_out(client, request, now.mono_ns, now)

    def _wait_ns(self, request: Request, now: Now) -> int:
        """Return how long a fault holds this request back."""
        login = request.login
        running = self.venue.accounts.get(login)
        if request.action == "FAULT":
            return 0
        if running and running.stalled_until_ns > now.mono_ns:
            return running.stalled_until_ns - now.mono_ns
        struck = running.faults.strike("DELAY", request.action) if running else None
        struck = struck or self.venue.faults.strike("DELAY", request.action)
        return struck.ms * 1_000_000 if struck else 0

    def _hold(self, client: bytes, request: Request, now: Now, wait_ns: int) -> None:
        """Keep a request for later; one that changes something is on disk as PENDING first."""
        key = request.idempotency_key
        if key and key not in self.venue.keys:
            outcome = Outcome(PENDING, "", "waiting for the terminal", {}, request.digest, now.wall_ms)
            self.venue.keys[key] = outcome
            self.journal.append({"kind": request.action, "key": key, "outcome": _plain(outcome)})
            wait_ns = max(wait_ns, 1)
        elif key:
            self._carry_out(client, request, now.mono_ns, now)
            return
        heapq.heappush(self._held, Held(now.mono_ns + wait_ns, next(self._numbers), client, request, now.mono_ns))

    def _carry_out(self, client: bytes, request: Request, received_ns: int, now: Now) -> None:
        is_held = received_ns != now.mono_ns
        known = self.venue.keys.get(request.idempotency_key or "")
        if known and not (is_held and known.status == PENDING and known.digest == request.digest):
            outcome = known
            if known.digest != request.digest:
                outcome = Outcome(ERROR, "INVALID_VALUE", "this key came before with other content", {"retcode": -3})
        else:
            outcome = self._act(request, now, is_late=is_held and now.wall_ms > request.exp)
        if not self._strike(request, "LOSE_ANSWER"):
            self._answer(client, request.id, request.key, outcome, received_ns)

    def _act(self, request: Request, now: Now, *, is_late: bool) -> Outcome:
        """Do what is asked, once, and put record and outcome where the disk gets them."""
        venue = self.venue
        counts = {login: len(row.book.deals) for login, row in venue.accounts.items()}
        logins_before = set(venue.accounts)
        if running := venue.accounts.get(request.login):
            venue.catch_up(running, now)
        try:
            data = (_expired if is_late else HANDLERS[request.action])(venue, request, now)
            if lie := self._strike(request, "LIE"):
                data |= lie.data
            outcome = Outcome(OK, "", "", data)
        except Refused as refused:
            venue.counters["orders_rejected"] += request.action in ("ORDER_OPEN", "ORDER_CLOSE")
            outcome = Outcome(REJECTED, refused.code, refused.message, refused.data)
        if ACTIONS[request.action].changes:
            outcome.digest, outcome.wall_ms = request.digest, now.wall_ms
            self._record(request, outcome, now, set(venue.accounts) - logins_before)
            for login, row in venue.accounts.items():
                if login in counts and len(row.book.deals) > counts[login]:
                    self._published += deal_events(row, row.book.deals[counts[login] :])
        return outcome

    def _record(self, request: Request, outcome: Outcome, now: Now, opened: set[int]) -> None:
        venue = self.venue
        assert request.idempotency_key is not None
        venue.keys[request.idempotency_key] = outcome
        venue.forget_keys(now)
        record: dict[str, Any] = {"kind": request.action, "key": request.idempotency_key, "outcome": _plain(outcome)}
        for login in opened:
            record["terms"] = venue.accounts[login].terms
        touched = {str(login): rows for login, row in venue.accounts.items() if (rows := row.book.take_touched())}
        if touched:
            record["rows"] = touched
            record["clock"] = {login: venue.accounts[int(login)].elapsed(now) for login in touched}
        if outcome.status == OK and request.action == "KILL_SWITCH":
            latch = venue.latches[request.account_id, request.payload["scope"]]
            record["latch"] = {name: getattr(latch, name) for name in latch.__slots__}
        if outcome.status == OK and request.action == "ACCOUNT_CLOSE":
            login = request.login
            record["closed"], record["clock"] = login, {str(login): venue.accounts[login].elapsed_ns}
        self.journal.append(record)
        if self._strike(request, "TORN_JOURNAL"):
            self.journal.tear()

    def _strike(self, request: Request, kind: str) -> Any:
        login = request.login
        running = self.venue.accounts.get(login)
        struck = running.faults.strike(kind, request.action) if running else None
        return struck or self.venue.faults.strike(kind, request.action)

    # ── Out ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _answer(self, client: bytes, request_id: str, key: Key, outcome: Outcome, received_ns: int) -> None:
        now = clock()
        micros = (now.mono_ns - received_ns) // 1_000
        raw = protocol.build_answer(
            key=key, request_id=request_id, status=outcome.status, code=outcome.code, message=outcome.message,
            data=outcome.data, now_ms=now.wall_ms, latency_ms=f"{micros // 1_000}.{micros % 1_000:03d}",
        )  # fmt: skip
        self._answers.append((client, raw))

    def _send(self, now: Now) -> None:
        for client, raw in self._answers:
            self._commands.send_multipart((client, raw), zmq.NOBLOCK)
        self._answers.clear()
        for topic, body in self._published:
            content = json.dumps(body | {"sent_ns": time.time_ns()}, separators=(",", ":"))
            self._ticks.send_multipart((topic.encode(), content.encode()), zmq.NOBLOCK)
        if self._published and now.mono_ns - self._clocks_saved_ns > CLOCK_SAVE_NS:
            self._clocks_saved_ns = now.mono_ns
            self.journal.save_clocks(self.venue.clocks(now))
        self._published.clear()


def _expired(_venue: Venue, _request: Request, _now: Now) -> dict[str, Any]:
    raise Refused("SIGNATURE_EXPIRED", "the request expired while it waited")


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in outcome.__slots__}
