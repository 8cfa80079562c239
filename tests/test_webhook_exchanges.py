"""Requests to receivers that answer, hang, flood, redirect and close."""

import threading
import time
from ipaddress import ip_network

from odoo.tests import BaseCase, tagged

from ..models.webhooks.connections import LIMIT
from ..models.webhooks.transport import Settings, Transport
from .receiver import Receiver, answer, answering

INSIDE = Settings(networks=(ip_network("127.0.0.0/8"),))

#: Seconds of an exchange, where its end is waited for
SHORT = 0.6


@tagged("post_install", "-at_install")
class TestWebhookExchanges(BaseCase):
    def receiver(self, serve) -> Receiver:
        return self.enterContext(Receiver(serve))

    def send(self, receiver, seconds=5, body=b"{}", **headers):
        transport = Transport(INSIDE, seconds)
        self.addCleanup(transport.close)
        return transport.send(receiver.url + "hook?a=1", headers, body)

    def assertTooLate(self, serve):
        answered = self.send(self.receiver(serve), SHORT)
        self.assert_too_late(answered)
        self.assertGreaterEqual(answered.duration_ms, 1000 * SHORT)
        return answered

    def assert_too_late(self, answered):
        self.assertIn(f"within {SHORT} s", answered.error)
        self.assertFalse(answered.is_accepted)
        # The machine may be busy; the receivers take two seconds or more.
        self.assertLess(answered.duration_ms, 1000 * (SHORT + 1))

    def test_an_answer(self):
        receiver = self.receiver(answering("201 Created", b"thanks", "X-A: b"))
        answered = self.send(receiver, body=b'{"a": 1}', **{"x-tenant": "7"})
        self.assertTrue(answered.is_accepted)
        self.assertEqual(
            (answered.status, answered.text, answered.error, answered.retry_after),
            (201, "thanks", "", None),
        )
        [request] = receiver.requests
        head, __, body = request.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        self.assertEqual(lines[0], b"POST /hook?a=1 HTTP/1.1")
        self.assertIn(f"Host: 127.0.0.1:{receiver.port}".encode(), lines)
        self.assertIn(b"x-tenant: 7", lines)
        self.assertEqual(body, b'{"a": 1}')

    def test_an_answer_that_is_no_text(self):
        answered = self.send(self.receiver(answering("200 OK", b"\xff\0ok")))
        self.assertEqual((answered.text, answered.error), ("\ufffd\ufffdok", ""))

    def test_a_server_error_says_when_to_come_again(self):
        for text, seconds in (("7", 7), ("1000000000000", 6 * 3600), ("soon", None)):
            with self.subTest(text):
                serve = answering("503 Busy", b"later", f"Retry-After: {text}")
                answered = self.send(self.receiver(serve))
                self.assertEqual((answered.status, answered.text), (503, "later"))
                self.assertEqual(answered.retry_after, seconds)
                self.assertFalse(answered.is_accepted)
        serve = answering("429 Slow", b"", "Retry-After: Thu, 01 Jan 1970 00:00:01 GMT")
        self.assertEqual(self.send(self.receiver(serve)).retry_after, 0)

    def test_a_redirect_is_a_failure_and_is_not_followed(self):
        other = self.receiver(answering())
        for status in ("301 Moved", "302 Found", "303 See", "307 Later", "308 Moved"):
            serve = answering(status, b"", f"Location: {other.url}")
            answered = self.send(self.receiver(serve))
            self.assertEqual(answered.status, int(status[:3]))
            self.assertIn("points to another address", answered.error)
            self.assertFalse(answered.is_accepted)
        self.assertEqual(other.connections, 0)

    def test_a_slow_answer_ends_in_time(self):
        def drip(data):
            def serve(connection):
                connection.request()
                for byte in data:
                    connection.send(bytes([byte]))
                    time.sleep(0.05)

            return serve

        head = b"HTTP/1.1 200 OK\r\n"
        self.assertTooLate(lambda connection: time.sleep(2))
        self.assertTooLate(drip(head + b"X-A: b\r\n" * 99))
        self.assertTooLate(drip(head + b"Content-Length: 1000\r\n\r\n" + b"a" * 1000))
        chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 1000
        self.assertTooLate(drip(head + chunks))
        self.assertTooLate(drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 99))

    def test_a_slow_handshake_ends_in_time(self):
        def drip(connection):
            # A record of TLS, of 16 kB
            connection.send(b"\x16\x03\x03\x40\x00")
            for __ in range(40):
                connection.send(b"\0")
                time.sleep(0.05)

        for serve in (lambda connection: time.sleep(2), drip):
            receiver = self.receiver(serve)
            answered = Transport(INSIDE, SHORT).send(
                f"https://127.0.0.1:{receiver.port}/", {}, b"{}"
            )
            self.assert_too_late(answered)

    def test_an_answer_that_hangs_in_the_middle(self):
        def serve(connection):
            connection.request()
            connection.send(answer(body=b"a" * 5000)[:-1])
            time.sleep(2)

        answered = self.assertTooLate(serve)
        self.assertEqual((answered.status, answered.text[:4]), (200, "aaaa"))

    def test_a_request_that_nobody_reads_ends_in_time(self):
        receiver = self.receiver(lambda connection: time.sleep(2))
        answered = self.send(receiver, SHORT, body=b"a" * 50_000_000)
        self.assert_too_late(answered)

    def test_a_long_answer_is_cut(self):
        for length in ("Content-Length: 1000000000", "Connection: close"):
            self.check_cut(length)

    def check_cut(self, length):
        sent = []

        def serve(connection):
            connection.request()
            connection.send(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode())
            for __ in range(1000):
                connection.send(b"a" * 1_000_000)
                sent.append(1)

        answered = self.send(self.receiver(serve))
        self.assertTrue(answered.is_accepted, answered.error)
        self.assertLess(LIMIT - 5000, len(answered.text))
        self.assertLess(len(answered.text), LIMIT)
        # What the sockets' buffers hold, and not the whole gigabyte
        self.assertLess(len(sent), 50)

    def test_chunks_that_never_end_are_cut(self):
        def serve(connection):
            connection.request()
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.send(b"64\r\n" + b"a" * 100 + b"\r\n")

        answered = self.send(self.receiver(serve))
        self.assertTrue(answered.is_accepted, answered.error)
        self.assertLess(len(answered.text), LIMIT)

    def test_a_flood_of_headers_is_a_failure(self):
        for line in (b"X-A: " + b"a" * 50_000 + b"\r\n", b"X-A: b\r\n"):

            def serve(connection, line=line):
                connection.request()
                connection.send(b"HTTP/1.1 200 OK\r\n")
                while True:
                    connection.send(line)

            answered = self.send(self.receiver(serve))
            self.assertNotEqual(answered.error, "")
            self.assertFalse(answered.is_accepted)
            self.assertLess(answered.duration_ms, 4000)

    def test_what_is_no_http_is_a_failure(self):
        def serve(connection):
            connection.request()
            connection.send(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n")

        answered = self.send(self.receiver(serve))
        self.assertEqual(answered.status, None)
        self.assertIn("There is no whole answer", answered.error)
        self.assertNotIn("SSH", answered.error)

    def test_an_error_has_nothing_of_the_answer(self):
        """The owner is told of it by mail, and may not be one who may read answers."""
        head = b"HTTP/1.1 200 OK\r\n"
        for text in (
            b"hidden\r\n\r\n",
            b"HTTP/hidden 200 OK\r\n\r\n",
            head + b"Content-Length: 5, 6\r\nX: hidden\r\n\r\nhidden",
            head + b"Transfer-Encoding: chunked\r\n\r\nhidden\r\n",
            head + b"hidden" * 20_000,
        ):

            def serve(connection, text=text):
                connection.request()
                connection.send(text)

            with self.subTest(text[:60]):
                answered = self.send(self.receiver(serve))
                self.assertNotEqual(answered.error, "")
                self.assertNotIn("hidden", answered.error)

    def test_an_answer_that_breaks_off_is_a_failure(self):
        def serve(connection):
            connection.request()
            connection.send(answer(body=b"a" * 100)[:-50])

        answered = self.send(self.receiver(serve))
        self.assertEqual(answered.status, 200)
        self.assertIn("There is no whole answer", answered.error)

    def test_nobody_listens(self):
        with Receiver(answering()) as receiver:
            pass
        answered = self.send(receiver)
        self.assertIn("Connection refused", answered.error)
        self.assertEqual(answered.status, None)

    def test_a_header_that_cannot_be_sent_is_a_failure(self):
        with self.assertLogs("odoo.addons.crm_cqrs.models.webhooks.transport"):
            answered = self.send(self.receiver(answering()), **{"x-a": "b\r\nHost: c"})
        self.assertIn("could not be sent", answered.error)

    def test_connections_are_kept_open(self):
        receiver = self.receiver(answering("200 OK", b"ok"))
        transport = Transport(INSIDE)
        for __ in range(5):
            self.assertTrue(transport.send(receiver.url, {}, b"{}").is_accepted)
        self.assertEqual((receiver.connections, len(receiver.requests)), (1, 5))
        transport.close()

    def test_a_cut_answer_is_no_part_of_the_next(self):
        def serve(connection):
            while connection.request():
                connection.send(answer(body=b"a" * 1_000_000))

        receiver = self.receiver(serve)
        transport = Transport(INSIDE)
        for __ in range(3):
            self.assertEqual(transport.send(receiver.url, {}, b"{}").status, 200)
        self.assertEqual(receiver.connections, 3)

    def test_a_connection_closed_while_idle_is_no_failure(self):
        receiver = self.receiver(answering("200 OK", b"ok"))
        transport = Transport(INSIDE)
        self.assertTrue(transport.send(receiver.url, {}, b"{}").is_accepted)
        receiver.drop()
        self.assertTrue(transport.send(receiver.url, {}, b"{}").is_accepted)
        self.assertEqual(receiver.connections, 2)

    def test_a_connection_closed_as_it_is_used_again_is_no_failure(self):
        def serve(connection):
            connection.request()
            connection.send(answer())
            # Later connections answer all; this one takes a request and closes.
            while connection.request() and connection.number > 1:
                connection.send(answer())

        receiver = self.receiver(serve)
        transport = Transport(INSIDE)
        for __ in range(3):
            answered = transport.send(receiver.url, {}, b"{}")
            self.assertTrue(answered.is_accepted, answered.error)
        self.assertEqual((receiver.connections, len(receiver.requests)), (2, 4))

    def test_nothing_is_asked_twice_once_an_answer_began(self):
        def serve(connection):
            connection.request()
            connection.send(answer())
            connection.request()
            connection.send(b"HTTP/1.1 2")

        receiver = self.receiver(serve)
        transport = Transport(INSIDE)
        self.assertTrue(transport.send(receiver.url, {}, b"{}").is_accepted)
        self.assertNotEqual(transport.send(receiver.url, {}, b"{}").error, "")
        self.assertEqual((receiver.connections, len(receiver.requests)), (1, 2))

    def test_nothing_is_asked_twice_on_a_new_connection(self):
        receiver = self.receiver(lambda connection: connection.request())
        self.assertIn("There is no whole answer", self.send(receiver).error)
        self.assertEqual((receiver.connections, len(receiver.requests)), (1, 1))

    def test_several_threads_share_a_transport(self):
        def serve(connection):
            while request := connection.request():
                connection.send(answer(body=request.partition(b"\r\n\r\n")[2]))

        receiver = self.receiver(serve)
        transport = Transport(INSIDE)
        wrong = []

        def work(number):
            for turn in range(50):
                body = f"{number}.{turn}"
                answered = transport.send(receiver.url, {}, body.encode())
                if answered.text != body:
                    wrong.append((body, answered))

        threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(receiver.requests), 400)
        self.assertLessEqual(receiver.connections, 8)
